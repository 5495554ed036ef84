"""MobileNetV3.

Andrew Howard, Mark Sandler, Grace Chu, Liang-Chieh Chen, Bo Chen, Mingxing Tan, Weijun Wang, Yukun Zhu, Ruoming Pang,
Vijay Vasudevan, Quoc V. Le, Hartwig Adam: Searching for MobileNetV3, 2019, arXiv:1905.02244.
"""

from collections.abc import Callable, Sequence
from dataclasses import InitVar, dataclass
from functools import partial
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import (
    ConvNormActivation,
    SqueezeExcitation,
    initialise_from_normal,
    make_divisible,
    require_positive,
    require_settings,
)

from .catalogue.mobilenetv3 import MobileNet_V3_Large_Weights, MobileNet_V3_Small_Weights

_RELU = partial(nn.ReLU, inplace=True)
_HARD_SWISH = partial(nn.Hardswish, inplace=True)
_SQUEEZE_EXCITATION = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


@dataclass(frozen=True)
class InvertedResidualConfig:
    """One row of the paper's tables 1 and 2, with its numbers of channels scaled by a width multiplier.

    Args:
        input_channels: Channels of the input.
        kernel: Size of the depthwise convolution.
        expanded_channels: Channels of the depthwise convolution.
        out_channels: Channels of the output.
        use_se: Whether it squeezes and excites.
        activation: `"RE"` for ReLU or `"HS"` for hard swish.
        stride: Of the depthwise convolution, 1 or 2.
        dilation: Of the depthwise convolution; above 1 it takes the place of the stride.
        width_mult: Scales all channels, to multiples of 8.

    Raises:
        ValueError: An argument cannot be a block.
    """

    input_channels: int
    kernel: int
    expanded_channels: int
    out_channels: int
    use_se: bool
    activation: str
    stride: int
    dilation: int
    width_mult: InitVar[float] = 1.0

    def __post_init__(self, width_mult: float) -> None:
        if self.stride not in {1, 2}:
            raise ValueError(f"illegal stride value: expected 1 or 2, found {self.stride}")
        if self.activation not in {"RE", "HS"}:
            raise ValueError(f"activation should be 'RE' or 'HS', found {self.activation!r}")
        require_positive(kernel=self.kernel, dilation=self.dilation)
        for name in ("input_channels", "expanded_channels", "out_channels"):
            object.__setattr__(self, name, self.adjust_channels(getattr(self, name), width_mult))

    @property
    def use_hs(self) -> bool:
        """Whether the activation is hard swish."""
        return self.activation == "HS"

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """Scale a number of channels, to a multiple of 8."""
        return make_divisible(channels * width_mult, 8)


class InvertedResidual(nn.Module):
    """A block that expands, convolves each channel, squeezes and excites, and projects (section 3, figure 4).

    Shape:
        `(N, input_channels, H, W)` to `(N, out_channels, ceil(H / stride), ceil(W / stride))`.
    """

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: Callable[..., nn.Module],
        se_layer: Callable[[int, int], nn.Module] = _SQUEEZE_EXCITATION,
    ) -> None:
        super().__init__()
        expanded = cnf.expanded_channels
        unit = partial(ConvNormActivation, norm_layer=norm_layer, activation_layer=_HARD_SWISH if cnf.use_hs else _RELU)
        layers: list[nn.Module] = []
        if expanded != cnf.input_channels:
            layers.append(unit(cnf.input_channels, expanded, 1))
        stride = cnf.stride if cnf.dilation == 1 else 1
        layers.append(unit(expanded, expanded, cnf.kernel, stride, dilation=cnf.dilation, groups=expanded))
        if cnf.use_se:
            layers.append(se_layer(expanded, make_divisible(expanded // 4, 8)))
        layers.append(unit(expanded, cnf.out_channels, 1, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.out_channels = cnf.out_channels
        self.starts_stage = cnf.stride > 1
        """Whether it halves the resolution, or would if it did not dilate instead."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 # the name that users know
        result: Tensor = self.block(input)
        return result + input if self.use_res_connect else result


class MobileNetV3(ClassificationNetwork):
    """A MobileNetV3 of any shape.

    Args:
        inverted_residual_setting: The blocks, in order.
        last_channel: Width of the hidden layer of the classifier.
        num_classes: Width of the classifier.
        block: Builds a block from its configuration and `norm_layer`; `InvertedResidual` if not given.
        norm_layer: Called with a number of channels; batch norm with eps 0.001 and momentum 0.01 if not given.
        dropout: Probability that an element of the hidden layer is dropped in training.

    Shape:
        Images `(N, 3, H, W)` of any size to scores `(N, num_classes)`.

    Raises:
        ValueError: There are no blocks, or a number is not positive.
        TypeError: Something in `inverted_residual_setting` is no configuration.

    Example:
        >>> import torch
        >>> from zoo_classification import InvertedResidualConfig, MobileNetV3
        >>> row = InvertedResidualConfig(16, 3, 64, 24, use_se=True, activation="HS", stride=2, dilation=1)
        >>> MobileNetV3([row], last_channel=128, num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.3",)

    def __init__(
        self,
        inverted_residual_setting: Sequence[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        settings = require_settings("inverted_residual_setting", inverted_residual_setting, InvertedResidualConfig)
        require_positive(last_channel=last_channel, num_classes=num_classes)
        block = block or InvertedResidual
        norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        unit = partial(ConvNormActivation, norm_layer=norm_layer, activation_layer=_HARD_SWISH)
        out_channels = settings[-1].out_channels
        self.features = nn.Sequential(
            unit(3, settings[0].input_channels, 3, 2),
            *(block(setting, norm_layer) for setting in settings),
            unit(out_channels, 6 * out_channels, 1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * out_channels, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        self.num_features, self.num_classes = 6 * out_channels, num_classes
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
        return torch.flatten(self.avgpool(features), 1)


# A row: kernel, expanded channels, output channels, squeeze-and-excite, activation, stride, dilation.
_Row = tuple[int, int, int, bool, str, int, int]

N = TypeVar("N", bound=nn.Module)


def table_1(tail: int, dilation: int) -> tuple[_Row, ...]:
    """The large network; the channels of C5, where the resolution is 1/32, are divided by `tail`."""
    return (
        (3, 16, 16, False, "RE", 1, 1),
        (3, 64, 24, False, "RE", 2, 1),
        (3, 72, 24, False, "RE", 1, 1),
        (5, 72, 40, True, "RE", 2, 1),
        (5, 120, 40, True, "RE", 1, 1),
        (5, 120, 40, True, "RE", 1, 1),
        (3, 240, 80, False, "HS", 2, 1),
        (3, 200, 80, False, "HS", 1, 1),
        (3, 184, 80, False, "HS", 1, 1),
        (3, 184, 80, False, "HS", 1, 1),
        (3, 480, 112, True, "HS", 1, 1),
        (3, 672, 112, True, "HS", 1, 1),
        (5, 672, 160 // tail, True, "HS", 2, dilation),
        (5, 960 // tail, 160 // tail, True, "HS", 1, dilation),
        (5, 960 // tail, 160 // tail, True, "HS", 1, dilation),
    )


def table_2(tail: int, dilation: int) -> tuple[_Row, ...]:
    """The small network, likewise."""
    return (
        (3, 16, 16, True, "RE", 2, 1),
        (3, 72, 24, False, "RE", 2, 1),
        (3, 88, 24, False, "RE", 1, 1),
        (5, 96, 40, True, "HS", 2, 1),
        (5, 240, 40, True, "HS", 1, 1),
        (5, 240, 40, True, "HS", 1, 1),
        (5, 120, 48, True, "HS", 1, 1),
        (5, 144, 48, True, "HS", 1, 1),
        (5, 288, 96 // tail, True, "HS", 2, dilation),
        (5, 576 // tail, 96 // tail, True, "HS", 1, dilation),
        (5, 576 // tail, 96 // tail, True, "HS", 1, dilation),
    )


def from_table(
    table: Callable[[int, int], tuple[_Row, ...]],
    last_channel: int,
    *,
    network: Callable[..., N],
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
    **kwargs: Any,
) -> N:
    """Build a network of the paper, or its variant for detection or segmentation (sections 6.3 and 6.4).

    `width_mult` scales all channels, `reduced_tail` halves those of C5 and of what follows it, and `dilated` dilates C5
    instead of halving its resolution. `network` is a `MobileNetV3`, or what has its arguments.
    """
    tail, dilation = (2 if reduced_tail else 1), (2 if dilated else 1)
    rows = table(tail, dilation)
    inputs = (16, *(row[2] for row in rows[:-1]))
    settings = [
        InvertedResidualConfig(input_channels, *row, width_mult)
        for input_channels, row in zip(inputs, rows, strict=True)
    ]
    return network(settings, InvertedResidualConfig.adjust_channels(last_channel // tail, width_mult), **kwargs)


@builder(MobileNet_V3_Large_Weights.IMAGENET1K_V1)
def mobilenet_v3_large(**kwargs: Any) -> MobileNetV3:
    """MobileNetV3-Large (table 1).

    Args:
        **kwargs: Passed on to `MobileNetV3`, but for three: `width_mult=1.0` scales all channels, `reduced_tail=True`
            halves those from resolution 1/32 on, `dilated=True` dilates there and stays at 1/16.
    """
    return from_table(table_1, 1280, network=MobileNetV3, **kwargs)


@builder(MobileNet_V3_Small_Weights.IMAGENET1K_V1)
def mobilenet_v3_small(**kwargs: Any) -> MobileNetV3:
    """MobileNetV3-Small (table 2).

    Args:
        **kwargs: Passed on to `MobileNetV3`, but for three: `width_mult=1.0` scales all channels, `reduced_tail=True`
            halves those from resolution 1/32 on, `dilated=True` dilates there and stays at 1/16.
    """
    return from_table(table_2, 1024, network=MobileNetV3, **kwargs)
