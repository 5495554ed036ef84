"""One download a machine, however many processes ask for a file.

A lock only saves work. Where it does nothing, or cannot be had, unique names and renames keep everything right.
"""

import contextlib
import errno
import logging
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ._partial import partials
from ._work_folder import work_folder

if TYPE_CHECKING:
    from filelock import BaseFileLock

logger = logging.getLogger("zoo")

PATIENCE = 60.0
"""Seconds without any progress after which the process that holds a lock is not waited for any longer."""


@contextmanager
def locked(name: str, folder: Path) -> Iterator[None]:
    """Hold the lock of a file that is to come into a folder, if that is possible."""
    from filelock import FileLock

    try:
        path = work_folder(folder, "locks") / f"{name}.lock"
        _check_harmless(path)
        lock = FileLock(path, mode=0o666)  # for all who may write to the folder
        _acquire(lock, name, folder)
    except (OSError, NotImplementedError) as error:
        logger.info("%s is fetched without a lock: %s", name, error)
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.release()


def _check_harmless(path: Path) -> None:
    """Refuse what is not an empty file of one name: to take a lock empties what its name stands for."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_size != 0:
        raise OSError(errno.EINVAL, "is not a lock: it is a link, or has contents", str(path))


def _acquire(lock: "BaseFileLock", name: str, folder: Path) -> None:
    """Wait for a lock, as long as whoever holds it gets on with the file."""
    from filelock import Timeout

    with contextlib.suppress(Timeout):
        lock.acquire(timeout=1)
        return
    logger.info("another process is fetching %s: waiting for it", name)
    seen = None
    while (progress := [(found.bytes_path, found.size) for found in partials(folder, name)]) != seen:
        seen = progress
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=PATIENCE)
            return
    raise OSError(f"who holds {lock.lock_file} has made no progress for {PATIENCE:g} seconds")
