"""Files that are there whole or not at all, and on the disk when it is said that they are."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

logger = logging.getLogger("zoo")


def write_whole(path: Path, text: str) -> None:
    """Write a text under another name, and move it into place.

    Raises:
        OSError: There is no room; what was there before stays.
    """
    write_with(path, lambda file: file.write(text.encode()))


def write_with(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let something be written into a file under another name, and move that into place.

    Raises:
        OSError: There is no room; what was there before stays.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.partial")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        remove(temporary)


def remove(path: Path) -> None:
    """Take away a file or a folder that is not needed any more; where that is not possible, say so in the log."""
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:  # on Windows, of a file that some program has open
        logger.warning("%s cannot be deleted: %s. It is not needed any more: delete it yourself.", path, error)


def remove_partial(folder: Path) -> None:
    """Remove what was being written, or was for the time of training alone, when a process was killed."""
    for pattern in (".*.partial", "model.safetensors.*.safetensors", "*.new", "pixels.*.cache"):
        for left in folder.glob(pattern):
            remove(left)
