"""MobileNetV2.

Mark Sandler, Andrew Howard, Menglong Zhu, Andrey Zhmoginov, Liang-Chieh Chen: MobileNetV2: Inverted Residuals and
Linear Bottlenecks, 2018, arXiv:1801.04381.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import ConvNormActivation, initialise_from_normal, make_divisible, require_positive

from .catalogue.mobilenetv2 import MobileNet_V2_Weights

_RELU6 = partial(nn.ReLU6, inplace=True)

_TABLE_2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Stages: expansion factor, channels, blocks, stride of the first block."""


class InvertedResidual(nn.Module):
    """A block that expands, convolves each channel, and projects without an activation (table 1, figure 4d).

    The depthwise convolution has a `stride` of 1 or 2; another is a `ValueError`.

    Shape:
        `(N, inp, H, W)` to `(N, oup, ceil(H / stride), ceil(W / stride))`.
    """

    def __init__(
        self, inp: int, oup: int, stride: int, expand_ratio: float, norm_layer: Callable[..., nn.Module] | None = None
    ) -> None:
        super().__init__()
        if stride not in {1, 2}:
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm_layer = norm_layer or nn.BatchNorm2d
        unit = partial(ConvNormActivation, norm_layer=norm_layer, activation_layer=_RELU6)
        hidden = round(inp * expand_ratio)
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(unit(inp, hidden, 1))
        layers.append(unit(hidden, hidden, 3, stride, groups=hidden))
        layers.append(nn.Conv2d(hidden, oup, kernel_size=1, bias=False))
        layers.append(norm_layer(oup))
        self.conv = nn.Sequential(*layers)
        self.stride = stride
        self.use_res_connect = stride == 1 and inp == oup
        self.out_channels = oup
        self.starts_stage = stride > 1
        """Whether it halves the resolution."""

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(x)
        return x + result if self.use_res_connect else result


class MobileNetV2(ClassificationNetwork):
    """A MobileNetV2 of any width (table 2).

    Args:
        num_classes: Width of the classifier.
        width_mult: Scales all channels; those of the last convolution only up.
        inverted_residual_setting: For each stage its expansion factor, channels, blocks, and stride; those of the paper
            if not given.
        round_nearest: Channels are multiples of this.
        block: Builds a block from channels in, channels out, stride, expansion factor, and `norm_layer`;
            `InvertedResidual` if not given.
        norm_layer: Called with a number of channels; `nn.BatchNorm2d` if not given.
        dropout: Probability that an element before the classifier is dropped in training.

    Shape:
        Images `(N, 3, H, W)` of any size to scores `(N, num_classes)`.

    Raises:
        ValueError: An argument cannot be a network.

    Example:
        >>> import torch
        >>> from zoo_classification import MobileNetV2
        >>> MobileNetV2(num_classes=10, width_mult=0.25)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.1",)

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        require_positive(num_classes=num_classes, round_nearest=round_nearest)
        if width_mult <= 0:
            raise ValueError(f"width_mult should be positive, found {width_mult}")
        stages = _checked_stages(_TABLE_2 if inverted_residual_setting is None else inverted_residual_setting)
        make = partial(block or InvertedResidual, norm_layer=norm_layer or nn.BatchNorm2d)
        unit = partial(ConvNormActivation, norm_layer=norm_layer or nn.BatchNorm2d, activation_layer=_RELU6)
        channels = make_divisible(32 * width_mult, round_nearest)
        layers: list[nn.Module] = [unit(3, channels, 3, 2)]
        for expand_ratio, stage_channels, blocks, stride in stages:
            out_channels = make_divisible(stage_channels * width_mult, round_nearest)
            for index in range(blocks):
                layers.append(make(channels, out_channels, stride if index == 0 else 1, expand_ratio=expand_ratio))
                channels = out_channels
        self.last_channel = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        self.features = nn.Sequential(*layers, unit(channels, self.last_channel, 1))
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes))
        self.num_features, self.num_classes = self.last_channel, num_classes
        self.apply(initialise_from_normal)

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        return self._forward_impl(x)

    def _forward_impl(self, images: Tensor) -> Tensor:
        scores: Tensor = self.classifier(self._pool(self._extract(images)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        features: Tensor = self.features(images)
        return features

    def _pool(self, features: Tensor) -> Tensor:
        return torch.flatten(nn.functional.adaptive_avg_pool2d(features, 1), 1)


def _checked_stages(stages: Sequence[Sequence[int]]) -> Sequence[Sequence[int]]:
    if not stages or any(len(stage) != 4 for stage in stages):
        raise ValueError(f"inverted_residual_setting should be non-empty or a 4-element list, got {stages}")
    return stages


@builder(MobileNet_V2_Weights.IMAGENET1K_V1)
def mobilenet_v2(**kwargs: Any) -> MobileNetV2:
    """MobileNetV2 of width 1.0 (table 2)."""
    return MobileNetV2(**kwargs)
