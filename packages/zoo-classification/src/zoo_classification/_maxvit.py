"""MaxViT.

Zhengzhong Tu, Hossein Talebi, Han Zhang, Feng Yang, Peyman Milanfar, Alan Bovik, Yinxiao Li: MaxViT: Multi-Axis Vision
Transformer, 2022, arXiv:2204.01697.

Maps are `(N, C, H, W)`, in channels-last memory: attention sees them as `(N, H, W, C)` without copying them.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice, pairwise
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import (
    ConvNormActivation,
    SqueezeExcitation,
    StochasticDepth,
    attend,
    depth_ramp,
    is_symbol,
    join_heads,
    relative_position_bias,
    relative_position_index,
    require_positive,
    trunc_normal_,
)

from .catalogue.maxvit import MaxVit_T_Weights


class MBConv(nn.Module):
    """An inverted bottleneck with squeeze-and-excitation, normalised before (figure 2 and section 3.3).

    `stride` is that of the depthwise convolution and of the shortcut, 1 or 2; `p_stochastic_dropout` the probability
    that the branch is dropped for an image in training. The other arguments are those of `MaxVit`.

    Shape:
        `(N, in_channels, H, W)` to `(N, out_channels, ceil(H / stride), ceil(W / stride))`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        expansion_ratio: float,
        squeeze_ratio: float,
        stride: int,
        activation_layer: Callable[..., nn.Module],
        norm_layer: Callable[..., nn.Module],
        p_stochastic_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        middle, squeezed = int(out_channels * expansion_ratio), int(out_channels * squeeze_ratio)
        unit = partial(ConvNormActivation, activation_layer=activation_layer, norm_layer=norm_layer)
        self.proj = _shortcut(in_channels, out_channels, stride)
        self.stochastic_depth = StochasticDepth(p_stochastic_dropout, "row")
        self.layers = nn.Sequential(
            OrderedDict(
                pre_norm=norm_layer(in_channels),
                conv_a=unit(in_channels, middle, kernel_size=1),
                conv_b=unit(middle, middle, kernel_size=3, stride=stride, groups=middle),
                squeeze_excitation=SqueezeExcitation(middle, squeezed, activation=nn.SiLU),
                conv_c=nn.Conv2d(middle, out_channels, kernel_size=1),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.proj(x) + self.stochastic_depth(self.layers(x))
        return result


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    pool = [nn.AvgPool2d(kernel_size=3, stride=stride, padding=1)] if stride > 1 else []
    return nn.Sequential(*pool, nn.Conv2d(in_channels, out_channels, kernel_size=1))


class RelativePositionalMultiHeadAttention(nn.Module):
    """Multi-head self-attention with relative position bias within partitions (section 3.1).

    Args:
        feat_dim: Channels of the input and the output, C.
        head_dim: Channels of each head; divides `feat_dim`.
        partition_size: Tokens of a partition along each of its two sides, P.

    Shape:
        `(N, partitions, P * P, C)` to the same.

    Raises:
        ValueError: `head_dim` does not divide `feat_dim`.
    """

    relative_position_index: Tensor

    def __init__(self, feat_dim: int, head_dim: int, partition_size: int) -> None:
        super().__init__()
        if feat_dim % head_dim:
            raise ValueError(f"feat_dim: {feat_dim} must be divisible by head_dim: {head_dim}")
        self.n_heads = feat_dim // head_dim
        self.head_dim = head_dim
        self.scale_factor = feat_dim**-0.5  # of all channels, not of a head's: the trained weights are used to it
        self.to_qkv = nn.Linear(feat_dim, 3 * feat_dim)
        self.merge = nn.Linear(feat_dim, feat_dim)
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * partition_size - 1) ** 2, self.n_heads))
        self.register_buffer("relative_position_index", relative_position_index([partition_size, partition_size]))

    def get_relative_positional_bias(self) -> Tensor:
        """Return what is added to the scores, `(1, heads, P * P, P * P)`."""
        return relative_position_bias(self.relative_position_bias_table, self.relative_position_index)

    def forward(self, x: Tensor) -> Tensor:
        heads = [-1, x.shape[-2], 3, self.n_heads, self.head_dim]
        query, key, value = self.to_qkv(x).view(heads).unbind(2)
        attended = attend(
            query.transpose(1, 2),
            key.transpose(1, 2),
            value.transpose(1, 2),
            self.get_relative_positional_bias(),
            scale=self.scale_factor,
        )
        result: Tensor = self.merge(join_heads(attended).reshape(x.shape))
        return result


class PartitionAttentionLayer(nn.Module):
    """Attention within partitions of the map and a perceptron, each with a shortcut (figure 3).

    `partition_type` is `"window"` for P x P tokens side by side, `"grid"` for P x P tokens spread evenly over the map,
    P the `partition_size`; `p_stochastic_dropout` the probability that either branch is dropped for an image in
    training. The other arguments are those of `MaxVit`.

    Shape:
        `(N, C, H, W)` with H and W multiples of P to the same.

    Raises:
        ValueError: `partition_type` is another.
    """

    def __init__(
        self,
        in_channels: int,
        head_dim: int,
        partition_size: int,
        partition_type: Literal["window", "grid"],
        mlp_ratio: int,
        activation_layer: Callable[..., nn.Module],
        attention_dropout: float,
        mlp_dropout: float,
        p_stochastic_dropout: float,
    ) -> None:
        super().__init__()
        if partition_type not in {"window", "grid"}:
            raise ValueError(f"partition_type should be 'window' or 'grid', found {partition_type!r}")
        self.partition_size = partition_size
        self.partition_type = partition_type
        self.attn_layer = nn.Sequential(
            nn.LayerNorm(in_channels),
            RelativePositionalMultiHeadAttention(in_channels, head_dim, partition_size),
            nn.Dropout(attention_dropout),
        )
        self.mlp_layer = nn.Sequential(
            nn.LayerNorm(in_channels),
            nn.Linear(in_channels, in_channels * mlp_ratio),
            activation_layer(),
            nn.Linear(in_channels * mlp_ratio, in_channels),
            nn.Dropout(mlp_dropout),
        )
        self.stochastic_dropout = StochasticDepth(p_stochastic_dropout, "row")

    def forward(self, x: Tensor) -> Tensor:
        size = [x.shape[2], x.shape[3]]
        tokens = self._partition(x.permute(0, 2, 3, 1))
        tokens = tokens + self.stochastic_dropout(self.attn_layer(tokens))
        tokens = tokens + self.stochastic_dropout(self.mlp_layer(tokens))
        return self._join(tokens, size).permute(0, 3, 1, 2)

    def _partition(self, x: Tensor) -> Tensor:
        """Partition a map, `(N, H, W, C)` to `(N, partitions, P * P, C)`."""
        n, h, w, c = x.shape
        p = self.partition_size
        if self.partition_type == "window":
            partitions = x.reshape([n, h // p, p, w // p, p, c]).permute(0, 1, 3, 2, 4, 5)
        else:
            partitions = x.reshape([n, p, h // p, p, w // p, c]).permute(0, 2, 4, 1, 3, 5)
        return partitions.reshape(n, (h // p) * (w // p), p * p, c)  # not -1, which a batch of none leaves open

    def _join(self, partitions: Tensor, size: list[int]) -> Tensor:
        """Join partitions to a map, `(N, partitions, P * P, C)` to `(N, H, W, C)`."""
        n, c = partitions.shape[0], partitions.shape[-1]
        h, w = size
        p = self.partition_size
        x = partitions.reshape([n, h // p, w // p, p, p, c])
        x = x.permute(0, 1, 3, 2, 4, 5) if self.partition_type == "window" else x.permute(0, 3, 1, 4, 2, 5)
        return x.reshape(n, h, w, c)


class MaxVitLayer(nn.Module):
    """An inverted bottleneck, attention within windows, attention within a grid (figure 2).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Of the inverted bottleneck, 1 or 2.
        p_stochastic_dropout: Probability that a branch is dropped for an image in training.
        bottleneck: Builds an `MBConv` from these four.
        attention: Builds a `PartitionAttentionLayer` from `out_channels`, `partition_type` and `p_stochastic_dropout`.

    Shape:
        `(N, in_channels, H, W)` to `(N, out_channels, ceil(H / stride), ceil(W / stride))`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        p_stochastic_dropout: float,
        bottleneck: Callable[..., nn.Module],
        attention: Callable[..., nn.Module],
    ) -> None:
        super().__init__()
        attend = partial(attention, out_channels, p_stochastic_dropout=p_stochastic_dropout)
        self.layers = nn.Sequential(
            OrderedDict[str, nn.Module](
                MBconv=bottleneck(in_channels, out_channels, stride=stride, p_stochastic_dropout=p_stochastic_dropout),
                window_attention=attend(partition_type="window"),
                grid_attention=attend(partition_type="grid"),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layers(x)
        return result


class MaxVitBlock(nn.Module):
    """The layers of one resolution, the first of which halves it (figure 2).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        p_stochastic: For each layer, the probability that a branch is dropped for an image in training.
        layer: Builds a layer from `in_channels`, `out_channels`, `stride` and `p_stochastic_dropout`.

    Shape:
        `(N, in_channels, H, W)` to `(N, out_channels, ceil(H / 2), ceil(W / 2))`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, p_stochastic: Sequence[float], layer: Callable[..., nn.Module]
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            layer(
                in_channels if index == 0 else out_channels,
                out_channels,
                stride=2 if index == 0 else 1,
                p_stochastic_dropout=probability,
            )
            for index, probability in enumerate(p_stochastic)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class MaxVit(ClassificationNetwork):
    """A MaxViT of any shape (figure 2 and table 1).

    Args:
        input_size: Height and width of the images in pixels; only checked, others that fit the partitions work as well.
        stem_channels: Channels of the stem.
        partition_size: Tokens of a partition along each of its two sides, in every block.
        block_channels: Channels of each block.
        block_layers: Layers of each block.
        head_dim: Channels of each attention head; divides all `block_channels`.
        stochastic_depth_prob: Probability that a branch of the last layer is dropped in training; it rises from 0.
        norm_layer: Of the convolutions; batch norm with eps 0.001 and momentum 0.01 if not given.
        activation_layer: Called without arguments.
        squeeze_ratio: Channels that are squeezed to, as a multiple of a layer's channels.
        expansion_ratio: Channels of the depthwise convolutions, as a multiple of a layer's channels.
        mlp_ratio: Hidden channels of the perceptrons, as a multiple of a layer's channels.
        mlp_dropout: Probability that an element of a perceptron's output is dropped in training.
        attention_dropout: Probability that an element of an attention's output is dropped in training.
        num_classes: Width of the classifier.

    Shape:
        Images `(N, 3, H, W)` to scores `(N, num_classes)`. H and W, halved (rounded up) for the stem and once more for
        each block, are multiples of `partition_size` in every block.

    Raises:
        ValueError: An argument cannot be a network, or images have a size that cannot be partitioned.

    Example:
        >>> import torch
        >>> from zoo_classification import MaxVit
        >>> network = MaxVit((56, 56), 16, 7, [32, 64], [1, 1], head_dim=32, stochastic_depth_prob=0.1, num_classes=10)
        >>> network(torch.zeros(2, 3, 56, 112)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.5",)

    def __init__(
        self,
        input_size: Sequence[int],
        stem_channels: int,
        partition_size: int,
        block_channels: Sequence[int],
        block_layers: Sequence[int],
        head_dim: int,
        stochastic_depth_prob: float,
        norm_layer: Callable[..., nn.Module] | None = None,
        activation_layer: Callable[..., nn.Module] = nn.GELU,
        squeeze_ratio: float = 0.25,
        expansion_ratio: float = 4,
        mlp_ratio: int = 4,
        mlp_dropout: float = 0.0,
        attention_dropout: float = 0.0,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        _check_blocks(block_channels, block_layers)
        require_positive(stem_channels=stem_channels, partition_size=partition_size, num_classes=num_classes)
        _check_partitions(list(input_size), len(block_channels), partition_size)
        norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)
        self.partition_size = partition_size
        self.stem = nn.Sequential(
            ConvNormActivation(3, stem_channels, 3, 2, norm_layer=norm_layer, activation_layer=activation_layer),
            ConvNormActivation(stem_channels, stem_channels, 3, norm_layer=None, activation_layer=None),
        )
        bottleneck = partial(
            MBConv,
            expansion_ratio=expansion_ratio,
            squeeze_ratio=squeeze_ratio,
            activation_layer=activation_layer,
            norm_layer=norm_layer,
        )
        attention = partial(
            PartitionAttentionLayer,
            head_dim=head_dim,
            partition_size=partition_size,
            mlp_ratio=mlp_ratio,
            activation_layer=activation_layer,
            attention_dropout=attention_dropout,
            mlp_dropout=mlp_dropout,
        )
        layer = partial(MaxVitLayer, bottleneck=bottleneck, attention=attention)
        probabilities = depth_ramp(stochastic_depth_prob, sum(block_layers))
        channels = pairwise((stem_channels, *block_channels))
        self.blocks = nn.ModuleList(
            MaxVitBlock(*between, list(islice(probabilities, count)), layer)
            for between, count in zip(channels, block_layers, strict=True)
        )
        width = block_channels[-1]
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.Tanh(),
            nn.Linear(width, num_classes, bias=False),
        )
        self.num_features, self.num_classes = width, num_classes
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Score images, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.classifier(self._extract(x))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        if not is_symbol(images):
            _check_partitions([images.shape[-2], images.shape[-1]], len(self.blocks), self.partition_size)
        maps: Tensor = self.stem(images.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            maps = block(maps)
        return maps


def _check_blocks(channels: Sequence[int], layers: Sequence[int]) -> None:
    if not channels or len(channels) != len(layers) or min(*channels, *layers) < 1:
        raise ValueError(
            "block_channels and block_layers should have a positive number for each block, "
            f"found {list(channels)} and {list(layers)}"
        )


def _check_partitions(size: list[int], blocks: int, partition_size: int) -> None:
    """Check that all maps of images of `size` consist of whole partitions."""
    height, width = (size[0] + 1) // 2, (size[1] + 1) // 2
    for block in range(blocks):
        height, width = (height + 1) // 2, (width + 1) // 2
        if height % partition_size != 0 or width % partition_size != 0:
            raise ValueError(
                f"Input size ({height}, {width}) of block {block} is not divisible by partition size {partition_size}. "
                "Consider changing the partition size or the input size."
            )


def _initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, RelativePositionalMultiHeadAttention):
        trunc_normal_(module.relative_position_bias_table, std=0.02)


@builder(MaxVit_T_Weights.IMAGENET1K_V1)
def maxvit_t(**kwargs: Any) -> MaxVit:
    """MaxViT-Tiny (table 1).

    Args:
        **kwargs: Passed on to `MaxVit`. `input_size` is `(224, 224)` if not given.
    """
    return MaxVit(
        stem_channels=64,
        partition_size=7,
        block_channels=[64, 128, 256, 512],
        block_layers=[2, 2, 5, 2],
        head_dim=32,
        **{"input_size": (224, 224), "stochastic_depth_prob": 0.2, **kwargs},
    )
