"""Finds programs in folders, and migrates their files."""

import difflib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from ._left import Left
from ._source import Migration, MigrationError, migrate_source

_LINE = re.compile(r"[^\n]*\n?")
_NOTEBOOK = "notebooks are not migrated: export it as a script, or run it with zoo-torchvision"


@dataclass(frozen=True)
class MigratedFile:
    """A file, and what became of it.

    Args:
        path: The file.
        migration: What it was and what it becomes.
        error: Why it could not be read or written; empty where it could.
    """

    path: Path
    migration: Migration
    error: str = ""

    def diff(self) -> str:
        """Return the changes as a unified diff, which `patch -p1` and `git apply` read."""
        encoding = self.migration.encoding
        before, after = (_lines(text.decode(encoding)) for text in (self.migration.before, self.migration.after))
        name = self.path.as_posix().removeprefix("/")
        lines = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    """Return the lines of a text as tools for diffs have them: only a line feed ends one."""
    return [part for part in _LINE.findall(text) if part]


def migrate_files(paths: Iterable[str | os.PathLike[str]], *, write: bool = False) -> Iterator[MigratedFile]:
    """Migrate files, and the Python files in folders and below, as `migrate_source` does.

    Hidden folders, virtual environments and `__pycache__` are passed over, and links to folders are not followed.

    Args:
        paths: Files and folders.
        write: Whether changed files are written: whole or not at all, with the permissions that they have.

    Yields:
        Each file that has to do with torchvision, or could not be read or written.

    Raises:
        FileNotFoundError: Nothing is at a path; no file has been touched then.
    """
    places = [Path(path) for path in paths]
    for place in places:
        if not place.exists():
            raise FileNotFoundError(f"There is no file or folder {str(place)!r}.")
    found = dict.fromkeys(path for place in places for path in (_programs(place) if place.is_dir() else [place]))
    for path in found:
        migrated = _migrate(path, write=write)
        if migrated.error or migrated.migration.left or migrated.migration.is_changed:
            yield migrated


def _programs(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_passed_over(Path(place, name)))
        yield from (Path(place, name) for name in sorted(names) if name.endswith((".py", ".pyi", ".ipynb")))


def _is_passed_over(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.name == "__pycache__" or (folder / "pyvenv.cfg").exists()


def _migrate(path: Path, *, write: bool) -> MigratedFile:
    content = b""
    try:
        content = path.read_bytes()
        if path.suffix == ".ipynb":
            left = (Left(0, ("torchvision",), _NOTEBOOK),) if b"torchvision" in content else ()
            return MigratedFile(path, Migration(content, content, left))
        migration = migrate_source(content)
        if write and migration.is_changed:
            _replace(path, migration.after)
    except MigrationError as error:
        return MigratedFile(path, Migration(content, content), f"it is not Python that can be read: {error}")
    except OSError as error:
        return MigratedFile(path, Migration(content, content), error.strerror or str(error))
    return MigratedFile(path, migration)


def _replace(path: Path, content: bytes) -> None:
    """Put content in the place of a file's, or of the file's that a link names."""
    place = path.resolve()
    temporary = place.with_name(f".{place.name}.{uuid4().hex}.partial")
    try:
        temporary.write_bytes(content)
        temporary.chmod(place.stat().st_mode)
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)
