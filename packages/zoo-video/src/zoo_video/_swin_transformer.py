"""Video Swin Transformer.

Ze Liu, Jia Ning, Yue Cao, Yixuan Wei, Zheng Zhang, Stephen Lin, Han Hu: Video Swin Transformer, 2021, arXiv:2106.13230.

Shapes: N clips of T x H x W pixels or tokens, C channels each, in windows of P tokens. A map has its channels last.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import (
    NotScriptable,
    PatchMerging,
    ShiftedWindowAttention,
    SwinTransformerBlock,
    arrange_windows,
    initialise_linear,
    inverse_places,
    is_symbol,
    record_call,
    relative_position_bias,
    require_positive,
    separate_regions,
    swin_stages,
    take_tokens,
)

from ._clips import require_clips
from .catalogue.swin_transformer import Swin3D_B_Weights, Swin3D_S_Weights, Swin3D_T_Weights


class ShiftedWindowAttention3d(ShiftedWindowAttention):
    """Multi-head self-attention within windows of time and space, which are shifted cyclically (section 3.2).

    Where the map is smaller than a window, the windows shrink to it and are not shifted in that dimension. Arguments
    and errors are those of `ShiftedWindowAttention`, with three dimensions.

    Shape:
        `(N, T, H, W, C)` to the same.

    Example:
        >>> import torch
        >>> from zoo_video import ShiftedWindowAttention3d
        >>> ShiftedWindowAttention3d(96, [8, 7, 7], [4, 3, 3], num_heads=3)(torch.zeros(1, 4, 20, 30, 96)).shape
        torch.Size([1, 4, 20, 30, 96])
    """

    def _define_position_bias(self) -> None:
        super()._define_position_bias()
        tokens = math.prod(self.window_size)
        self.relative_position_index = self.relative_position_index.view(tokens, tokens)

    def get_relative_position_bias(self, tokens: int | None = None) -> Tensor:
        """Return what is added to the scores, `(1, num_heads, P, P)`; of the first `tokens` for smaller windows."""
        index = self.relative_position_index[:tokens, :tokens]
        return relative_position_bias(self.relative_position_bias_table, index)

    def forward(self, x: Tensor) -> Tensor:
        if is_symbol(x):
            return record_call(self, x)  # type: ignore[no-any-return]
        size, tokens = list(x.shape[1:-1]), x.flatten(1, -2)
        window = [min(pair) for pair in zip(self.window_size, size, strict=True)]
        shift = [step * (side > width) for step, side, width in zip(self.shift_size, size, window, strict=True)]
        places, regions = arrange_windows(size, window, shift, x.device)
        groups = list(_groups(shift))
        parts = [places[group].flatten() for group in groups]
        order = torch.cat(parts)
        is_whole = len(order) == tokens.shape[1]
        taken = tokens.index_select(1, order) if is_whole else take_tokens(tokens, order)
        biases = self._biases([regions[group][0, 0, 0].flatten() for group in groups])
        attended = map(self._attend, torch.split(taken, [len(part) for part in parts], 1), biases)
        result = self.proj(torch.cat(list(attended), 1).index_select(1, inverse_places(order, tokens.shape[1])))
        return F.dropout(result, self.dropout, self.training).view(x.shape)

    def _biases(self, regions: Sequence[Tensor]) -> list[Tensor]:
        """Return what is added to the scores for each group of windows; all tokens of the first are in one region."""
        bias = self.get_relative_position_bias(len(regions[0]))
        return [bias, *(bias + separate_regions(region, bias.dtype) for region in regions[1:])]


def _groups(shift: Sequence[int]) -> Iterator[tuple[slice, ...]]:
    """Yield the windows that share a mask, those without one first: a shift separates regions in the last windows only.

    So one mask serves many windows, and most need none.
    """
    either = (slice(None, -1), slice(-1, None))
    return product(*(either if step else (slice(None),) for step in shift))


class PatchEmbed3d(nn.Module):
    """Cuts clips into patches, and makes a token of each (section 3.1), normalised by `norm_layer` if it is given.

    Clips are padded with zeros to whole patches.

    Shape:
        `(N, in_channels, T, H, W)` to `(N, T / patch_size[0], H / patch_size[1], W / patch_size[2], embed_dim)`, all
        rounded up.

    Raises:
        ValueError: `patch_size` is not of 3 positive numbers.

    Example:
        >>> import torch
        >>> from zoo_video import PatchEmbed3d
        >>> PatchEmbed3d([2, 4, 4])(torch.zeros(1, 3, 5, 32, 30)).shape
        torch.Size([1, 3, 8, 8, 96])
    """

    def __init__(
        self,
        patch_size: Sequence[int],
        in_channels: int = 3,
        embed_dim: int = 96,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if len(patch_size) != 3 or min(patch_size) < 1:
            raise ValueError(f"patch_size should be 3 positive integers, found {list(patch_size)}")
        self.patch_size = (patch_size[0], patch_size[1], patch_size[2])
        self.proj = nn.Conv3d(in_channels, embed_dim, kernel_size=self.patch_size, stride=self.patch_size)
        self.norm = norm_layer(embed_dim) if norm_layer else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        missing = [-x.shape[2 + index] % patch for index, patch in enumerate(self.patch_size)]
        if is_symbol(x) or any(missing):
            x = F.pad(x, [0, missing[2], 0, missing[1], 0, missing[0]])
        tokens: Tensor = self.norm(self.proj(x).permute(0, 2, 3, 4, 1))
        return tokens


class SwinTransformer3d(NotScriptable, ClassificationNetwork):
    """A Video Swin Transformer (figure 1).

    Args:
        patch_size: Frames, height and width of a patch.
        embed_dim: Channels of the first stage; each stage has twice as many as the one before.
        depths: Blocks in each stage.
        num_heads: Attention heads in each stage.
        window_size: Tokens of a window in time, height and width; every second block shifts its windows by half of it.
        mlp_ratio: Hidden channels of the perceptrons, as a multiple of their input's.
        dropout: Probability that a token's element, or one of a branch, is dropped in training.
        attention_dropout: Probability that an attention weight is dropped in training.
        stochastic_depth_prob: Probability that a branch of the last block is dropped in training; it rises from 0.
        num_classes: Width of the classifier.
        norm_layer: Called with a number of channels; `nn.LayerNorm` if not given.
        block: Builds a block; `SwinTransformerBlock` with `ShiftedWindowAttention3d` if not given.
        downsample_layer: Builds what is between two stages, from channels and `norm_layer`.
        patch_embed: Builds what makes tokens, from `patch_size`, `embed_dim` and `norm_layer`; `PatchEmbed3d` if not
            given.

    Shape:
        Clips `(N, 3, T, H, W)` of any size to scores `(N, num_classes)`.

    Raises:
        ValueError: An argument cannot be a network, or the input is no batch of clips.

    Example:
        >>> import torch
        >>> from zoo_video import SwinTransformer3d
        >>> network = SwinTransformer3d([2, 4, 4], 24, [1, 2], [2, 4], window_size=[2, 7, 7], num_classes=10)
        >>> network(torch.zeros(2, 3, 8, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("head",)

    def __init__(
        self,
        patch_size: Sequence[int],
        embed_dim: int,
        depths: Sequence[int],
        num_heads: Sequence[int],
        window_size: Sequence[int],
        mlp_ratio: float = 4.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.1,
        num_classes: int = 400,
        norm_layer: Callable[..., nn.Module] | None = None,
        block: Callable[..., nn.Module] | None = None,
        downsample_layer: Callable[..., nn.Module] = PatchMerging,
        patch_embed: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        require_positive(embed_dim=embed_dim, num_classes=num_classes)
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-5)
        build_block = partial(
            block or partial(SwinTransformerBlock, attn_layer=ShiftedWindowAttention3d),
            mlp_ratio=mlp_ratio,
            dropout=dropout,
            attention_dropout=attention_dropout,
            norm_layer=norm_layer,
        )
        self.num_classes = num_classes
        self.patch_embed = (patch_embed or PatchEmbed3d)(
            patch_size=patch_size, embed_dim=embed_dim, norm_layer=norm_layer
        )
        self.pos_drop = nn.Dropout(dropout)
        merge = partial(downsample_layer, norm_layer=norm_layer)
        stages = swin_stages(embed_dim, depths, num_heads, window_size, stochastic_depth_prob, build_block, merge)
        self.features = nn.Sequential(*stages)
        self.num_features = embed_dim * 2 ** (len(depths) - 1)
        self.norm = norm_layer(self.num_features)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.head = nn.Linear(self.num_features, num_classes)
        self.apply(initialise_linear)

    def forward(self, x: Tensor) -> Tensor:
        """Score clips `x`, `(N, 3, T, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.head(self._pool(self._extract(x)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        require_clips(images)
        features: Tensor = self.norm(self.features(self.pos_drop(self.patch_embed(images))))
        return features

    def _pool(self, features: Tensor) -> Tensor:
        pooled: Tensor = self.avgpool(features.permute(0, 4, 1, 2, 3)).flatten(1)
        return pooled


_SHAPE: dict[str, Any] = {"patch_size": (2, 4, 4), "window_size": (8, 7, 7)}


@builder(Swin3D_T_Weights.KINETICS400_V1)
def swin3d_t(**kwargs: Any) -> SwinTransformer3d:
    """Video Swin Transformer, tiny (section 3.3)."""
    return SwinTransformer3d(
        **_SHAPE,
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        **{"stochastic_depth_prob": 0.1, **kwargs},
    )


@builder(Swin3D_S_Weights.KINETICS400_V1)
def swin3d_s(**kwargs: Any) -> SwinTransformer3d:
    """Video Swin Transformer, small (section 3.3)."""
    return SwinTransformer3d(
        **_SHAPE,
        embed_dim=96,
        depths=[2, 2, 18, 2],
        num_heads=[3, 6, 12, 24],
        **{"stochastic_depth_prob": 0.1, **kwargs},
    )


@builder(Swin3D_B_Weights.KINETICS400_V1)
def swin3d_b(**kwargs: Any) -> SwinTransformer3d:
    """Video Swin Transformer, base (section 3.3)."""
    return SwinTransformer3d(
        **_SHAPE,
        embed_dim=128,
        depths=[2, 2, 18, 2],
        num_heads=[4, 8, 16, 32],
        **{"stochastic_depth_prob": 0.1, **kwargs},
    )
