"""Upsampling of flow.

Zachary Teed, Jia Deng: RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, 2020, arXiv:2003.12039:
section 3.3,
"Upsampling", and figure 3.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_core.layers import ConvNormActivation

FACTOR = 8
"""By how much flow is upsampled in height and width."""


class MaskPredictor(nn.Module):
    """Predicts from the hidden state how each pixel of the full resolution mixes 9 of the coarse flow.

    Args:
        in_channels: Channels of the hidden state.
        hidden_size: Channels in between.
        multiplier: Scales the output, and so the gradients.

    Shape:
        `(N, in_channels, H, W)` to `(N, 9 * 64, H, W)`: logits of 9 neighbours for each of 8 x 8 pixels.
    """

    def __init__(self, *, in_channels: int, hidden_size: int = 256, multiplier: float = 0.25) -> None:
        super().__init__()
        self.convrelu = ConvNormActivation(in_channels, hidden_size, 3, norm_layer=None)
        self.conv = nn.Conv2d(hidden_size, 9 * FACTOR**2, 1)
        self.multiplier = multiplier

    def forward(self, hidden: Tensor) -> Tensor:
        """Predict from `hidden`."""
        features = self.convrelu(hidden)
        assert self.conv.bias is not None
        return F.conv2d(features, self.multiplier * self.conv.weight, self.multiplier * self.conv.bias)


def upsample(flow: Tensor, mask: Tensor | None) -> Tensor:
    """Bring a flow from an eighth of the resolution to the full one.

    Args:
        flow: `(N, 2, H, W)`, in pixels of its own resolution.
        mask: Logits `(N, 9 * 64, H, W)`, neighbours before pixels; each pixel becomes a convex combination of 9. `None`
            for bilinear interpolation.

    Returns:
        `(N, 2, 8 * H, 8 * W)`, in pixels of the full resolution.
    """
    batch, _, height, width = flow.shape
    flow = FACTOR * flow
    if mask is None:
        return F.interpolate(flow, scale_factor=float(FACTOR), mode="bilinear", align_corners=True)
    pixels = batch * height * width
    neighbours = F.unfold(flow, 3, padding=1).view(batch, 2, 9, -1).permute(0, 3, 1, 2).reshape(pixels, 2, 9)
    shares = mask.permute(0, 2, 3, 1).reshape(pixels, 9, FACTOR**2).softmax(dim=1)
    fine = torch.bmm(neighbours.contiguous(), shares).view(batch, height, width, 2, FACTOR, FACTOR)
    return fine.permute(0, 3, 1, 4, 2, 5).reshape(batch, 2, FACTOR * height, FACTOR * width)
