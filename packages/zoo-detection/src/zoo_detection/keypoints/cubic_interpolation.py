"""Cubic convolution: what a resized map is made of.

Robert G. Keys: Cubic Convolution Interpolation for Digital Image Processing, 1981, with a = -0.75.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

A = -0.75
MARGIN = 2
"""Values beyond each border that pixels near it need."""


def with_margin(maps: Tensor) -> Tensor:
    """Repeat the values at the borders of maps `(B, K, M, M)`: every place between values then lies amid 4 x 4."""
    return F.pad(maps, (MARGIN,) * 4, mode="replicate")


def source(places: Tensor, pixels: Tensor, size: int) -> Tensor:
    """Return where pixels lie between the `size` values that are resized, both standing for the centres of parts."""
    return (places + 0.5) * (size / pixels) - 0.5


def cubic(distance: Tensor) -> Tensor:
    """Return the weight of a value at a distance (Keys, equation 15 with a free): 0 from 2 on."""
    x = distance.abs().clamp(max=2)
    near = ((A + 2) * x - (A + 3)) * x * x + 1
    far = ((A * x - 5 * A) * x + 8 * A) * x - 4 * A
    return torch.where(x <= 1, near, far)
