"""Protections that `nox -s mutation` takes out, by what they protect."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules


@dataclass(frozen=True)
class Mutation:
    """A protection taken out.

    Args:
        protection: What is taken out.
        file: Where it is, from the package on (`zoo_video/io/_source.py`), or within zoo_core.
        old: Its text, which must be there once.
        new: What stands there instead.
        tests: Each must fail then; below tests/, or below tests/core.
    """

    protection: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def path(self, packages: Path) -> Path:
        """Return where the file is, below the folder that has the packages."""
        return packages / ("" if self.file.startswith("zoo_") else "zoo_core") / self.file


def all_mutations() -> list[Mutation]:
    """Return the mutations of all parts."""
    parts = (import_module(f"{__name__}.{part.name}") for part in iter_modules(__path__))
    return [mutation for part in parts for mutation in part.MUTATIONS]
