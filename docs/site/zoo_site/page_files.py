"""A Sphinx extension: scripts and styles of a page alone, which it names in its front matter.

    ---
    scripts: gallery/table.js gallery/plot.js
    styles: gallery/table.css
    ---

They are files of the folder `static`, or have been written by `Site.write_static`.
"""

from typing import Any

from sphinx.application import Sphinx

from ._site import STATIC


def add_files(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Add what the front matter of a page names to that page."""
    facts = app.env.metadata.get(pagename, {})
    for name in str(facts.get("scripts", "")).split():
        app.add_js_file(name, loading_method="defer")
    for name in str(facts.get("styles", "")).split():
        app.add_css_file(name)


def setup(app: Sphinx) -> dict[str, bool]:
    """Let Sphinx ask for every page."""
    app.config.html_static_path.append(str(app.srcdir / STATIC))
    (app.srcdir / STATIC).mkdir(exist_ok=True)
    app.connect("html-page-context", add_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
