"""Decoded images, no larger than training needs them, kept in a file that all processes share."""

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo_core.transforms import resize

from ._channels import read_in
from ._files import remove

MOST_BYTES = 4 << 30
"""Of a cache. It also leaves three quarters of the disk's room free."""
_LOOKED_AT = 32
"""Images by whose size the room that all need is estimated."""


def needed_side(size: tuple[int, int], crop: float) -> int:
    """Return how many pixels the shorter side of an image needs, so that no random crop has to be enlarged for it.

    Args:
        size: Height and width of the crops, afterwards.
        crop: The least share of the image that is cut out; its proportions are at most 4 to 3.

    Example:
        >>> from zoo_training._pixels import needed_side
        >>> needed_side((224, 224), 0.35)
        438
    """
    return math.ceil(max(size) / math.sqrt(crop * 3 / 4))


def read_pixels(path: Path, side: int, channels: int = 3) -> Tensor:
    """Read an image, shrunk to a shorter side of `side` pixels where it has more: uint8 `(C, H, W)`, channels last.

    Raises:
        ImageError: It cannot be decoded.
        OSError: It cannot be read.
    """
    image = read_in(channels, path, at_least=side)
    if min(image.size) > side:
        image = resize(image, side)
    return torch.from_numpy(np.array(image).reshape(image.height, image.width, channels)).permute(2, 0, 1)


class PixelCache:
    """A file with a place for each image, which the first to read it fills. It holds nothing that has to be kept.

    Each place is written by one process at a time, for an epoch has each sample once; and whoever writes it writes the
    same. Its height and width are written last.

    Args:
        path: Of the file, for which there must be room already.
        places: For each image where it begins in the file, in bytes, and one more for where the last ends.
        side: As `read_pixels` takes it.
        channels: Likewise.
    """

    def __init__(self, path: Path, places: NDArray[np.int64], side: int, channels: int = 3) -> None:
        self._path, self._places, self.side, self._channels = path, places, side, channels
        self._bytes: NDArray[np.uint8] | None = None

    def read(self, place: int, path: Path) -> Tensor:
        """Return what `read_pixels` does, from the file if it is there."""
        content = self._mapped()[self._places[place] : self._places[place + 1]]
        shape = content[:_HEADER].view(np.int32)
        if shape[0]:
            size = int(shape[0]) * int(shape[1]) * self._channels
            pixels = content[_HEADER : _HEADER + size].reshape(int(shape[0]), int(shape[1]), self._channels)
            return torch.from_numpy(pixels.copy()).permute(2, 0, 1)
        image = read_pixels(path, self.side, self._channels)
        if image.numel() <= len(content) - _HEADER:
            content[_HEADER : _HEADER + image.numel()] = image.permute(1, 2, 0).numpy().reshape(-1)
            shape[:] = image.shape[1:]
        return image

    def close(self) -> None:
        """Let go of the file, so that it can be deleted; it is opened again when something is read."""
        self._bytes = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_bytes": None}

    def _mapped(self) -> NDArray[np.uint8]:
        if self._bytes is None:
            self._bytes = np.memmap(self._path, np.uint8, "r+")
        return self._bytes


_HEADER = 8
"""Bytes for the height and the width."""


@contextmanager
def pixel_cache(folder: Path, paths: Sequence[Path], side: int, channels: int = 3) -> Iterator[PixelCache | None]:
    """Make room for decoded images, and take it away in the end; `None` where they need too much.

    Processes that read from it should have ended before.

    Args:
        folder: Where the file is while it is used.
        paths: Of the images.
        side: As `read_pixels` takes it.
        channels: Likewise.
    """
    path = folder / f"pixels.{os.environ.get('RANK', '0')}.cache"  # one for each process that torchrun starts
    places = _places(paths, side, channels, min(MOST_BYTES, shutil.disk_usage(folder).free // 4))
    cache = PixelCache(path, places, side, channels) if places is not None and _reserve(path, int(places[-1])) else None
    try:
        yield cache
    finally:
        if cache is not None:
            cache.close()
        remove(path)


def _places(paths: Sequence[Path], side: int, channels: int, limit: int) -> NDArray[np.int64] | None:
    """Return where each image begins, by the sizes in the files' heads; `None` where they need more than the limit."""
    step = max(1, len(paths) // _LOOKED_AT)
    some = [_room(path, side, channels) for path in paths[::step]]
    if sum(some) / len(some) * len(paths) > limit:
        return None
    places = np.cumsum([0, *(_room(path, side, channels) for path in paths)], dtype=np.int64)
    return places if places[-1] <= limit else None


def _room(path: Path, side: int, channels: int) -> int:
    """Return the bytes that an image needs; none where it cannot be read, which is said when it is its turn."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            short, long = sorted(image.size)
    except Exception:  # noqa: BLE001 # of a file with anything in it
        return _HEADER
    if short > side:
        short, long = side, math.ceil(side * long / short) + 2  # after rounding, also of a JPEG's eighths
    return _HEADER + -(-channels * short * long // _HEADER) * _HEADER


def _reserve(path: Path, size: int) -> bool:
    """Make a file of zeros for which there is room; tell whether that was possible."""
    try:
        with path.open("wb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
    except OSError:
        return False
    return True
