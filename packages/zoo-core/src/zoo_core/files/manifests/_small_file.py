"""Reads small files that others may have made: whatever is under the name, it takes a moment and little memory."""

import errno
import os
import stat
from pathlib import Path


def read_small_file(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file of at most `most` bytes.

    A pipe is not waited for, a device not read, and a file that grows meanwhile read no further.

    Raises:
        OSError: There is no file, something else is there, or it is longer or cannot be read.
    """
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(opened, "rb") as file:  # noqa: PTH123 # it is open already
        status = os.fstat(opened)
        if stat.S_ISDIR(status.st_mode):
            raise OSError(errno.EISDIR, "Is a directory", str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        if status.st_size > most:
            raise OSError(errno.EFBIG, f"{status.st_size:,} bytes are too many", str(path))
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, "It grows while it is read", str(path))
    return content
