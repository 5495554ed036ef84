"""The folder `.zoo` beside the downloads, from which a finished file can be moved into place by one rename.

In a cache that several people write, anybody may have put a link where one of its folders should be. None is followed:
what is made, listed and removed is inside the folder for downloads, whatever stands there.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WORK_FOLDER = ".zoo"

_FOLLOWS_NONE = os.open in os.supports_dir_fd and os.unlink in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


def work_folder(folder: Path, kind: str) -> Path:
    """Return `.zoo/locks` or `.zoo/partial` in a folder, made if needed, with the permissions that the folder has.

    Raises:
        OSError: It cannot be made, or there is a link, or a file, in its place.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / WORK_FOLDER / kind
    for each in (path.parent, path):
        try:
            each.mkdir()
        except FileExistsError:
            _check_is_folder(each)
        else:
            _allow_as(folder, each)
    return path


def work_files(folder: Path, kind: str) -> list[Path]:
    """Return what is in such a folder, sorted; nothing where it is not there, or a link is in its place."""
    path = folder / WORK_FOLDER / kind
    try:
        with _opened(path) as descriptor:
            names = os.listdir(path if descriptor is None else descriptor)  # noqa: PTH208
    except OSError:
        return []
    return [path / name for name in sorted(names)]


def remove_work_file(path: Path) -> None:
    """Delete a file in such a folder; an `OSError` says that this is not allowed."""
    with _opened(path.parent) as descriptor:
        if descriptor is None:
            path.unlink()
        else:
            os.unlink(path.name, dir_fd=descriptor)


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """Open `.zoo/kind` itself; where the system cannot do that, look at its name."""
    if not _FOLLOWS_NONE:
        for each in (path.parent, path):
            _check_is_folder(each)
        yield None
        return
    outer = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        inner = os.open(path.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=outer)
    finally:
        os.close(outer)
    try:
        yield inner
    finally:
        os.close(inner)


def _check_is_folder(path: Path) -> None:
    if not stat.S_ISDIR(path.lstat().st_mode):
        raise NotADirectoryError(
            errno.ENOTDIR, "a link or a file is where zoo keeps unfinished files: remove it", str(path)
        )


def _allow_as(folder: Path, made: Path) -> None:
    """Give a new folder the permissions of another, and not what somebody may have put in its place meanwhile."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    with contextlib.suppress(OSError):
        if not _FOLLOWS_NONE:
            made.chmod(mode)
            return
        descriptor = os.open(made, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if os.fstat(descriptor).st_uid == os.geteuid():
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
