"""Sizes, rectangles and flips; and the normalisation, which is zoo's."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

import zoo_core.transforms as steps
from zoo_core.transforms import InterpolationMode

from ._sizes import ImageT, limited_size

Interpolation = InterpolationMode | str | int


def interpolation_of(value: Interpolation) -> InterpolationMode:
    """Return the mode for itself, for its value, or for Pillow's number of it."""
    return InterpolationMode(value)  # type: ignore[arg-type] # the enum knows the numbers


def resize(
    img: ImageT,
    size: int | Sequence[int],
    interpolation: Interpolation = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> ImageT:
    """Resize an image, as `zoo_core.transforms.resize` does.

    Args:
        img: A PIL image, or a tensor (..., C, H, W).
        size: In pixels: of the smaller edge, or (height, width).
        interpolation: A mode, or Pillow's constant for it.
        max_size: With one number as `size`: what the longer edge may have at most.
        antialias: Whether shrinking a tensor takes in every pixel.

    Raises:
        TypeError: `img` is neither.
        ValueError: An argument is not as described.
    """
    fitting = size if max_size is None else limited_size(img, size, max_size)
    mode = interpolation_of(interpolation)
    return steps.resize(img, fitting, interpolation=mode, antialias=bool(antialias))


def center_crop(img: ImageT, output_size: int | Sequence[int]) -> ImageT:
    """Cut the middle out of a PIL image or a tensor (..., H, W); what a smaller one lacks is black."""
    if isinstance(img, Image.Image):
        return steps.center_crop(img, output_size)
    return steps.center_crop(img[None], output_size)[0] if img.dim() == 2 else steps.center_crop(img, output_size)


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:  # numbers, sequences or tensors
    """Subtract the mean and divide by the standard deviation, channel by channel.

    Args:
        tensor: Floating point (..., C, H, W).
        mean: A value for each channel, or one for all.
        std: Likewise, none of them 0.
        inplace: Change `tensor` itself.

    Raises:
        TypeError: `tensor` is not a floating-point tensor.
        ValueError: The numbers of values and channels differ, or a value of `std` is 0.
    """
    channels = tensor.shape[-3] if tensor.dim() >= 3 else 1
    normalized = steps.normalize(tensor, _values(mean, channels), _values(std, channels))
    return tensor.copy_(normalized) if inplace else normalized


def crop(img: ImageT, top: int, left: int, height: int, width: int) -> ImageT:
    """Cut a rectangle out of an image; what lies outside of it is black."""
    if isinstance(img, Image.Image):
        return img.crop((left, top, left + width, top + height))
    inside = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    before, above = min(max(-left, 0), width), min(max(-top, 0), height)
    return pad(inside, [before, width - before - inside.shape[-1], above, height - above - inside.shape[-2]])


def resized_crop(
    img: ImageT,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: Interpolation = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> ImageT:
    """Cut a rectangle out of an image, and resize it."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img: ImageT) -> ImageT:
    """Mirror an image: what is left comes to the right."""
    if isinstance(img, Tensor):
        return img.flip(-1)
    return img.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def vflip(img: ImageT) -> ImageT:
    """Turn an image upside down, mirrored."""
    if isinstance(img, Tensor):
        return img.flip(-2)
    return img.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def _values(numbers: Any, channels: int) -> list[float]:
    values = torch.as_tensor(numbers, dtype=torch.float64).flatten().tolist()
    return values * channels if len(values) == 1 else values
