"""What Swin Transformer V2 has in place of the blocks of Swin Transformer, for any number of dimensions.

Ze Liu, Han Hu, Yutong Lin, Zhuliang Yao, Zhenda Xie, Yixuan Wei, Jia Ning, Yue Cao, Zheng Zhang, Li Dong, Furu Wei,
Baining Guo: Swin Transformer V2: Scaling Up Capacity and Resolution, 2021, arXiv:2111.09883 ("V2").

Shapes: N images, H x W tokens of C channels each, in windows of T tokens. A map has its channels last.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo_core.layers import (
    PatchMerging,
    ShiftedWindowAttention,
    SwinTransformerBlock,
    relative_position_bias,
    relative_position_index,
)


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """Multi-head self-attention within shifted windows: cosine attention, continuous position bias (V2, section 3).

    Arguments, shapes and errors are those of `ShiftedWindowAttention`. Keys have no bias.

    Example:
        >>> ShiftedWindowAttentionV2(96, [8, 8], [4, 4], num_heads=3)(torch.zeros(1, 20, 30, 96)).shape
        torch.Size([1, 20, 30, 96])
    """

    relative_coords_table: Tensor

    def _define_position_bias(self) -> None:
        self.scale = 1.0
        self.logit_scale = nn.Parameter(torch.empty(self.num_heads, 1, 1))
        nn.init.constant_(self.logit_scale, math.log(10.0))
        self.cpb_mlp = nn.Sequential(
            nn.Linear(len(self.window_size), 512), nn.ReLU(inplace=True), nn.Linear(512, self.num_heads, bias=False)
        )
        self.register_buffer("relative_coords_table", _log_spaced_coordinates(self.window_size))
        self.register_buffer("relative_position_index", relative_position_index(self.window_size).flatten())

    def get_relative_position_bias(self) -> Tensor:
        """Return what is added to the scores, `(1, num_heads, T, T)` (V2, equation 3, bounded by 16)."""
        table = 16.0 * torch.sigmoid(self.cpb_mlp(self.relative_coords_table).flatten(0, -2))
        return relative_position_bias(table, self.relative_position_index)

    def _project(self, tokens: Tensor, window: int) -> tuple[Tensor, Tensor, Tensor]:
        """Make queries, keys and values; the product of the first two is their scaled cosine (V2, equation 2)."""
        heads = self._split_heads(F.linear(tokens, self.qkv.weight, self._bias_without_keys()), window)
        query, key, value = heads.unbind(2)
        lengths = torch.linalg.vector_norm(heads[:, :, :2], dim=-1, keepdim=True).clamp(min=1e-12)
        scale = self.logit_scale.clamp(max=math.log(100.0)).exp().flatten(1)
        query, key = query * (scale / lengths[:, :, 0]), key / lengths[:, :, 1]
        return query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)

    def _bias_without_keys(self) -> Tensor | None:
        bias: Tensor | None = self.qkv.bias
        if bias is None:
            return None
        query, key, value = bias.chunk(3)
        return torch.cat((query, torch.zeros_like(key), value))


def _log_spaced_coordinates(window_size: Sequence[int]) -> Tensor:
    """Return the relative positions `(1, ..., dimensions)` from -1 to 1 on a logarithmic scale (V2, equation 4)."""
    linear = [torch.arange(1 - size, size) / max(size - 1, 1) * 8.0 for size in window_size]
    coordinates = torch.stack(torch.meshgrid(linear, indexing="ij"), dim=-1)
    return (coordinates.sign() * torch.log2(coordinates.abs() + 1.0) / 3.0).unsqueeze(0)


class SwinTransformerBlockV2(SwinTransformerBlock):
    """Attention and a perceptron, each with a shortcut and normalised afterwards (V2, figure 1).

    Arguments and shapes are those of `SwinTransformerBlock`; the attention is `ShiftedWindowAttentionV2` if not given.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Callable[..., nn.Module] = nn.LayerNorm,
        attn_layer: Callable[..., nn.Module] = ShiftedWindowAttentionV2,
    ) -> None:
        super().__init__(
            dim, num_heads, window_size, shift_size, mlp_ratio, dropout, attention_dropout, stochastic_depth_prob,
            norm_layer, attn_layer,
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Transform the map `x`, `(N, H, W, C)`."""
        x = x + self.stochastic_depth(self.norm1(self.attn(x)))
        result: Tensor = x + self.stochastic_depth(self.norm2(self.mlp(x)))
        return result


class PatchMergingV2(PatchMerging):
    """Joins each 2 x 2 tokens, reduces the channels, and normalises (V2, figure 1).

    Arguments and shapes are those of `PatchMerging`.
    """

    def __init__(self, dim: int, norm_layer: Callable[..., nn.Module] = nn.LayerNorm) -> None:
        super().__init__(dim, norm_layer)
        self.norm = norm_layer(2 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """Halve the resolution of `x`, `(..., H, W, C)`."""
        result: Tensor = self.norm(self.reduction(self._join_patches(x)))
        return result
