"""Pixels from one type to another."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor

from zoo_core.transforms import pil_to_tensor

_MODES_OF_BYTES = {1: ("L", "P", "1"), 2: ("LA",), 3: ("RGB", "YCbCr", "HSV", "LAB"), 4: ("RGBA", "CMYK", "RGBX")}
"""The modes that so many channels of bytes may have; the first is the one that is meant without a word."""
_WIDE_MODES = {torch.int16: "I;16", torch.uint16: "I;16", torch.int32: "I", torch.float32: "F"}


def to_tensor(pic: Any) -> Tensor:  # a PIL image or a NumPy array, which need not be installed
    """Return a picture as (C, H, W): bytes as float32 in [0, 1], other pixels with their values.

    16-bit grey of a PIL image is int16, in which 40000 is -25536: uint16 has few operations.

    Args:
        pic: A PIL image, or an array (H, W) or (H, W, C).

    Raises:
        TypeError: It is neither.
        ValueError: The array has another number of dimensions.
    """
    if isinstance(pic, Image.Image):
        pixels = pil_to_tensor(pic)
    elif type(pic).__module__ == "numpy":
        if pic.ndim not in {2, 3}:
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        pixels = _of_array(pic).contiguous()
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    if pixels.dtype == torch.uint16 and isinstance(pic, Image.Image):
        return pixels.view(torch.int16)
    if pixels.dtype == torch.bool and isinstance(pic, Image.Image):
        return pixels.to(torch.get_default_dtype())
    return pixels.to(torch.get_default_dtype()).div(255) if pixels.dtype == torch.uint8 else pixels


def to_pil_image(pic: Any, mode: str | None = None) -> Image.Image:
    """Return pixels as a PIL image.

    Args:
        pic: A tensor (C, H, W) or (H, W), floating point in [0, 1] (of which bytes are made, unless `mode` is `"F"`),
            or integers; or a NumPy array (H, W, C) or (H, W).
        mode: Pillow's name for what the channels mean; by default grey, grey with alpha, RGB or RGBA.

    Raises:
        TypeError: `pic` is neither.
        ValueError: It has another shape, or `mode` does not go with its channels.
    """
    if type(pic).__module__ == "numpy":
        pixels = _of_array(pic)
    elif isinstance(pic, Tensor):
        pixels = pic.detach().cpu()
        if pixels.dim() not in {2, 3}:
            raise ValueError(f"pic should be 2/3 dimensional. Got {pixels.dim()} dimensions.")
        pixels = pixels.unsqueeze(0) if pixels.dim() == 2 else pixels
        if pixels.is_floating_point() and mode != "F":
            pixels = pixels.mul(255).to(torch.uint8)
    else:
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    return _picture(pixels, mode)


def _of_array(array: Any) -> Tensor:
    """Return an array (H, W) or (H, W, C) as (C, H, W); one that runs backwards, as `bgr[..., ::-1]`, is copied."""
    pixels = torch.from_numpy(array.copy() if any(stride < 0 for stride in array.strides) else array)
    return (pixels.unsqueeze(-1) if pixels.dim() == 2 else pixels).permute(2, 0, 1)


def _picture(pixels: Tensor, mode: str | None) -> Image.Image:
    channels, height, width = pixels.shape
    if channels > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {channels} channels.")
    if pixels.dtype == torch.bool:
        pixels = pixels.to(torch.uint8) * 255
    modes = _MODES_OF_BYTES[channels]
    if pixels.dtype != torch.uint8:
        wide = _WIDE_MODES.get(pixels.dtype)
        modes = (wide,) if wide and channels == 1 else ()
    if not modes:
        raise TypeError(f"Input type {pixels.dtype} with {channels} channels is not supported")
    if mode is not None and mode not in modes:
        raise ValueError(f"Only modes {modes} are supported for {channels} channels of {pixels.dtype}. Got {mode}")
    data = pixels.permute(1, 2, 0).contiguous().flatten().view(torch.uint8)
    buffer = bytearray(data.numel())
    torch.frombuffer(buffer, dtype=torch.uint8).copy_(data)
    if mode == "1":
        return Image.frombytes("L", (width, height), bytes(buffer)).convert("1")
    return Image.frombytes(mode or modes[0], (width, height), bytes(buffer))


def convert_image_dtype(image: Any, dtype: torch.dtype = torch.float32) -> Tensor:  # what is no tensor is refused
    """Convert pixels so that the largest value of one type becomes that of the other; floating point has 1.

    Args:
        image: A tensor of any shape.
        dtype: What it should become.

    Raises:
        TypeError: `image` is no tensor.
        RuntimeError: Floating-point numbers have too few digits for the integers that are asked for.
    """
    if not isinstance(image, Tensor):
        raise TypeError(f"Input img should be Tensor Image; found {type(image).__name__}: `to_tensor` makes one.")
    return image if image.dtype == dtype else _converted(image, dtype)


def _converted(image: Tensor, dtype: torch.dtype) -> Tensor:
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        if torch.finfo(image.dtype).bits <= torch.iinfo(dtype).bits and torch.iinfo(dtype).bits >= 32:
            raise RuntimeError(f"The cast from {image.dtype} to {dtype} cannot be performed safely.")
        return image.mul(torch.iinfo(dtype).max + 1.0 - 1e-3).to(dtype)  # a little less than one step more
    largest = 1 if image.dtype == torch.bool else torch.iinfo(image.dtype).max
    if dtype.is_floating_point:
        return image.to(dtype) / largest
    return _between_integers(image, largest, dtype)


def _between_integers(image: Tensor, largest: int, dtype: torch.dtype) -> Tensor:
    target = torch.iinfo(dtype).max
    if largest > target:
        return torch.div(image, (largest + 1) // (target + 1), rounding_mode="floor").to(dtype)
    return image.to(dtype) * ((target + 1) // (largest + 1))


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:  # what is given comes back
    """Return an image's luma: 0.2989 red, 0.587 green and 0.114 blue.

    Args:
        img: A PIL image, or a tensor (..., 1 or 3, H, W).
        num_output_channels: 1, or 3 for three that are the same.

    Raises:
        ValueError: `num_output_channels` is another number.
        TypeError: The image has another number of channels.
    """
    if num_output_channels not in {1, 3}:
        raise ValueError(f"num_output_channels should be either 1 or 3; found {num_output_channels}.")
    if isinstance(img, Image.Image):
        grey = img.convert("L")
        return grey if num_output_channels == 1 else Image.merge("RGB", (grey,) * 3)
    if img.shape[-3] not in {1, 3}:
        raise TypeError(f"Input image tensor permitted channel values are 1 or 3, but found {img.shape[-3]}")
    luma = img
    if img.shape[-3] == 3:
        red, green, blue = img.unbind(-3)
        luma = (0.2989 * red + 0.587 * green + 0.114 * blue).to(img.dtype).unsqueeze(-3)
    return luma.expand(*img.shape[:-3], num_output_channels, *img.shape[-2:]) if num_output_channels == 3 else luma


to_grayscale = rgb_to_grayscale
