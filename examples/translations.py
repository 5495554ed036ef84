"""Pairs of images to learn optical flow from in minutes: a texture, and where it is after it has moved as a whole."""

import torch
from torch import Tensor
from torch.nn import functional as F

FASTEST = 5.0
"""Greatest motion along either axis, in pixels."""


def translations(number: int, side: int, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Make pairs of images, each of a texture and a motion of its own.

    Args:
        number: How many.
        side: Height and width of the images, in pixels.
        random: Where the randomness comes from.

    Returns:
        The first images and the second ones, `(number, 3, side, side)` in [-1, 1], and the flow between them, `(number,
        2, side, side)` in pixels.
    """
    motion = (2 * torch.rand(number, 2, 1, 1, generator=random) - 1) * FASTEST
    texture = draw_textures(number, side + 4 * round(FASTEST), random)
    first, second = (cut_out(texture, shift, side) for shift in (torch.zeros_like(motion), motion))
    return first, second, motion.expand(-1, -1, side, side)


def draw_textures(number: int, side: int, random: torch.Generator) -> Tensor:
    """Draw noise of several scales, `(number, 3, side, side)`, in [-1, 1]."""
    texture = torch.zeros(number, 3, side, side)
    for cell in (4, 8, 16):
        noise = torch.randn(number, 3, side // cell + 1, side // cell + 1, generator=random)
        texture += F.interpolate(noise, (side, side), mode="bicubic", align_corners=False)
    return torch.tanh(texture / 2)


def cut_out(texture: Tensor, motion: Tensor, side: int) -> Tensor:
    """Cut the middle out of textures that have moved by `(N, 2, 1, 1)` pixels."""
    axis = torch.arange(side) + (texture.shape[-1] - side) / 2
    points = torch.stack([axis.expand(side, -1), axis[:, None].expand(-1, side)]) - motion
    grid = (2 * points.permute(0, 2, 3, 1) + 1) / texture.shape[-1] - 1
    return F.grid_sample(texture, grid, mode="bicubic", align_corners=False)
