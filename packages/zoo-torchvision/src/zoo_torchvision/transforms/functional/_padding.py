"""Borders around images."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from zoo_core.transforms import pil_to_tensor

from ._pixels import to_pil_image
from ._sizes import ImageT

Fill = float | Sequence[float]
_MODES = ("constant", "edge", "reflect", "symmetric")


def pad(img: ImageT, padding: int | Sequence[int], fill: Fill = 0, padding_mode: str = "constant") -> ImageT:
    """Surround an image with a border.

    Args:
        img: A PIL image, or a tensor (..., H, W).
        padding: In pixels, on all sides; or (left and right, top and bottom); or (left, top, right, bottom).
        fill: What the border has where it is constant: one number, or one for each channel.
        padding_mode: `"constant"`, `"edge"` (the last pixel goes on), `"reflect"` (mirrored about it) or `"symmetric"`
            (mirrored with it).

    Raises:
        ValueError: There is no such mode, `padding` has three numbers or more than four, or `fill` not one a channel.
    """
    if padding_mode not in _MODES:
        raise ValueError(f"Padding mode should be either constant, edge, reflect or symmetric; got {padding_mode!r}")
    left, top, right, bottom = sides(padding)
    if isinstance(img, Image.Image):
        if padding_mode == "constant":
            return _framed(img, left, top, right, bottom, fill)
        padded = pad(pil_to_tensor(img), [left, top, right, bottom], padding_mode=padding_mode)
        return _with_palette(to_pil_image(padded, img.mode), img)
    if padding_mode == "constant":
        return _filled(img, left, top, right, bottom, fill)
    rows = _places(img.shape[-2], top, bottom, padding_mode).to(img.device)
    columns = _places(img.shape[-1], left, right, padding_mode).to(img.device)
    return img.index_select(-2, rows).index_select(-1, columns)


def sides(padding: int | Sequence[int]) -> list[int]:
    """Return what is added left, above, right and below.

    Raises:
        ValueError: There are three numbers, or more than four.
    """
    values = [padding] if isinstance(padding, int) else list(padding)
    if len(values) not in {1, 2, 4}:
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(values)} element tuple")
    return values * (4 // len(values))


def _framed(img: Image.Image, left: int, top: int, right: int, bottom: int, fill: Fill) -> Image.Image:
    bands = len(img.getbands())
    values = [fill] * bands if isinstance(fill, int | float) else list(fill)
    if len(values) != bands:
        raise ValueError(f"The number of elements in 'fill' ({len(values)}) does not match the channels ({bands})")
    colour = values[0] if bands == 1 else tuple(int(value) for value in values)
    framed = Image.new(img.mode, (img.width + left + right, img.height + top + bottom), colour)
    framed.paste(img, (left, top))
    return _with_palette(framed, img)


def _with_palette(img: Image.Image, other: Image.Image) -> Image.Image:
    """Give an image the palette of another, if that has one."""
    if other.mode == "P" and (palette := other.getpalette()):
        img.putpalette(palette)
    return img


def _filled(img: Tensor, left: int, top: int, right: int, bottom: int, fill: Fill) -> Tensor:
    border = [left, right, top, bottom]
    if isinstance(fill, int | float):
        return torch.nn.functional.pad(img, border, value=fill)
    if len(fill) != img.shape[-3]:
        raise ValueError(
            f"The number of elements in 'fill' ({len(fill)}) does not match the channels ({img.shape[-3]})"
        )
    values = torch.as_tensor(fill, dtype=img.dtype, device=img.device).reshape(-1, 1, 1)
    height, width = img.shape[-2] + top + bottom, img.shape[-1] + left + right
    inside = torch.nn.functional.pad(torch.ones_like(img[..., :1, :, :], dtype=torch.bool), border)
    return torch.where(inside, torch.nn.functional.pad(img, border), values.expand(-1, height, width))


def _places(length: int, before: int, after: int, mode: str) -> Tensor:
    """Return which row, or column, stands at each place."""
    places = torch.arange(-before, length + after)
    if mode == "edge" or length == 1:
        return places.clamp(0, length - 1)
    period = 2 * length - 2 if mode == "reflect" else 2 * length
    within = places % period
    return torch.minimum(within, (period if mode == "reflect" else period - 1) - within)
