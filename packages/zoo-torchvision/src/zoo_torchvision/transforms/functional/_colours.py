"""Brightness, contrast, saturation and hue, of PIL images by Pillow, of tensors by the same formulas."""

from typing import Any

import torch
from PIL import Image, ImageEnhance
from torch import Tensor

from ._pixels import convert_image_dtype, rgb_to_grayscale


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Multiply pixels: 0 gives black, 1 the image."""
    _require_factor("brightness_factor", brightness_factor)
    if isinstance(img, Image.Image):
        return ImageEnhance.Brightness(img).enhance(brightness_factor)
    return _mixed(img, torch.zeros_like(img), brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """Move pixels away from the mean grey: 0 gives that grey, 1 the image."""
    _require_factor("contrast_factor", contrast_factor)
    if isinstance(img, Image.Image):
        return ImageEnhance.Contrast(img).enhance(contrast_factor)
    grey = rgb_to_grayscale(img) if img.shape[-3] == 3 else img
    dtype = grey.dtype if grey.is_floating_point() else torch.float32
    return _mixed(img, grey.to(dtype).mean(dim=(-3, -2, -1), keepdim=True), contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """Move colours away from grey: 0 gives a grey image, 1 the image."""
    _require_factor("saturation_factor", saturation_factor)
    if isinstance(img, Image.Image):
        return ImageEnhance.Color(img).enhance(saturation_factor)
    return img if img.shape[-3] == 1 else _mixed(img, rgb_to_grayscale(img), saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Turn the circle of colours: by half of it at -0.5 and 0.5.

    Raises:
        ValueError: `hue_factor` is beyond.
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if isinstance(img, Image.Image):
        if img.mode in {"L", "1", "I", "F"}:
            return img
        hue, saturation, value = img.convert("HSV").split()
        shift = int(hue_factor * 255) % 256
        turned = hue.point([(place + shift) % 256 for place in range(256)])
        return Image.merge("HSV", (turned, saturation, value)).convert(img.mode)
    if img.shape[-3] == 1:
        return img
    pixels = convert_image_dtype(img, torch.float32)
    return convert_image_dtype(_with_hue_turned(pixels, hue_factor), img.dtype)


def _require_factor(name: str, factor: float) -> None:
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")


def _mixed(img: Tensor, other: Tensor, share: float) -> Tensor:
    largest = 1.0 if img.is_floating_point() else float(torch.iinfo(img.dtype).max)
    return (share * img + (1.0 - share) * other).clamp(0, largest).to(img.dtype)


def _with_hue_turned(pixels: Tensor, by: float) -> Tensor:
    """Turn the hue of RGB in [0, 1]: Smith, Color Gamut Transform Pairs, 1978, its hexcone model both ways."""
    value, lowest = pixels.amax(-3), pixels.amin(-3)
    spread = value - lowest
    red, green, blue = pixels.unbind(-3)
    divisor = torch.where(spread == 0, torch.ones_like(spread), spread)
    sixth = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    hue = (sixth / 6 + by) % 1.0
    channels = []
    for offset in (5.0, 3.0, 1.0):
        place = (offset + hue * 6) % 6
        channels.append(value - spread * torch.minimum(place, 4 - place).clamp(0, 1))
    return torch.stack(channels, dim=-3)
