"""Attention in shifted windows, of any number of dimensions: the blocks of Swin Transformer and Swin Transformer V2.

Ze Liu, Yutong Lin, Yue Cao, Han Hu, Yixuan Wei, Zheng Zhang, Stephen Lin, Baining Guo: Swin Transformer: Hierarchical
Vision Transformer using Shifted Windows, 2021, arXiv:2103.14030 ("V1").
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
    MLP,
    StochasticDepth,
    relative_position_bias,
    relative_position_index,
    require_positive,
    trunc_normal_,
)


class ShiftedWindowAttention(nn.Module):
    """Multi-head self-attention within windows, which are shifted cyclically (V1, sections 3.2 and figure 4).

    The map is padded with zeros to whole windows. Where it is no larger than one window, that is not shifted.

    Args:
        dim: Channels of the input and the output, C.
        window_size: Tokens of a window in each dimension.
        shift_size: How far the windows are shifted in each dimension, below the size of the window.
        num_heads: Attention heads; they share the channels evenly.
        qkv_bias: Whether queries, keys and values have biases.
        proj_bias: Whether the output has a bias.
        attention_dropout: Probability that an attention weight is dropped in training.
        dropout: Probability that an element of the output is dropped in training.

    Shape:
        `(N, H, W, C)` to the same, with as many dimensions in place of H and W as the windows have.

    Raises:
        ValueError: An argument cannot be an attention layer.

    Example:
        >>> ShiftedWindowAttention(96, [7, 7], [3, 3], num_heads=3)(torch.zeros(1, 20, 30, 96)).shape
        torch.Size([1, 20, 30, 96])
    """

    relative_position_index: Tensor

    def __init__(
        self,
        dim: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check_windows(window_size, shift_size)
        require_positive(num_heads=num_heads)
        if dim % num_heads:
            raise ValueError(f"dim should be a multiple of num_heads, found dim={dim} and num_heads={num_heads}")
        self.window_size = list(window_size)
        self.shift_size = list(shift_size)
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self._define_position_bias()

    def _define_position_bias(self) -> None:
        """Make what `get_relative_position_bias` and the scores need."""
        self.scale = (self.qkv.in_features // self.num_heads) ** -0.5
        positions = math.prod(2 * size - 1 for size in self.window_size)
        self.relative_position_bias_table = nn.Parameter(torch.empty(positions, self.num_heads))
        trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", relative_position_index(self.window_size).flatten())

    def get_relative_position_bias(self) -> Tensor:
        """Return what is added to the scores, `(1, num_heads, T, T)`."""
        return relative_position_bias(self.relative_position_bias_table, self.relative_position_index)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within the windows of the map `x`, `(N, H, W, C)`."""
        tokens = x.flatten(1, -2)
        places, regions = _arrange(list(x.shape[1:-1]), self.window_size, self.shift_size, x.device)
        bias = self.get_relative_position_bias()
        if sum(self.shift_size) > 0:
            bias = bias + _separate(regions.to(bias.dtype).view(-1, 1, bias.shape[-1]))
            bias = bias.expand([x.shape[0], -1, -1, -1, -1]).flatten(0, 1)
        attended = self._attend(_take(tokens, places), bias)
        result = self.proj(attended.index_select(1, _inverse(places, tokens.shape[1])))
        return F.dropout(result, self.dropout, self.training).view(x.shape)

    def _attend(self, tokens: Tensor, bias: Tensor) -> Tensor:
        """Attend within each T of `tokens`, `(N, windows * T, C)`; `bias` is one for all windows or one for each."""
        query, key, value = self._project(tokens)
        dropout = self.attention_dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, bias, dropout, scale=self.scale)
        return attended.transpose(1, 2).reshape(tokens.shape)

    def _project(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Make queries, keys and values, `(N * windows, num_heads, T, C / num_heads)`."""
        query, key, value = self._split_heads(self.qkv(tokens)).unbind(2)
        return query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)

    def _split_heads(self, projected: Tensor) -> Tensor:
        """View `(N, windows * T, 3 * C)` as `(N * windows, T, 3, num_heads, C / num_heads)`."""
        tokens = 1
        for size in self.window_size:
            tokens *= size
        return projected.view(-1, tokens, 3, self.num_heads, projected.shape[-1] // (3 * self.num_heads))


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

    def _project(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Make queries, keys and values; the product of the first two is their scaled cosine (V2, equation 2)."""
        heads = self._split_heads(F.linear(tokens, self.qkv.weight, self._bias_without_keys()))
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


def _check_windows(window_size: Sequence[int], shift_size: Sequence[int]) -> None:
    if len(window_size) != len(shift_size):
        raise ValueError(
            "window_size and shift_size should have one number for each dimension, "
            f"found {list(window_size)} and {list(shift_size)}"
        )
    if any(not 0 <= shift < window for window, shift in zip(window_size, shift_size, strict=True)):
        raise ValueError(
            "shift_size should be from 0 to below window_size in each dimension, "
            f"found {list(shift_size)} and {list(window_size)}"
        )


def _log_spaced_coordinates(window_size: Sequence[int]) -> Tensor:
    """Return the relative positions `(1, ..., dimensions)` from -1 to 1 on a logarithmic scale (V2, equation 4)."""
    linear = [torch.arange(1 - size, size) / max(size - 1, 1) * 8.0 for size in window_size]
    coordinates = torch.stack(torch.meshgrid(linear, indexing="ij"), dim=-1)
    return (coordinates.sign() * torch.log2(coordinates.abs() + 1.0) / 3.0).unsqueeze(0)


def _arrange(size: list[int], window: list[int], shift: list[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Arrange the tokens of a map in windows: without a branch on its size, so that exports can keep it dynamic.

    Returns:
        For each token of each window, `(windows * T,)`, where it stands in the map, or the number of the map's tokens
        if it is padding; and, if there is a shift, the number of its region: tokens that the shift has taken around an
        end of the map are in another region than their new neighbours.
    """
    dimensions = len(size)
    total = 1
    places = torch.zeros([1] * (2 * dimensions), dtype=torch.int64, device=device)
    regions = torch.zeros_like(places)
    inside = torch.ones_like(places, dtype=torch.bool)
    for i in range(dimensions):
        windows = (size[i] + window[i] - 1) // window[i]
        shape = [1] * (2 * dimensions)
        shape[i], shape[dimensions + i] = windows, window[i]
        place = torch.arange(windows * window[i], device=device).view(shape)
        if shift[i] > 0:
            step = shift[i] * (1 - 1 // windows)  # a single window is not shifted
            place = (place + step) % (windows * window[i])
            regions = regions * 2 + (place < step)
        places = places * size[i] + place
        inside = inside & (place < size[i])
        total *= size[i]
    return places.where(inside, total).flatten(), regions.expand_as(places).flatten()


def _take(tokens: Tensor, places: Tensor) -> Tensor:
    """Take the tokens from their places, and zeros where there is none."""
    total = tokens.shape[1]
    inside = (places < total).to(tokens.dtype).unsqueeze(1)
    return tokens.index_select(1, places.clamp(max=total - 1)).mul_(inside)


def _inverse(places: Tensor, total: int) -> Tensor:
    """Return for each place of the map the number of the token that stands there."""
    numbers = torch.arange(places.shape[0], device=places.device)
    return places.new_empty(total + 1).scatter_(0, places, numbers).narrow(0, 0, total)


def _separate(regions: Tensor) -> Tensor:
    """Return what is added to the scores: -100 for a query and a key of different regions, `(windows, 1, T, T)`."""
    return (regions.unsqueeze(2) - regions.unsqueeze(3)).abs().clamp(max=1.0) * -100.0


class SwinTransformerBlock(nn.Module):
    """Attention and a perceptron, each with a shortcut and normalised before (V1, figure 3b).

    Args:
        dim: Channels of the input and the output, C.
        num_heads: Of the attention.
        window_size: Of the attention.
        shift_size: Of the attention.
        mlp_ratio: Hidden channels of the perceptron, as a multiple of `dim`.
        dropout: Probability that an element of either branch is dropped in training.
        attention_dropout: Probability that an attention weight is dropped in training.
        stochastic_depth_prob: Probability that either branch is dropped for an image in training.
        norm_layer: Called with a number of channels.
        attn_layer: Called with `dim`, `window_size`, `shift_size`, `num_heads` and the dropouts.

    Shape:
        `(N, H, W, C)` to the same, with as many dimensions in place of H and W as the windows have.
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
        attn_layer: Callable[..., nn.Module] = ShiftedWindowAttention,
    ) -> None:
        super().__init__()
        self.norm1 = norm_layer(dim)
        self.attn = attn_layer(
            dim, window_size, shift_size, num_heads, attention_dropout=attention_dropout, dropout=dropout
        )
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.norm2 = norm_layer(dim)
        self.mlp = MLP(dim, int(dim * mlp_ratio), dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Transform the map `x`, `(N, H, W, C)`."""
        x = x + self.stochastic_depth(self.attn(self.norm1(x)))
        result: Tensor = x + self.stochastic_depth(self.mlp(self.norm2(x)))
        return result


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


class PatchMerging(nn.Module):
    """Joins each 2 x 2 tokens, normalises, and reduces the channels (V1, section 3.1).

    Args:
        dim: Channels of the input, C.
        norm_layer: Called with a number of channels.

    Shape:
        `(..., H, W, C)` to `(..., ceil(H / 2), ceil(W / 2), 2 * C)`.

    Example:
        >>> PatchMerging(96)(torch.zeros(1, 7, 8, 96)).shape
        torch.Size([1, 4, 4, 192])
    """

    def __init__(self, dim: int, norm_layer: Callable[..., nn.Module] = nn.LayerNorm) -> None:
        super().__init__()
        self.dim = dim
        self.reduction = nn.Linear(4 * dim, 2 * dim, bias=False)
        self.norm = norm_layer(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """Halve the resolution of `x`, `(..., H, W, C)`."""
        result: Tensor = self.reduction(self.norm(_join_patches(x)))
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
        result: Tensor = self.norm(self.reduction(_join_patches(x)))
        return result


def _join_patches(x: Tensor) -> Tensor:
    """Join `(..., H, W, C)` to `(..., ceil(H / 2), ceil(W / 2), 4 * C)`, the tokens of a patch column by column."""
    height, width = x.shape[-3], x.shape[-2]
    x = F.pad(
        x, [0, 0, 0, 1, 0, 1]
    )  # one more of each is right for odd and for even sizes, and for exports of any size
    left, right = x[..., 0:width:2, :], x[..., 1::2, :]
    patches = (left[..., 0:height:2, :, :], left[..., 1::2, :, :], right[..., 0:height:2, :, :], right[..., 1::2, :, :])
    return torch.cat(patches, dim=-1)
