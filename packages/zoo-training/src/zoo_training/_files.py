"""Files that are there whole or not at all, and on the disk when it is said that they are."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4


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
        temporary.unlink(missing_ok=True)


def remove_partial(folder: Path) -> None:
    """Remove what was being written when a process was killed."""
    for pattern in (".*.partial", "model.safetensors.*.safetensors", "*.new"):
        for left in folder.glob(pattern):
            left.unlink(missing_ok=True)
