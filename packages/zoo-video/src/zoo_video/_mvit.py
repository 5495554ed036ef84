"""MViT: Multiscale Vision Transformers, of both versions.

Haoqi Fan, Bo Xiong, Karttikeya Mangalam, Yanghao Li, Zhicheng Yan, Jitendra Malik, Christoph Feichtenhofer: Multiscale
Vision Transformers, 2021, arXiv:2104.11227 ("V1").
Yanghao Li, Chao-Yuan Wu, Haoqi Fan, Karttikeya Mangalam, Bo Xiong, Jitendra Malik, Christoph Feichtenhofer: MViTv2:
Improved Multiscale Vision Transformers for Classification and Detection, 2021, arXiv:2112.01526 ("V2").

Shapes: N clips of L = 1 + T * H * W tokens, the class token first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import (
    MLP,
    NotScriptable,
    StochasticDepth,
    depth_ramp,
    initialise_linear,
    is_symbol,
    require_positive,
    trunc_normal_,
)

from ._clips import require_clips
from ._multiscale_attention import Grid, MultiscaleAttention, Pool, as_triple
from .catalogue.mvit import MViT_V1_B_Weights, MViT_V2_S_Weights


@dataclass(frozen=True)
class MSBlockConfig:
    """One block.

    Args:
        num_heads: Attention heads.
        input_channels: Channels of the input.
        output_channels: Channels of the output.
        kernel_q: Size of the pooling of queries in time, height and width; empty for no pooling.
        kernel_kv: Likewise, of keys and values.
        stride_q: Stride of the pooling of queries, by which the output has fewer tokens; empty for no pooling.
        stride_kv: Stride of the pooling of keys and values.

    Raises:
        ValueError: An argument cannot be a block.
    """

    num_heads: int
    input_channels: int
    output_channels: int
    kernel_q: Sequence[int]
    kernel_kv: Sequence[int]
    stride_q: Sequence[int]
    stride_kv: Sequence[int]

    def __post_init__(self) -> None:
        require_positive(
            num_heads=self.num_heads, input_channels=self.input_channels, output_channels=self.output_channels
        )
        for name in ("q", "kv"):
            kernel, stride = getattr(self, f"kernel_{name}"), getattr(self, f"stride_{name}")
            if len(kernel) not in {0, 3} or len(stride) != len(kernel) or min([*kernel, *stride], default=1) < 1:
                raise ValueError(
                    f"kernel_{name} and stride_{name} should be 3 positive integers each, or empty, "
                    f"found {list(kernel)} and {list(stride)}"
                )


class MultiscaleBlock(nn.Module):
    """Pooling attention and a perceptron, each with a shortcut and normalised before (V1, figure 3; V2, figure 2).

    `input_size` is the grid of the input, `dropout` the probability that an element of either branch is dropped in
    training, `stochastic_depth_prob` that either branch is dropped for a clip. The other arguments are those of `MViT`.

    Shape:
        `(N, L, input_channels)` and its grid to `(N, L', output_channels)` and its grid.
    """

    def __init__(
        self,
        input_size: Sequence[int],
        cnf: MSBlockConfig,
        residual_pool: bool,
        residual_with_cls_embed: bool,
        rel_pos_embed: bool,
        proj_after_attn: bool,
        dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        norm_layer: Callable[..., nn.Module] = nn.LayerNorm,
    ) -> None:
        super().__init__()
        self.proj_after_attn = proj_after_attn
        attn_dim = cnf.output_channels if proj_after_attn else cnf.input_channels
        self.pool_skip = _pool_skip(cnf.stride_q)
        self.norm1 = norm_layer(cnf.input_channels)
        self.norm2 = norm_layer(attn_dim)
        self.attn = MultiscaleAttention(
            input_size,
            cnf.input_channels,
            attn_dim,
            cnf.num_heads,
            kernel_q=cnf.kernel_q,
            kernel_kv=cnf.kernel_kv,
            stride_q=cnf.stride_q,
            stride_kv=cnf.stride_kv,
            residual_pool=residual_pool,
            residual_with_cls_embed=residual_with_cls_embed,
            rel_pos_embed=rel_pos_embed,
            dropout=dropout,
            norm_layer=norm_layer,
        )
        self.mlp = MLP(attn_dim, [4 * attn_dim, cnf.output_channels], activation_layer=nn.GELU, dropout=dropout)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.project = None
        if cnf.input_channels != cnf.output_channels:
            self.project = nn.Linear(cnf.input_channels, cnf.output_channels)

    def forward(self, x: Tensor, thw: Grid) -> tuple[Tensor, Grid]:
        normalised = self.norm1(x)
        attended, grid = self.attn(normalised, thw)
        if self.project is not None and self.proj_after_attn:
            x = self.project(normalised)
        if self.pool_skip is not None:
            x, _ = self.pool_skip(x, thw)
        x = x + self.stochastic_depth(attended)
        normalised = self.norm2(x)
        if self.project is not None and not self.proj_after_attn:
            x = self.project(normalised)
        return x + self.stochastic_depth(self.mlp(normalised)), grid


def _pool_skip(stride: Sequence[int]) -> Pool | None:
    """Pool the shortcut as the queries are pooled, by maxima."""
    if all(step == 1 for step in stride):
        return None
    kernel = as_triple([step + 1 if step > 1 else step for step in stride])
    return Pool(nn.MaxPool3d(kernel, as_triple(stride), as_triple([size // 2 for size in kernel])), None)


class PositionalEncoding(nn.Module):
    """Puts a class token before the patches', and adds positions in space and time (V1, section 3.2).

    Sizes are in tokens. With `rel_pos_embed` positions are relative, and added to the attention's scores instead.

    Shape:
        `(N, T * H * W, C)` to `(N, 1 + T * H * W, C)`.
    """

    def __init__(self, embed_size: int, spatial_size: tuple[int, int], temporal_size: int, rel_pos_embed: bool) -> None:
        super().__init__()
        self.spatial_size = spatial_size
        self.temporal_size = temporal_size
        self.class_token = nn.Parameter(torch.empty(embed_size))
        self.spatial_pos: nn.Parameter | None = None
        self.temporal_pos: nn.Parameter | None = None
        self.class_pos: nn.Parameter | None = None
        if not rel_pos_embed:
            self.spatial_pos = nn.Parameter(torch.empty(spatial_size[0] * spatial_size[1], embed_size))
            self.temporal_pos = nn.Parameter(torch.empty(temporal_size, embed_size))
            self.class_pos = nn.Parameter(torch.empty(embed_size))
        for parameter in self.parameters():
            trunc_normal_(parameter, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        class_token: Tensor = self.class_token
        if self.spatial_pos is not None and self.temporal_pos is not None and self.class_pos is not None:
            x = x + (self.temporal_pos[:, None] + self.spatial_pos).flatten(0, 1)
            class_token = class_token + self.class_pos
        return torch.cat([class_token.expand(x.shape[0], 1, -1), x], 1)


class MViT(NotScriptable, ClassificationNetwork):
    """A Multiscale Vision Transformer of either version.

    Args:
        spatial_size: Height and width of the frames in pixels.
        temporal_size: Frames of a clip.
        block_setting: The blocks, in order.
        residual_pool: Add the pooled queries to the attention's output (V2).
        residual_with_cls_embed: Do so for the class token, too.
        rel_pos_embed: Decomposed relative positions (V2) instead of absolute ones (V1).
        proj_after_attn: Change the number of channels in the attention (V2), not in the perceptron (V1).
        dropout: Probability that a feature is dropped in training, before the classifier.
        attention_dropout: Probability that an element of a block's branch is dropped in training.
        stochastic_depth_prob: Probability that a branch of the last block is dropped in training; it rises from 0.
        num_classes: Width of the classifier.
        block: Builds a block; `MultiscaleBlock` if not given.
        norm_layer: Called with a number of channels; layer norm with eps 1e-6 if not given.
        patch_embed_kernel: Size of the convolution that makes tokens, in time, height and width.
        patch_embed_stride: Its stride.
        patch_embed_padding: Its padding.

    Shape:
        Clips `(N, 3, temporal_size, *spatial_size)` to scores `(N, num_classes)`. A few frames or pixels less will do
        where the stride rounds them up.

    Raises:
        ValueError: An argument cannot be a network, or clips have another size.
        TypeError: Something in `block_setting` is no configuration.

    Example:
        >>> import torch
        >>> from zoo_video import MSBlockConfig, MViT
        >>> row = MSBlockConfig(1, 24, 24, [3, 3, 3], [3, 3, 3], [1, 2, 2], [1, 4, 4])
        >>> network = MViT((64, 64), 8, [row], True, False, rel_pos_embed=True, proj_after_attn=True, num_classes=10)
        >>> network(torch.zeros(2, 3, 8, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("head.1",)

    def __init__(
        self,
        spatial_size: tuple[int, int],
        temporal_size: int,
        block_setting: Sequence[MSBlockConfig],
        residual_pool: bool,
        residual_with_cls_embed: bool,
        rel_pos_embed: bool,
        proj_after_attn: bool,
        dropout: float = 0.5,
        attention_dropout: float = 0.0,
        stochastic_depth_prob: float = 0.0,
        num_classes: int = 400,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        patch_embed_kernel: tuple[int, int, int] = (3, 7, 7),
        patch_embed_stride: tuple[int, int, int] = (2, 4, 4),
        patch_embed_padding: tuple[int, int, int] = (1, 3, 3),
    ) -> None:
        super().__init__()
        settings = _checked_settings(block_setting)
        require_positive(num_classes=num_classes, temporal_size=temporal_size)
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.clip_size = (temporal_size, *spatial_size)
        self.conv_proj = nn.Conv3d(
            3, settings[0].input_channels, patch_embed_kernel, patch_embed_stride, patch_embed_padding
        )
        size = _patches(self.clip_size, patch_embed_kernel, patch_embed_stride, patch_embed_padding)
        self.pos_encoding = PositionalEncoding(settings[0].input_channels, (size[1], size[2]), size[0], rel_pos_embed)
        self.blocks = nn.ModuleList()
        probabilities = depth_ramp(stochastic_depth_prob, len(settings))
        for cnf, probability in zip(settings, probabilities, strict=True):
            layer = (block or MultiscaleBlock)(
                input_size=size,
                cnf=cnf,
                residual_pool=residual_pool,
                residual_with_cls_embed=residual_with_cls_embed,
                rel_pos_embed=rel_pos_embed,
                proj_after_attn=proj_after_attn,
                dropout=attention_dropout,
                stochastic_depth_prob=probability,
                norm_layer=norm_layer,
            )
            self.blocks.append(layer)
            if cnf.stride_q:
                size = [side // stride for side, stride in zip(size, cnf.stride_q, strict=True)]
        self.norm = norm_layer(settings[-1].output_channels)
        self.head = nn.Sequential(
            nn.Dropout(dropout, inplace=True), nn.Linear(settings[-1].output_channels, num_classes)
        )
        self.num_features, self.num_classes = settings[-1].output_channels, num_classes
        self.apply(initialise_linear)

    def forward(self, x: Tensor) -> Tensor:
        """Score clips `x`, `(N, 3, T, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.head(self._pool(self._extract(x)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        require_clips(images)
        patches = self.conv_proj(images)
        grid = self._checked_grid(patches, images)
        tokens: Tensor = self.pos_encoding(patches.flatten(2).transpose(1, 2))
        for block in self.blocks:
            tokens, grid = block(tokens, grid)
        return tokens

    def _pool(self, features: Tensor) -> Tensor:
        pooled: Tensor = self.norm(features.select(1, 0))
        return pooled

    def _checked_grid(self, patches: Tensor, clips: Tensor) -> Grid:
        expected = (self.pos_encoding.temporal_size, *self.pos_encoding.spatial_size)
        if is_symbol(clips):
            return expected
        grid = as_triple(patches.shape[2:])
        if grid != expected:
            sizes = "{} frames of {} x {} pixels"
            raise ValueError(
                f"clips should be {sizes.format(*self.clip_size)}, found {sizes.format(*clips.shape[2:])}: "
                "build the model with another temporal_size= or spatial_size= for others"
            )
        return grid


def _patches(clip_size: Grid, kernel: Grid, stride: Grid, padding: Grid) -> list[int]:
    """Return how many patches there are along time, height and width."""
    size = [side // step for side, step in zip(clip_size, stride, strict=True)]
    made = [
        (side + 2 * border - length) // step + 1
        for side, length, step, border in zip(clip_size, kernel, stride, padding, strict=True)
    ]
    if size != made or min(size) < 1:
        raise ValueError(
            f"temporal_size and spatial_size should be multiples of patch_embed_stride, {tuple(stride)}, of which the "
            f"patches are: found {clip_size[0]} frames of {clip_size[1]} x {clip_size[2]} pixels, of which the patch "
            f"embedding makes {' x '.join(map(str, made))} patches instead of {' x '.join(map(str, size))}"
        )
    return size


def _checked_settings(settings: object) -> Sequence[MSBlockConfig]:
    if not isinstance(settings, Sequence) or not all(isinstance(row, MSBlockConfig) for row in settings):
        raise TypeError(f"The block_setting should be a list of MSBlockConfig, found {settings!r}")
    if not settings:
        raise ValueError("The configuration parameter can't be empty: block_setting should have a row for each block.")
    return settings


_CUBE = (3, 3, 3)
_FOR_16_FRAMES: dict[str, Any] = {"spatial_size": (224, 224), "temporal_size": 16, "stochastic_depth_prob": 0.2}


@builder(MViT_V1_B_Weights.KINETICS400_V1)
def mvit_v1_b(**kwargs: Any) -> MViT:
    """MViT-B of the first version, for 16 frames (V1, table 3).

    Args:
        **kwargs: Passed on to `MViT`; `spatial_size=(224, 224)`, `temporal_size=16` and `stochastic_depth_prob=0.2` if
            not given.
    """
    return MViT(
        block_setting=[
            MSBlockConfig(1, 96, 192, (), _CUBE, (), (1, 8, 8)),
            MSBlockConfig(2, 192, 192, _CUBE, _CUBE, (1, 2, 2), (1, 4, 4)),
            MSBlockConfig(2, 192, 384, (), _CUBE, (), (1, 4, 4)),
            MSBlockConfig(4, 384, 384, _CUBE, _CUBE, (1, 2, 2), (1, 2, 2)),
            *[MSBlockConfig(4, 384, 384, (), _CUBE, (), (1, 2, 2))] * 9,
            MSBlockConfig(4, 384, 768, (), _CUBE, (), (1, 2, 2)),
            MSBlockConfig(8, 768, 768, _CUBE, _CUBE, (1, 2, 2), (1, 1, 1)),
            MSBlockConfig(8, 768, 768, (), _CUBE, (), (1, 1, 1)),
        ],
        residual_pool=False,
        residual_with_cls_embed=False,
        rel_pos_embed=False,
        proj_after_attn=False,
        **(_FOR_16_FRAMES | kwargs),
    )


@builder(MViT_V2_S_Weights.KINETICS400_V1)
def mvit_v2_s(**kwargs: Any) -> MViT:
    """MViT-S of the second version, for 16 frames (V2, table 1).

    Args:
        **kwargs: Passed on to `MViT`; `spatial_size=(224, 224)`, `temporal_size=16` and `stochastic_depth_prob=0.2` if
            not given.
    """
    return MViT(
        block_setting=[
            MSBlockConfig(1, 96, 96, _CUBE, _CUBE, (1, 1, 1), (1, 8, 8)),
            MSBlockConfig(2, 96, 192, _CUBE, _CUBE, (1, 2, 2), (1, 4, 4)),
            MSBlockConfig(2, 192, 192, _CUBE, _CUBE, (1, 1, 1), (1, 4, 4)),
            MSBlockConfig(4, 192, 384, _CUBE, _CUBE, (1, 2, 2), (1, 2, 2)),
            *[MSBlockConfig(4, 384, 384, _CUBE, _CUBE, (1, 1, 1), (1, 2, 2))] * 10,
            MSBlockConfig(8, 384, 768, _CUBE, _CUBE, (1, 2, 2), (1, 1, 1)),
            MSBlockConfig(8, 768, 768, _CUBE, _CUBE, (1, 1, 1), (1, 1, 1)),
        ],
        residual_pool=True,
        residual_with_cls_embed=False,
        rel_pos_embed=True,
        proj_after_attn=True,
        **(_FOR_16_FRAMES | kwargs),
    )
