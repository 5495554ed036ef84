"""Depthwise int8 convolution of any number of channels, fast."""

from typing import Any

import torch
from torch import Tensor
from torch.ao.nn import quantized
from torch.nn import functional as F


class DepthwiseConv2d(quantized.Conv2d):
    """A depthwise int8 convolution that computes with a multiple of 8 channels.

    For other numbers fbgemm has no kernel of its own, and takes up to 90 times as long. The channels in excess are
    copies of the first ones, with weights of zero, and dropped. State and outputs are those of the base class.

    Shape:
        `(N, C, H, W)` to `(N, C, H', W')`, C 8 or more.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 # as in torch
        excess = -self.groups % 8
        filled = torch.cat([input, input[:, :excess]], 1)
        result: Tensor = torch.ops.quantized.conv2d(filled, self._packed_params, self.scale, self.zero_point)
        return result[:, : self.out_channels]

    def set_weight_bias(self, w: Tensor, b: Tensor | None) -> None:
        """Pack a weight, `(C, 1, height, width)`, and a bias, `(C)`."""
        excess = -self.groups % 8
        if b is not None:
            b = F.pad(b, (0, excess))
        self._packed_params = torch.ops.quantized.conv2d_prepack(
            _resized(w, self.groups + excess), b, self.stride, self.padding, self.dilation, self.groups + excess
        )

    def _weight_bias(self) -> tuple[Tensor, Tensor | None]:
        w, b = self._packed_params.unpack()
        if b is not None:
            b = b[: self.groups]
        return _resized(w, self.groups), b

    # Not exported to TorchScript, unlike those of the base class: packed weights save themselves.
    def __getstate__(self) -> tuple[Any, ...]:
        state: tuple[Any, ...] = super().__getstate__()
        return state

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        super().__setstate__(state)


def _resized(weight: Tensor, channels: int) -> Tensor:
    """Return a quantized `weight`, `(C, 1, height, width)`, with more channels of zeros, or fewer."""
    change = channels - weight.shape[0]
    values = F.pad(weight.int_repr(), (0, 0, 0, 0, 0, 0, 0, change))
    if weight.qscheme() == torch.per_tensor_affine:
        return torch._make_per_tensor_quantized_tensor(values, weight.q_scale(), weight.q_zero_point())
    scales = F.pad(weight.q_per_channel_scales(), (0, change), value=1.0)
    zero_points = F.pad(weight.q_per_channel_zero_points(), (0, change))
    return torch._make_per_channel_quantized_tensor(values, scales, zero_points, 0)
