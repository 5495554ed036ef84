"""What there is under a name, and what belongs to a cache where names in it are links."""

import os
from pathlib import Path


def is_file(path: Path) -> bool:
    """Tell whether there is a file, as far as that can be seen: there may be a folder that must not be entered."""
    return os.path.isfile(path)  # noqa: PTH113 # pathlib's raises an error then


def is_folder(path: Path) -> bool:
    """Tell whether there is a folder, likewise."""
    return os.path.isdir(path)  # noqa: PTH112


def files_of(path: Path) -> list[Path]:
    """Return the files that leave a cache with one of its files, the contents first.

    Of a Hub's cache, these are the blob and all names that link to it, since a name without contents is taken for a
    broken repository. A link to anywhere else is itself all that belongs to the cache.
    """
    target, folder = path.resolve(), path.parent.resolve()
    repository = target.parent.parent
    if target.parent.name != "blobs" or repository not in folder.parents:
        return [path]
    names = (name for name in (repository / "snapshots").rglob("*") if name.is_symlink())
    return [target, *(name for name in names if name.resolve() == target)]
