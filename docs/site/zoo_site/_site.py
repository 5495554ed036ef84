"""Where the pages of the site come from, and where they go."""

from dataclasses import dataclass
from pathlib import Path

ADDRESS = "https://github.com/org/zoo"
"""Of the repository."""
STATIC = "_static_files"
"""Where in the source folder the files are that are served beside those of `docs/site/static`."""


@dataclass(frozen=True)
class Site:
    """What every generator is given.

    Args:
        repository: The checkout that the site is made of.
        source: The folder that Sphinx reads; a page `a/b.md` in it becomes `a/b.html`.
        version: Of the packages.
        reference: The branch or the tag that links to files of the repository name.
    """

    repository: Path
    source: Path
    version: str
    reference: str = "main"

    def write(self, name: str, text: str) -> None:
        """Write a page or another file, such as `gallery/index.md`.

        Raises:
            ValueError: There is such a page already.
        """
        path = self.source / name
        if path.exists():
            raise ValueError(f"two files of the site are named {name}: give one of them another name")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def write_static(self, name: str, text: str) -> None:
        """Write a file that pages load, such as `gallery/models.js`: it is served as `_static/gallery/models.js`."""
        self.write(f"{STATIC}/{name}", text)

    def file_address(self, path: str) -> str:
        """Return where a file or a folder of the repository is looked at, such as `examples/shapes.py`."""
        kind = "tree" if (self.repository / path.partition("#")[0]).is_dir() else "blob"
        return f"{ADDRESS}/{kind}/{self.reference}/{path}"
