"""The site: what Sphinx reads is put together here, out of pages, catalogues and docstrings; then Sphinx builds it.

    python -m zoo_site FOLDER

with `docs/site` and the packages on the path writes it into a folder, which is emptied. `nox -s docs` does both.
"""

from ._site import Site as Site
