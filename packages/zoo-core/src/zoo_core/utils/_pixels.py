"""Between tensors and PIL images."""

import torch
from PIL import Image
from torch import Tensor


def to_picture(pixels: Tensor) -> Image.Image:
    """Return uint8 pixels, `(3, H, W)`, as an RGB image."""
    height, width = pixels.shape[1:]
    buffer = bytearray(3 * height * width)
    if buffer:
        torch.frombuffer(buffer, dtype=torch.uint8).copy_(pixels.permute(1, 2, 0).flatten())
    return Image.frombytes("RGB", (width, height), bytes(buffer))


def to_pixels(picture: Image.Image) -> Tensor:
    """Return an RGB image as uint8, `(3, H, W)`."""
    numbers = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return numbers.view(picture.height, picture.width, 3).permute(2, 0, 1).contiguous()
