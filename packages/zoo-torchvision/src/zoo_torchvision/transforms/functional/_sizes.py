"""The sizes of PIL images and tensors alike."""

from collections.abc import Sequence
from typing import TypeVar

from PIL import Image
from torch import Tensor

ImageLike = Tensor | Image.Image
ImageT = TypeVar("ImageT", Tensor, Image.Image)


def get_dimensions(img: ImageLike) -> list[int]:
    """Return `[channels, height, width]`."""
    if isinstance(img, Tensor):
        return [1 if img.dim() == 2 else img.shape[-3], *img.shape[-2:]]
    return [len(img.getbands()), img.height, img.width]


def get_image_size(img: ImageLike) -> list[int]:
    """Return `[width, height]`."""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: ImageLike) -> int:
    """Return the number of channels."""
    return get_dimensions(img)[0]


def pair(size: int | Sequence[int], message: str = "Please provide only two dimensions (h, w) for size.") -> list[int]:
    """Return height and width: of a square where one number is given.

    Raises:
        ValueError: There are more than two numbers.
    """
    sizes = [size] if isinstance(size, int) else list(size)
    if len(sizes) not in {1, 2}:
        raise ValueError(message)
    return [sizes[0], sizes[-1]]


def limited_size(img: ImageLike, size: int | Sequence[int], max_size: int) -> list[int]:
    """Return height and width where the smaller edge becomes `size`, unless the longer would become more than allowed.

    Raises:
        ValueError: `size` has two numbers, or is not below `max_size`.
    """
    smaller = size if isinstance(size, int) else size[0] if len(size) == 1 else None
    if smaller is None:
        raise ValueError(f"max_size goes with one number as size, that of the smaller edge; found {size!r}.")
    if max_size <= smaller:
        raise ValueError(f"max_size = {max_size} must be strictly greater than the requested size = {size}.")
    _, height, width = get_dimensions(img)
    short, long = sorted((height, width))
    new_short, new_long = smaller, int(smaller * long / short)
    if new_long > max_size:
        new_short, new_long = int(max_size * new_short / new_long), max_size
    return [new_short, new_long] if height <= width else [new_long, new_short]
