"""The folder for files with wrong bytes: private, and bounded."""

import contextlib
import os
import shutil
import stat
from pathlib import Path

from ._paths import is_folder

MOST_FILES = 20
MOST_BYTES = 4 << 30
"""Beyond which the oldest go, but never the one that came last."""


def make_private_folder(path: Path) -> None:
    """Make a folder that nobody else may enter, or see that it is one.

    Raises:
        OSError: It cannot be made, is a link, or is somebody else's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or (os.name == "posix" and status.st_uid != os.geteuid()):
        raise NotADirectoryError(f"{path} is not a folder of this user's own")
    if stat.S_IMODE(status.st_mode) & 0o077 and os.name == "posix":
        path.chmod(0o700)


def copy_privately(path: Path, target: Path) -> None:
    """Copy a file to where there is none, for this user alone; an `OSError` says that it is none, or too large."""
    with path.open("rb") as source, open(target, "xb", opener=_open_private) as copy:
        if not stat.S_ISREG(os.fstat(source.fileno()).st_mode) or os.fstat(source.fileno()).st_size > MOST_BYTES:
            raise OSError(f"{path} is no file, or too large for the quarantine")
        shutil.copyfileobj(source, copy, 1 << 20)


def files_in_quarantine(folder: Path) -> list[Path]:
    """Return the files there, sorted, and links themselves; nothing if the folder is itself a link."""
    if folder.is_symlink() or not is_folder(folder):
        return []
    return sorted(path for path in folder.iterdir() if path.is_symlink() or not path.is_dir())


def make_room(folder: Path, keep: Path) -> None:
    """Delete the oldest files, until those that stay are few and small enough; of links, the links themselves."""
    with contextlib.suppress(OSError):
        os.utime(keep, follow_symlinks=False)  # when it came here
    found = []
    for path in files_in_quarantine(folder):
        with contextlib.suppress(OSError):
            found.append((path == keep, path.lstat().st_mtime_ns, path.lstat().st_size, path))
    count, total = 0, 0
    for is_last, _, size, path in sorted(found, reverse=True):
        count, total = count + 1, total + size
        if not is_last and (count > MOST_FILES or total > MOST_BYTES):
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
