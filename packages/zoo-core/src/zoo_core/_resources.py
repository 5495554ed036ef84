"""The data files of packages, in folders or in archives (`sys.path` may have a ZIP file).

A path in an archive goes on behind the archive's own: `packages.zip/zoo_core/…`. (`importlib.resources` would import
the package, and takes as long to import as listing all models.)
"""

import os
from collections.abc import Iterator
from functools import cache


def is_folder(path: str) -> bool:
    """Tell whether there is such a folder."""
    return os.path.isdir(path) or any(True for _ in _below(path))


def is_file(path: str) -> bool:
    """Tell whether there is such a file."""
    if os.path.isfile(path):
        return True
    archive, inside = _split(path)
    return inside in _names(archive) if archive else False


def list_folder(path: str) -> list[str]:
    """Return the names in a folder, sorted.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    names = sorted({name.partition("/")[0] for name in _below(path)})
    return names or sorted(os.listdir(path))


def read_text(path: str) -> str:
    """Return what is in a file, UTF-8.

    Raises:
        OSError: It cannot be read.
    """
    archive, inside = _split(path)
    if archive and inside in _names(archive):
        from zipfile import ZipFile

        with ZipFile(archive) as opened:
            return opened.read(inside).decode("utf-8")
    with open(path, encoding="utf-8") as file:
        return file.read()


def _below(path: str) -> Iterator[str]:
    archive, inside = _split(path)
    names = _names(archive) if archive else ()
    return (name.removeprefix(f"{inside}/") for name in names if name.startswith(f"{inside}/"))


def _split(path: str) -> tuple[str, str]:
    """Return the file on the way to a path, and what follows; nothing where the path exists or has no such file."""
    if os.path.exists(path):
        return "", ""
    archive, inside = os.path.split(path)
    while archive and inside and not os.path.exists(archive):
        archive, name = os.path.split(archive)
        if not name:
            return "", ""
        inside = f"{name}/{inside}"
    return (archive, inside) if os.path.isfile(archive) else ("", "")


@cache
def _names(archive: str) -> frozenset[str]:
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(archive) as opened:
            return frozenset(opened.namelist())
    except (BadZipFile, OSError):
        return frozenset()
