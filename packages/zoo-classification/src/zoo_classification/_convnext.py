"""ConvNeXt.

Zhuang Liu, Hanzi Mao, Chao-Yuan Wu, Christoph Feichtenhofer, Trevor Darrell, Saining Xie: A ConvNet for the 2020s,
2022, arXiv:2201.03545.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import (
    Permute,
    StochasticDepth,
    depth_ramp,
    require_image_size,
    require_positive,
    require_settings,
    trunc_normal_,
)

from .catalogue import convnext as catalogue


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation over the channels of images, pixel by pixel; its arguments are those of `nn.LayerNorm`.

    Shape:
        `(N, C, H, W)` to the same, in memory channels last.

    Example:
        >>> import torch
        >>> from zoo_classification import LayerNorm2d
        >>> LayerNorm2d(96)(torch.zeros(2, 96, 14, 14)).shape
        torch.Size([2, 96, 14, 14])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x`, `(N, C, H, W)`."""
        rows = x.permute(0, 2, 3, 1)
        rows = nn.functional.layer_norm(rows, self.normalized_shape, self.weight, self.bias, self.eps)
        return rows.permute(0, 3, 1, 2)


@dataclass(frozen=True)
class CNBlockConfig:
    """A stage of blocks.

    Args:
        input_channels: Channels of its blocks.
        out_channels: Channels of the downsampling layer that ends the stage; `None` for no such layer.
        num_layers: Blocks.

    Raises:
        ValueError: A number is not positive.
    """

    input_channels: int
    out_channels: int | None
    num_layers: int

    def __post_init__(self) -> None:
        require_positive(input_channels=self.input_channels, num_layers=self.num_layers)
        if self.out_channels is not None:
            require_positive(out_channels=self.out_channels)


class CNBlock(nn.Module):
    """A depthwise 7x7 convolution, an inverted bottleneck for each pixel, and a shortcut (figure 4).

    `norm_layer` normalises `(N, H, W, dim)`; it is `nn.LayerNorm` with eps 1e-6 if not given.

    Shape:
        `(N, dim, H, W)` to the same.
    """

    def __init__(
        self,
        dim: int,
        layer_scale: float,
        stochastic_depth_prob: float,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or partial(nn.LayerNorm, eps=1e-6)
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim),
            Permute([0, 2, 3, 1]),
            norm_layer(dim),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(torch.full((dim, 1, 1), layer_scale))
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 # the name that users know
        return torch.addcmul(input, self.layer_scale, self.stochastic_depth(self.block(input)))


class ConvNeXt(ClassificationNetwork):
    """A ConvNeXt of any shape.

    Args:
        block_setting: The stages, in order.
        stochastic_depth_prob: Probability that the last block's residual is skipped in training; it grows linearly
            from 0 at the first block.
        layer_scale: Initial value of the factors that residuals are multiplied with.
        num_classes: Width of the classifier.
        block: Builds a block from channels, `layer_scale` and probability of stochastic depth; `CNBlock` if not given.
        norm_layer: Called with a number of channels, normalises `(N, C, H, W)` outside of the blocks; `LayerNorm2d`
            with eps 1e-6 if not given.

    Shape:
        Images `(N, 3, H, W)` to scores `(N, num_classes)`. Height and width are at least 4 pixels, twice as many for
        each downsampling layer: 32 for the networks of the paper.

    Raises:
        ValueError: There are no stages, a number is out of range, or images are too small.
        TypeError: Something in `block_setting` is no configuration.

    Example:
        >>> import torch
        >>> from zoo_classification import CNBlockConfig, ConvNeXt
        >>> stages = [CNBlockConfig(16, 32, num_layers=1), CNBlockConfig(32, None, num_layers=2)]
        >>> ConvNeXt(stages, num_classes=10)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.2",)

    def __init__(
        self,
        block_setting: Sequence[CNBlockConfig],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        settings = require_settings("block_setting", block_setting, CNBlockConfig)
        require_positive(num_classes=num_classes)
        norm_layer = norm_layer or partial(LayerNorm2d, eps=1e-6)
        make_block = partial(block or CNBlock, layer_scale=layer_scale)
        probabilities = depth_ramp(stochastic_depth_prob, sum(setting.num_layers for setting in settings))
        width = settings[0].input_channels
        layers = [nn.Sequential(nn.Conv2d(3, width, kernel_size=4, stride=4), norm_layer(width))]
        for setting in settings:
            layers += _make_stage(setting, probabilities, make_block, norm_layer)
        width = settings[-1].out_channels or settings[-1].input_channels
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(norm_layer(width), nn.Flatten(1), nn.Linear(width, num_classes))
        self.num_features, self.num_classes = width, num_classes
        self.apply(_initialise)
        self.smallest_image = 4 * 2 ** sum(setting.out_channels is not None for setting in settings)
        """Least height and width in pixels."""

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.classifier(self._pool(self._extract(x)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        require_image_size(images, self.smallest_image)
        features: Tensor = self.features(images)
        return features

    def _pool(self, features: Tensor) -> Tensor:
        pooled: Tensor = self.avgpool(features)
        return pooled


def _make_stage(
    setting: CNBlockConfig,
    probabilities: Iterator[float],
    make_block: Callable[..., nn.Module],
    norm_layer: Callable[..., nn.Module],
) -> list[nn.Sequential]:
    """Build the blocks of a stage, and the layer after them that halves the resolution, if there is one."""
    width = setting.input_channels
    layers = [
        nn.Sequential(
            *(make_block(width, stochastic_depth_prob=next(probabilities)) for _ in range(setting.num_layers))
        )
    ]
    if setting.out_channels is not None:
        downsample = nn.Conv2d(width, setting.out_channels, kernel_size=2, stride=2)
        layers.append(nn.Sequential(norm_layer(width), downsample))
    return layers


def _initialise(module: nn.Module) -> None:
    """Initialise as in the paper's appendix A.1."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _make_settings(widths: Sequence[int], depths: Sequence[int]) -> list[CNBlockConfig]:
    """Return stages of `depths` blocks of `widths` channels; each but the last ends in the width of the next."""
    return [CNBlockConfig(*stage) for stage in zip(widths, [*widths[1:], None], depths, strict=True)]


@builder(catalogue.ConvNeXt_Tiny_Weights.IMAGENET1K_V1)
def convnext_tiny(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt-T (section 3)."""
    return ConvNeXt(_make_settings((96, 192, 384, 768), (3, 3, 9, 3)), **{"stochastic_depth_prob": 0.1, **kwargs})


@builder(catalogue.ConvNeXt_Small_Weights.IMAGENET1K_V1)
def convnext_small(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt-S (section 3)."""
    return ConvNeXt(_make_settings((96, 192, 384, 768), (3, 3, 27, 3)), **{"stochastic_depth_prob": 0.4, **kwargs})


@builder(catalogue.ConvNeXt_Base_Weights.IMAGENET1K_V1)
def convnext_base(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt-B (section 3)."""
    return ConvNeXt(_make_settings((128, 256, 512, 1024), (3, 3, 27, 3)), **{"stochastic_depth_prob": 0.5, **kwargs})


@builder(catalogue.ConvNeXt_Large_Weights.IMAGENET1K_V1)
def convnext_large(**kwargs: Any) -> ConvNeXt:
    """ConvNeXt-L (section 3)."""
    return ConvNeXt(_make_settings((192, 384, 768, 1536), (3, 3, 27, 3)), **{"stochastic_depth_prob": 0.5, **kwargs})
