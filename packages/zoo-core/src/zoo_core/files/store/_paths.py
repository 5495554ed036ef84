"""What there is under a path, what belongs to a cache where names in it are links, and atomic writes."""

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


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


def temporary_beside(path: Path) -> Path:
    """Return a name that nobody else uses, from where one rename leads to `path`."""
    return path.with_name(f"{path.name}.{os.urandom(4).hex()}.new")


def usual_mode(path: Path) -> int:
    """Return the permissions that a new file at `path` gets: those that the user's settings leave."""
    probe = temporary_beside(path)
    try:
        with probe.open("xb") as file:
            return stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    finally:
        probe.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Write a small file in one step: others see its old contents or the new, never a part."""
    temporary = temporary_beside(path)
    try:
        with temporary.open("xb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def open_itself(path: Path) -> BinaryIO:
    """Open a file to read that somebody else may have put there: an `OSError` if it is a link, a pipe, or a device."""
    file = open(path, "rb", opener=_open_no_link)  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "is not a file", str(path))
    return file


def read_itself(path: Path, at_most: int) -> bytes:
    """Read such a file; an `OSError` if it is longer."""
    with open_itself(path) as file:
        content = file.read(at_most + 1)
    if len(content) > at_most:
        raise OSError(errno.EFBIG, "is too long", str(path))
    return content


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
