"""Resizing and cutting out the middle, in one go where most of the resized image would be cut off.

An image of 60,000 x 1 pixels would be resized to 15,360,000 x 256 before all but 224 columns go. What those need of the
image is resized alone then; the result is that of resizing all but for rounding: within one grey level where PIL images
and integers are resized. Images of usual proportions are resized whole, so that their results stay what they are, bit
by bit.
"""

import math

import torch
from PIL import Image
from torch import Tensor

from ._kernels import center_crop_tensor, check_dimensions, crop_offset, fitted_size, resize_tensor, restored, widened


def is_mostly_cut_off(height: int, width: int, crop_height: int, crop_width: int) -> bool:
    """Tell whether an image resized to a height and width is large, and much larger than what is cut out of it."""
    return height * width > max(1 << 24, 16 * crop_height * crop_width)


def resize_and_crop_tensor(
    image: Tensor, size: list[int], crop_height: int, crop_width: int, interpolation: str, antialias: bool
) -> Tensor:
    """Resize (..., C, H, W) to `fitted_size`, and cut out the middle, with zeros around it where it is smaller."""
    check_dimensions(image)
    height, width = fitted_size(image.shape[-2], image.shape[-1], size)
    if is_mostly_cut_off(height, width, crop_height, crop_width):
        image = resized_middle_of_tensor(image, height, width, crop_height, crop_width, interpolation, antialias)
    else:
        image = resize_tensor(image, size, interpolation, antialias)
    return center_crop_tensor(image, crop_height, crop_width)


def resized_middle_of_tensor(
    image: Tensor, height: int, width: int, crop_height: int, crop_width: int, interpolation: str, antialias: bool
) -> Tensor:
    """Return the middle, of at most the crop's size, of an image (..., C, H, W) resized to a height and width.

    Rows and columns are resized by two products of matrices.
    """
    top, bottom = _needed(image.shape[-2], height, crop_height)
    left, right = _needed(image.shape[-1], width, crop_width)
    pixels = widened(image[..., top:bottom, left:right])
    rows = _weights(image.shape[-2], height, crop_height, interpolation, antialias).to(pixels.device, pixels.dtype)
    columns = _weights(image.shape[-1], width, crop_width, interpolation, antialias).to(pixels.device, pixels.dtype)
    return restored(torch.matmul(torch.matmul(rows, pixels), columns.t()), image)


def resized_middle_of_picture(
    image: Image.Image, height: int, width: int, crop_height: int, crop_width: int, resampling: Image.Resampling
) -> Image.Image:
    """Do the same with a PIL image, by Pillow."""
    top, bottom = _needed(image.height, height, crop_height)
    left, right = _needed(image.width, width, crop_width)
    upper, lower = _edges(image.height, height, crop_height)
    first, last = _edges(image.width, width, crop_width)
    # Counted from a cut nearby: Pillow takes the box in single precision.
    box = (
        max(first - left, 0.0),
        max(upper - top, 0.0),
        min(last - left, float(right - left)),
        min(lower - top, float(bottom - top)),
    )
    size = (min(width, crop_width), min(height, crop_height))
    return image.crop((left, top, right, bottom)).resize(size, resampling, box=box)


def _edges(length: int, resized: int, crop: int) -> tuple[float, float]:
    """Return where the middle of an axis begins and ends, in pixels of the image."""
    start = max(crop_offset(resized, crop), 0)
    scale = length / resized
    return start * scale, min((start + min(crop, resized)) * scale, float(length))


def _needed(length: int, resized: int, crop: int) -> tuple[int, int]:
    """Return the first pixel that any interpolation of the middle looks at, and the first after them."""
    start, end = _edges(length, resized, crop)
    reach = 2.0 * max(length / resized, 1.0) + 1.0  # bicubic interpolation, which shrinks with antialiasing
    return max(int(math.floor(start - reach)), 0), min(int(math.ceil(end + reach)), length)  # noqa: RUF046 # TorchScript


def _weights(length: int, resized: int, crop: int, interpolation: str, antialias: bool) -> Tensor:
    """Return how much each pixel of `_needed` counts for each of the middle: float64 (middle, needed)."""
    first, last = _needed(length, resized, crop)
    scale = length / resized
    start = max(crop_offset(resized, crop), 0)
    targets = torch.arange(start, start + min(crop, resized), dtype=torch.float64)
    centres = (targets + 0.5) * scale
    pixels = torch.arange(first, last, dtype=torch.float64)
    if interpolation == "nearest":
        return (pixels == (targets * scale).floor().unsqueeze(1)).to(torch.float64)
    if interpolation == "nearest-exact":
        return (pixels == centres.floor().unsqueeze(1)).to(torch.float64)
    if antialias:
        distances = (pixels + 0.5 - centres.unsqueeze(1)) / max(scale, 1.0)
        counts = _cubic(distances.abs(), -0.5) if interpolation == "bicubic" else _triangle(distances.abs())
        return counts / counts.sum(1, keepdim=True)
    if interpolation == "bilinear":
        places = (centres - 0.5).clamp(0.0, length - 1.0)
        return _triangle((pixels - places.unsqueeze(1)).abs())
    # Pixels beyond an edge count as the one at the edge.
    places = centres - 0.5
    taps = places.floor().unsqueeze(1) + torch.arange(-1, 3, dtype=torch.float64)
    counts = _cubic((taps - places.unsqueeze(1)).abs(), -0.75)
    indices = taps.clamp(0.0, length - 1.0).sub(first).to(torch.int64)
    return torch.zeros(len(targets), len(pixels), dtype=torch.float64).scatter_add_(1, indices, counts)


def _triangle(distance: Tensor) -> Tensor:
    return (1.0 - distance).clamp(min=0.0)


def _cubic(distance: Tensor, a: float) -> Tensor:
    """Return the cubic convolution kernel.

    Robert Keys: Cubic Convolution Interpolation for Digital Image Processing, 1981.
    """
    near = ((a + 2.0) * distance - (a + 3.0)) * distance * distance + 1.0
    far = ((a * distance - 5.0 * a) * distance + 8.0 * a) * distance - 4.0 * a
    zero = torch.zeros_like(distance)
    return torch.where(distance <= 1.0, near, torch.where(distance < 2.0, far, zero))
