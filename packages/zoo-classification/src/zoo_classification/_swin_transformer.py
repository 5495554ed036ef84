"""Swin Transformer and Swin Transformer V2.

Ze Liu, Yutong Lin, Yue Cao, Han Hu, Yixuan Wei, Zheng Zhang, Stephen Lin, Baining Guo: Swin Transformer: Hierarchical
Vision Transformer using Shifted Windows, 2021, arXiv:2103.14030.
Ze Liu, Han Hu, Yutong Lin, Zhuliang Yao, Zhenda Xie, Yixuan Wei, Jia Ning, Yue Cao, Zheng Zhang, Li Dong, Furu Wei,
Baining Guo: Swin Transformer V2: Scaling Up Capacity and Resolution, 2021, arXiv:2111.09883 ("V2").

Shapes: N images, H x W tokens of C channels each, in windows of T tokens. A map has its channels last.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import (
    PatchMerging,
    Permute,
    ShiftedWindowAttention,
    SwinTransformerBlock,
    initialise_linear,
    is_plain,
    relative_position_bias,
    relative_position_index,
    require_image_size,
    require_positive,
    swin_stages,
)

from .catalogue import swin_transformer as catalogue


class ShiftedWindowAttentionV2(ShiftedWindowAttention):
    """Multi-head self-attention within shifted windows: cosine attention, continuous position bias (V2, section 3).

    Arguments, shapes and errors are those of `ShiftedWindowAttention`. Keys have no bias.

    Example:
        >>> import torch
        >>> from zoo_classification import ShiftedWindowAttentionV2
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
        heads = self._split_heads(self.in_projection(tokens), window)
        value = heads[:, :, 2]
        vectors = heads[:, :, :2]
        if heads.dtype == torch.float16:  # in which the least length is 0, and padding would be divided by it
            vectors = vectors.float()
        query, key = vectors.unbind(2)
        if torch.is_grad_enabled():
            vectors = vectors + 1e-15  # the second derivatives of a length are NaN at zero, which keys of padding are
        lengths = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).clamp(min=1e-12)
        scale = self.logit_scale.clamp(max=math.log(100.0)).exp().flatten(1)
        query, key = (query * (scale / lengths[:, :, 0])).to(heads.dtype), (key / lengths[:, :, 1]).to(heads.dtype)
        return query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)

    def in_projection(self, tokens: Tensor) -> Tensor:
        """Return the queries, keys and values `(N, tokens, 3 * C)` of tokens `(N, tokens, C)`."""
        if not torch.jit.is_scripting():  # type: ignore[attr-defined]
            projected = self._called_projection(tokens)
            if projected is not None:
                return projected
        return F.linear(tokens, self.qkv.weight, self._bias_without_keys())

    def linear_methods(self) -> dict[str, tuple[Tensor, Tensor | None]]:
        """Name the method that is a linear layer, with its weight and bias, for `zoo_core.inference`."""
        if not is_plain(self.qkv, nn.Linear):
            return {}
        return {"in_projection": (self.qkv.weight, self._bias_without_keys())}

    def _called_projection(self, tokens: Tensor) -> Tensor | None:
        """Call a layer that has hooks, or another's place, and take the bias of the keys away again."""
        if is_plain(self.qkv, nn.Linear):
            return None
        projected: Tensor = self.qkv(tokens)
        bias = getattr(self.qkv, "bias", None)
        return projected if bias is None else projected - (bias - self._bias_without_keys())

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

    usual_attention: ClassVar[Callable[..., nn.Module]] = ShiftedWindowAttentionV2  # as TorchScript reads it

    def forward(self, x: Tensor) -> Tensor:
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
        result: Tensor = self.norm(self.reduction(self._join_patches(x)))
        return result


class SwinTransformer(ClassificationNetwork):
    """A Swin Transformer of either version (figure 3a of the first paper).

    Args:
        patch_size: Pixels of a patch, as height and width.
        embed_dim: Channels of the first stage; each stage has twice as many as the one before.
        depths: Blocks in each stage.
        num_heads: Attention heads in each stage.
        window_size: Tokens of a window, as height and width; every second block shifts its windows by half of it.
        mlp_ratio: Hidden channels of the perceptrons, as a multiple of their input's.
        dropout: Probability that an element of a branch is dropped in training.
        attention_dropout: Probability that an attention weight is dropped in training.
        stochastic_depth_prob: Probability that a branch of the last block is dropped in training; it rises from 0.
        num_classes: Width of the classifier.
        norm_layer: Called with a number of channels; `nn.LayerNorm` if not given.
        block: Builds a block; `SwinTransformerBlock` if not given.
        downsample_layer: Builds what is between two stages, from channels and `norm_layer`.

    Shape:
        Images `(N, 3, H, W)`, at least as high and wide as a patch, to scores `(N, num_classes)`.

    Raises:
        ValueError: An argument cannot be a network, or images are too small.

    Example:
        >>> import torch
        >>> from zoo_classification import SwinTransformer
        >>> network = SwinTransformer([4, 4], 24, depths=[1, 2], num_heads=[2, 4], window_size=[7, 7], num_classes=10)
        >>> network(torch.zeros(2, 3, 64, 64)).shape
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
        num_classes: int = 1000,
        norm_layer: Callable[..., nn.Module] | None = None,
        block: Callable[..., nn.Module] | None = None,
        downsample_layer: Callable[..., nn.Module] = PatchMerging,
    ) -> None:
        super().__init__()
        require_positive(embed_dim=embed_dim, num_classes=num_classes)
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-5)
        self.patch_size = _checked_patch_size(patch_size)
        build_block = partial(
            block or SwinTransformerBlock,
            mlp_ratio=mlp_ratio,
            dropout=dropout,
            attention_dropout=attention_dropout,
            norm_layer=norm_layer,
        )
        merge = partial(downsample_layer, norm_layer=norm_layer)
        stages = swin_stages(embed_dim, depths, num_heads, window_size, stochastic_depth_prob, build_block, merge)
        channels = embed_dim * 2 ** (len(depths) - 1)
        self.features = nn.Sequential(_patch_embedding(self.patch_size, embed_dim, norm_layer), *stages)
        self.norm = norm_layer(channels)
        self.permute = Permute([0, 3, 1, 2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.head = nn.Linear(channels, num_classes)
        self.num_features, self.num_classes = channels, num_classes
        self.apply(initialise_linear)

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.head(self._pool(self._extract(x)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        require_image_size(images, max(self.patch_size))
        features: Tensor = self.norm(self.features(images))
        return features

    def _pool(self, features: Tensor) -> Tensor:
        pooled: Tensor = self.flatten(self.avgpool(self.permute(features)))
        return pooled


def _checked_patch_size(patch_size: Sequence[int]) -> tuple[int, int]:
    if len(patch_size) != 2 or min(patch_size) < 1:
        raise ValueError(f"patch_size should be 2 positive integers, found {list(patch_size)}")
    return patch_size[0], patch_size[1]


def _patch_embedding(patch_size: tuple[int, int], channels: int, norm_layer: Callable[..., nn.Module]) -> nn.Module:
    convolution = nn.Conv2d(3, channels, kernel_size=patch_size, stride=patch_size)
    return nn.Sequential(convolution, Permute([0, 2, 3, 1]), norm_layer(channels))


_V1: dict[str, Any] = {"patch_size": (4, 4), "window_size": (7, 7)}
_V2: dict[str, Any] = {
    "patch_size": (4, 4), "window_size": (8, 8), "block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2,
}  # fmt: skip
_TINY: dict[str, Any] = {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24]}
_SMALL: dict[str, Any] = {"embed_dim": 96, "depths": [2, 2, 18, 2], "num_heads": [3, 6, 12, 24]}
_BASE: dict[str, Any] = {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32]}


@builder(catalogue.Swin_T_Weights.IMAGENET1K_V1)
def swin_t(**kwargs: Any) -> SwinTransformer:
    """Swin Transformer, tiny (first paper, section 3.3)."""
    return SwinTransformer(**_V1, **_TINY, **{"stochastic_depth_prob": 0.2, **kwargs})


@builder(catalogue.Swin_S_Weights.IMAGENET1K_V1)
def swin_s(**kwargs: Any) -> SwinTransformer:
    """Swin Transformer, small (first paper, section 3.3)."""
    return SwinTransformer(**_V1, **_SMALL, **{"stochastic_depth_prob": 0.3, **kwargs})


@builder(catalogue.Swin_B_Weights.IMAGENET1K_V1)
def swin_b(**kwargs: Any) -> SwinTransformer:
    """Swin Transformer, base (first paper, section 3.3)."""
    return SwinTransformer(**_V1, **_BASE, **{"stochastic_depth_prob": 0.5, **kwargs})


@builder(catalogue.Swin_V2_T_Weights.IMAGENET1K_V1)
def swin_v2_t(**kwargs: Any) -> SwinTransformer:
    """Swin Transformer V2, tiny (first paper, section 3.3, with the blocks of the second)."""
    return SwinTransformer(**_V2, **_TINY, **{"stochastic_depth_prob": 0.2, **kwargs})


@builder(catalogue.Swin_V2_S_Weights.IMAGENET1K_V1)
def swin_v2_s(**kwargs: Any) -> SwinTransformer:
    """Swin Transformer V2, small (first paper, section 3.3, with the blocks of the second)."""
    return SwinTransformer(**_V2, **_SMALL, **{"stochastic_depth_prob": 0.3, **kwargs})


@builder(catalogue.Swin_V2_B_Weights.IMAGENET1K_V1)
def swin_v2_b(**kwargs: Any) -> SwinTransformer:
    """Swin Transformer V2, base (first paper, section 3.3, with the blocks of the second)."""
    return SwinTransformer(**_V2, **_BASE, **{"stochastic_depth_prob": 0.5, **kwargs})
