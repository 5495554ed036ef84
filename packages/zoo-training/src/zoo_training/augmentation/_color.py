"""Changes of colour by chance."""

import torch
from torch import Tensor

from zoo_training._randomness import uniform

_GREY = (0.299, 0.587, 0.114)
"""ITU-R BT.601: how bright red, green and blue look."""


def jitter_color(image: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Change brightness, contrast and saturation, each by a factor between 1 - amount and 1 + amount.

    Args:
        image: uint8 `(..., 3, H, W)`, or `(..., 1, H, W)`, which is grey; several images change alike.
        amount: In [0, 1]; 0 changes nothing.
        generator: Of the chance.

    Example:
        >>> import torch
        >>> from zoo_training.augmentation import jitter_color
        >>> image = torch.full((3, 2, 2), 100, dtype=torch.uint8)
        >>> bool((jitter_color(image, 0.5, torch.Generator().manual_seed(1)) != image).any())
        True
    """
    if amount == 0:
        return image
    brightness, contrast, saturation = (uniform(max(0.0, 1 - amount), 1 + amount, generator) for _ in range(3))
    bands = image.movedim(-3, 0)
    count = len(bands)
    pixels = bands.reshape(count, -1).float()
    grey = torch.tensor(_GREY if count == 3 else (1.0,))
    mean = brightness * (grey @ pixels.mean(1))
    # All three are linear: saturation mixes with the grey of a pixel, contrast with that of the whole image.
    mixed = brightness * contrast * (saturation * torch.eye(count) + (1 - saturation) * grey)
    pixels = torch.addmm(((1 - contrast) * mean).expand(count, 1), mixed, pixels)
    return pixels.round_().clamp_(0, 255).to(torch.uint8).reshape(bands.shape).movedim(0, -3)
