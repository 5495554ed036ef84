"""Pixels in arrays and tensors, as images and as frames of videos. NumPy is not needed, unless an array is NumPy's."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor

from zoo_core.images import to_rgb
from zoo_core.transforms import tensor_to_pil

from ._inputs import Array

_TYPES = {"B": torch.uint8, "e": torch.float16, "f": torch.float32, "d": torch.float64}
"""By the letters for them in Python's buffers."""
_CHANNELS = (1, 3, 4)
"""Grey, RGB, and RGB with opacity."""
_ROUNDING = 1e-3
"""By how much numbers may be out of [0, 1]."""


def image_of(pixels: Array) -> Image.Image:
    """Return an image in RGB.

    Args:
        pixels: An array `(H, W)`, `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)`, or a tensor with the channels first; uint8,
            or floating point in [0, 1], rounded to 8 bits, as files have them. Transparency is laid over white.

    Raises:
        ValueError: It is something else; the message says what was found, and perhaps what to do.

    Example:
        >>> image_of(torch.ones(3, 2, 5)).size
        (5, 2)
    """
    _check_shape(pixels, "an image", ("H", "W"), ndims=(2, 3))
    values = _channels_first(pixels)
    channels = _in_8_bits(values if values.ndim == 3 else values[None])
    bands = [tensor_to_pil(band) for band in channels]
    return to_rgb(bands[0] if len(bands) == 1 else Image.merge("RGB" if len(bands) == 3 else "RGBA", bands))


def frames_of(pixels: Array) -> Tensor:
    """Return the frames of a video, uint8 `(T, 3, H, W)`.

    Args:
        pixels: An array `(T, H, W, 3)` or a tensor `(T, 3, H, W)`, in numbers as for `image_of`; grey has one channel.

    Raises:
        ValueError: It is something else; the message says what was found, and perhaps what to do.

    Example:
        >>> frames_of(torch.zeros(8, 1, 4, 5)).shape
        torch.Size([8, 3, 4, 5])
    """
    _check_shape(pixels, "a video", ("T", "H", "W"), ndims=(4,), channels=_CHANNELS[:2])
    frames = _in_8_bits(_channels_first(pixels))
    return frames.expand(-1, 3, -1, -1)


def _check_shape(
    pixels: Array, kind: str, dims: tuple[str, ...], *, ndims: tuple[int, ...], channels: tuple[int, ...] = _CHANNELS
) -> None:
    shape, is_tensor = tuple(pixels.shape), isinstance(pixels, Tensor)
    place = -3 if is_tensor else -1
    expected = ", ".join((*dims[:-2], "C", *dims[-2:]) if is_tensor else (*dims, "C"))
    found = f"{kind} in {'a tensor' if is_tensor else 'an array'} should have the shape ({expected}), found {shape}"
    if len(shape) not in ndims:
        raise ValueError(f"{found}: {_advice(shape, kind)}.")
    if 0 in shape:
        raise ValueError(f"{found}, which has no pixels.")
    if len(shape) >= 3 and shape[place] not in channels:
        raise ValueError(f"{found}, where C should be {' or '.join(map(str, channels))}{_order(shape, is_tensor)}.")


def _advice(shape: tuple[int, ...], kind: str) -> str:
    if kind == "a video":
        return "give all frames of one video in four dimensions, and several videos in a list"
    return "give a batch of images as a list, `list(batch)`" if len(shape) == 4 else "give one image"


def _order(shape: tuple[int, ...], is_tensor: bool) -> str:
    """Say how to bring channels where they should be, where they seem to be elsewhere."""
    dims = list(range(len(shape)))
    if is_tensor and shape[-1] in _CHANNELS:
        return f": use .permute({', '.join(map(str, [*dims[:-3], dims[-1], dims[-3], dims[-2]]))})"
    if is_tensor and len(shape) == 4 and shape[0] in _CHANNELS:
        return ": use .permute(1, 0, 2, 3)"
    if not is_tensor and shape[-3] in _CHANNELS:
        return f": use .transpose({', '.join(map(str, [*dims[:-3], dims[-2], dims[-1], dims[-3]]))})"
    return ""


def _channels_first(pixels: Array) -> Tensor:
    if isinstance(pixels, Tensor):
        return pixels.detach().cpu()
    values = _tensor_of(pixels)
    return values if values.ndim == 2 else values.movedim(-1, -3)


def _tensor_of(array: Any) -> Tensor:  # something with a shape and a dtype
    """Copy an array by way of Python's buffers, which NumPy and others have in common."""
    try:
        try:
            view = memoryview(array)
        except TypeError:
            view = memoryview(array.__array__())
    except (AttributeError, TypeError, ValueError, BufferError) as error:
        raise ValueError(f"{type(array).__qualname__} of {array.dtype} cannot be read as an array: {error}.") from None
    dtype = _TYPES.get(view.format)
    if dtype is None:
        raise ValueError(_wrong_type(array.dtype))
    return torch.frombuffer(bytearray(view.tobytes()), dtype=dtype).reshape(tuple(array.shape))


def _in_8_bits(values: Tensor) -> Tensor:
    """Return uint8; floating point is scaled from [0, 1]."""
    if values.dtype == torch.uint8:
        return values
    if not values.is_floating_point():
        raise ValueError(_wrong_type(values.dtype))
    values = values.float()
    low, high = (value.item() for value in values.aminmax())
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):  # NaN is in no range
        raise ValueError(
            f"floating-point pixels should be in [0, 1], found from {low:.4g} to {high:.4g}: divide those of 0..255 by "
            "255 or convert them to uint8, and give images before they are normalised."
        )
    return (values.clamp(0, 1) * 255).round().to(torch.uint8)


def _wrong_type(dtype: object) -> str:
    return f"pixels should be uint8 (0..255) or floating point (in [0, 1]), found {dtype}: convert them."
