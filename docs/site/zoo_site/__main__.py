"""Write what Sphinx reads: `python -m zoo_site FOLDER [REFERENCE]`."""

import shutil
import sys
from pathlib import Path

from . import Site
from ._generators import GENERATORS

ROOT = Path(__file__).resolve().parents[3]


def main(folder: str, reference: str = "main") -> None:
    """Empty the folder, and let every generator write its part."""
    source = Path(folder).resolve()
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    version = (ROOT / "VERSION").read_text(encoding="utf-8").strip()
    site = Site(ROOT, source, version, reference)
    for generate in GENERATORS:
        generate(site)


if __name__ == "__main__":
    main(*sys.argv[1:])
