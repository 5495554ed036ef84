"""EfficientNet and EfficientNetV2.

Mingxing Tan, Quoc V. Le: EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019,
arXiv:1905.11946.
Mingxing Tan, Quoc V. Le: EfficientNetV2: Smaller Models and Faster Training, 2021, arXiv:2104.00298.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import InitVar, dataclass, replace
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import (
    ConvNormActivation,
    SqueezeExcitation,
    StochasticDepth,
    depth_ramp,
    make_divisible,
    require_positive,
    require_settings,
)

from .catalogue import efficientnet as catalogue

_SWISH = partial(nn.SiLU, inplace=True)
_SLOW_NORM = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
_V2_NORM = partial(nn.BatchNorm2d, eps=0.001)


@dataclass(frozen=True)
class _StageConfig:
    """What the two kinds of stages have in common."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int

    def _check(self) -> None:
        if self.stride not in {1, 2}:
            raise ValueError(f"illegal stride value: expected 1 or 2, found {self.stride}")
        if self.expand_ratio <= 0:
            raise ValueError(f"expand_ratio should be positive, found {self.expand_ratio}")
        require_positive(
            kernel=self.kernel,
            input_channels=self.input_channels,
            out_channels=self.out_channels,
            num_layers=self.num_layers,
        )

    @property
    def expanded_channels(self) -> int:
        """Channels inside of a block."""
        return self.adjust_channels(self.input_channels, self.expand_ratio)

    @property
    def use_res_connect(self) -> bool:
        """Whether a block has a shortcut: where input and output have the same form."""
        return self.stride == 1 and self.input_channels == self.out_channels

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """Scale a number of channels, to a multiple of 8."""
        return make_divisible(channels * width_mult, 8)


@dataclass(frozen=True)
class MBConvConfig(_StageConfig):
    """A stage of `MBConv` blocks: one row of EfficientNet's table 1, scaled in width and depth.

    Args:
        expand_ratio: Channels inside of a block, as a multiple of its input's.
        kernel: Size of the depthwise convolutions.
        stride: Of the first depthwise convolution, 1 or 2.
        input_channels: Channels of the input.
        out_channels: Channels of the output.
        num_layers: Blocks.
        width_mult: Scales the channels of input and output, to multiples of 8.
        depth_mult: Scales the number of blocks, rounding up.
        block: Builds a block from its configuration, probability of stochastic depth and norm layer; `MBConv` if not
            given.

    Raises:
        ValueError: An argument cannot be a stage.
    """

    width_mult: InitVar[float] = 1.0
    depth_mult: InitVar[float] = 1.0
    block: Callable[..., nn.Module] | None = None

    def __post_init__(self, width_mult: float, depth_mult: float) -> None:
        self._check()
        for name in ("input_channels", "out_channels"):
            object.__setattr__(self, name, self.adjust_channels(getattr(self, name), width_mult))
        object.__setattr__(self, "num_layers", self.adjust_depth(self.num_layers, depth_mult))
        object.__setattr__(self, "block", self.block or MBConv)

    @staticmethod
    def adjust_depth(num_layers: int, depth_mult: float) -> int:
        """Scale a number of blocks, rounding up."""
        return math.ceil(num_layers * depth_mult)


@dataclass(frozen=True)
class FusedMBConvConfig(_StageConfig):
    """A stage of `FusedMBConv` blocks, which is `block` if not given: one row of EfficientNetV2's table 4.

    Arguments and errors are those of `MBConvConfig`, but for its multipliers; `kernel` and `stride` are those of the
    convolutions that expand.
    """

    block: Callable[..., nn.Module] | None = None

    def __post_init__(self) -> None:
        self._check()
        object.__setattr__(self, "block", self.block or FusedMBConv)


class _Residual(nn.Module):
    """Layers with a shortcut around them where input and output have the same form.

    Where they have, the layers are skipped with `stochastic_depth_prob` in training.

    Shape:
        `(N, input_channels, H, W)` to `(N, out_channels, ceil(H / stride), ceil(W / stride))`.
    """

    def __init__(self, layers: Sequence[nn.Module], cnf: _StageConfig, stochastic_depth_prob: float) -> None:
        super().__init__()
        self.use_res_connect = cnf.use_res_connect
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 # the name that users know
        result: Tensor = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


class MBConv(_Residual):
    """A block that expands, convolves each channel, squeezes and excites, and projects (EfficientNet, section 4)."""

    def __init__(
        self,
        cnf: MBConvConfig,
        stochastic_depth_prob: float,
        norm_layer: Callable[..., nn.Module],
        se_layer: Callable[..., nn.Module] = SqueezeExcitation,
    ) -> None:
        expanded = cnf.expanded_channels
        unit = partial(ConvNormActivation, norm_layer=norm_layer, activation_layer=_SWISH)
        layers: list[nn.Module] = []
        if expanded != cnf.input_channels:
            layers.append(unit(cnf.input_channels, expanded, 1))
        layers.append(unit(expanded, expanded, cnf.kernel, cnf.stride, groups=expanded))
        layers.append(se_layer(expanded, max(1, cnf.input_channels // 4), activation=_SWISH))
        layers.append(unit(expanded, cnf.out_channels, 1, activation_layer=None))
        super().__init__(layers, cnf, stochastic_depth_prob)


class FusedMBConv(_Residual):
    """A block that expands with a full convolution, and projects (EfficientNetV2, figure 2, without the excitation).

    Where nothing is expanded, one convolution does all.
    """

    def __init__(
        self, cnf: FusedMBConvConfig, stochastic_depth_prob: float, norm_layer: Callable[..., nn.Module]
    ) -> None:
        expanded = cnf.expanded_channels
        unit = partial(ConvNormActivation, norm_layer=norm_layer, activation_layer=_SWISH)
        if expanded == cnf.input_channels:
            layers = [unit(cnf.input_channels, cnf.out_channels, cnf.kernel, cnf.stride)]
        else:
            layers = [
                unit(cnf.input_channels, expanded, cnf.kernel, cnf.stride),
                unit(expanded, cnf.out_channels, 1, activation_layer=None),
            ]
        super().__init__(layers, cnf, stochastic_depth_prob)


class EfficientNet(ClassificationNetwork):
    """An EfficientNet of any shape.

    Args:
        inverted_residual_setting: The stages, in order.
        dropout: Probability that an element of the pooled features is dropped in training.
        stochastic_depth_prob: Probability that a block is skipped in training: it grows linearly from 0 at the first
            block towards this.
        num_classes: Width of the classifier.
        norm_layer: Called with a number of channels; `nn.BatchNorm2d` if not given.
        last_channel: Channels of the last convolution; four times those of the last stage if not given.

    Shape:
        Images `(N, 3, H, W)` of any size to scores `(N, num_classes)`.

    Raises:
        ValueError: There are no stages, or a number is out of range.
        TypeError: Something in `inverted_residual_setting` is no configuration.

    Example:
        >>> import torch
        >>> from zoo_classification import EfficientNet, MBConvConfig
        >>> stage = MBConvConfig(4, 3, 2, 16, 24, num_layers=2)
        >>> EfficientNet([stage], dropout=0.2, num_classes=10)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.1",)

    def __init__(
        self,
        inverted_residual_setting: Sequence[MBConvConfig | FusedMBConvConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Callable[..., nn.Module] | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        settings: Sequence[MBConvConfig | FusedMBConvConfig] = require_settings(
            "inverted_residual_setting", inverted_residual_setting, MBConvConfig, FusedMBConvConfig
        )
        last_in = settings[-1].out_channels
        last_out = 4 * last_in if last_channel is None else last_channel
        require_positive(num_classes=num_classes, last_channel=last_out)
        norm_layer = norm_layer or nn.BatchNorm2d
        unit = partial(ConvNormActivation, norm_layer=norm_layer, activation_layer=_SWISH)
        blocks = sum(setting.num_layers for setting in settings)
        probabilities = depth_ramp(stochastic_depth_prob, blocks + 1)  # one more: the last block is below it
        self.features = nn.Sequential(
            unit(3, settings[0].input_channels, 3, 2),
            *(_make_stage(setting, probabilities, norm_layer) for setting in settings),
            unit(last_in, last_out, 1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(last_out, num_classes))
        self.num_features, self.num_classes = last_out, num_classes
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.classifier(self._pool(self._extract(x)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        features: Tensor = self.features(images)
        return features

    def _pool(self, features: Tensor) -> Tensor:
        return torch.flatten(self.avgpool(features), 1)


def _make_stage(
    first: MBConvConfig | FusedMBConvConfig, probabilities: Iterator[float], norm_layer: Callable[..., nn.Module]
) -> nn.Sequential:
    """Build a stage, of which only the first block strides and changes the number of channels."""
    assert first.block is not None
    rest = replace(first, input_channels=first.out_channels, stride=1)
    configs = (first, *[rest] * (first.num_layers - 1))
    return nn.Sequential(*(first.block(cnf, next(probabilities), norm_layer) for cnf in configs))


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        bound = 1.0 / math.sqrt(module.out_features)
        nn.init.uniform_(module.weight, -bound, bound)
    if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
        nn.init.zeros_(module.bias)


def _table_1(width_mult: float, depth_mult: float) -> list[MBConvConfig]:
    """EfficientNet-B0, scaled in width and depth (section 3.3)."""
    stage = partial(MBConvConfig, width_mult=width_mult, depth_mult=depth_mult)
    return [
        stage(1, 3, 1, 32, 16, 1),
        stage(6, 3, 2, 16, 24, 2),
        stage(6, 5, 2, 24, 40, 2),
        stage(6, 3, 2, 40, 80, 3),
        stage(6, 5, 1, 80, 112, 3),
        stage(6, 5, 2, 112, 192, 4),
        stage(6, 3, 1, 192, 320, 1),
    ]


@builder(catalogue.EfficientNet_B0_Weights.IMAGENET1K_V1)
def efficientnet_b0(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B0 (EfficientNet, table 1)."""
    return EfficientNet(_table_1(1.0, 1.0), **{"dropout": 0.2, **kwargs})


@builder(catalogue.EfficientNet_B1_Weights.IMAGENET1K_V1)
def efficientnet_b1(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B1: B0 with 1.1 times the blocks (section 3.3)."""
    return EfficientNet(_table_1(1.0, 1.1), **{"dropout": 0.2, **kwargs})


@builder(catalogue.EfficientNet_B2_Weights.IMAGENET1K_V1)
def efficientnet_b2(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B2: B0 with 1.1 times the channels and 1.2 times the blocks (section 3.3)."""
    return EfficientNet(_table_1(1.1, 1.2), **{"dropout": 0.3, **kwargs})


@builder(catalogue.EfficientNet_B3_Weights.IMAGENET1K_V1)
def efficientnet_b3(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B3: B0 with 1.2 times the channels and 1.4 times the blocks (section 3.3)."""
    return EfficientNet(_table_1(1.2, 1.4), **{"dropout": 0.3, **kwargs})


@builder(catalogue.EfficientNet_B4_Weights.IMAGENET1K_V1)
def efficientnet_b4(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B4: B0 with 1.4 times the channels and 1.8 times the blocks (section 3.3)."""
    return EfficientNet(_table_1(1.4, 1.8), **{"dropout": 0.4, **kwargs})


@builder(catalogue.EfficientNet_B5_Weights.IMAGENET1K_V1)
def efficientnet_b5(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B5: B0 with 1.6 times the channels and 2.2 times the blocks (section 3.3)."""
    return EfficientNet(_table_1(1.6, 2.2), **{"dropout": 0.4, "norm_layer": _SLOW_NORM, **kwargs})


@builder(catalogue.EfficientNet_B6_Weights.IMAGENET1K_V1)
def efficientnet_b6(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B6: B0 with 1.8 times the channels and 2.6 times the blocks (section 3.3)."""
    return EfficientNet(_table_1(1.8, 2.6), **{"dropout": 0.5, "norm_layer": _SLOW_NORM, **kwargs})


@builder(catalogue.EfficientNet_B7_Weights.IMAGENET1K_V1)
def efficientnet_b7(**kwargs: Any) -> EfficientNet:
    """EfficientNet-B7: B0 with 2.0 times the channels and 3.1 times the blocks (section 3.3)."""
    return EfficientNet(_table_1(2.0, 3.1), **{"dropout": 0.5, "norm_layer": _SLOW_NORM, **kwargs})


@builder(catalogue.EfficientNet_V2_S_Weights.IMAGENET1K_V1)
def efficientnet_v2_s(**kwargs: Any) -> EfficientNet:
    """EfficientNetV2-S (EfficientNetV2, table 4)."""
    return EfficientNet(
        [
            FusedMBConvConfig(1, 3, 1, 24, 24, 2),
            FusedMBConvConfig(4, 3, 2, 24, 48, 4),
            FusedMBConvConfig(4, 3, 2, 48, 64, 4),
            MBConvConfig(4, 3, 2, 64, 128, 6),
            MBConvConfig(6, 3, 1, 128, 160, 9),
            MBConvConfig(6, 3, 2, 160, 256, 15),
        ],
        **{"dropout": 0.2, "norm_layer": _V2_NORM, "last_channel": 1280, **kwargs},
    )


@builder(catalogue.EfficientNet_V2_M_Weights.IMAGENET1K_V1)
def efficientnet_v2_m(**kwargs: Any) -> EfficientNet:
    """EfficientNetV2-M, scaled up from S (EfficientNetV2, section 3.3)."""
    return EfficientNet(
        [
            FusedMBConvConfig(1, 3, 1, 24, 24, 3),
            FusedMBConvConfig(4, 3, 2, 24, 48, 5),
            FusedMBConvConfig(4, 3, 2, 48, 80, 5),
            MBConvConfig(4, 3, 2, 80, 160, 7),
            MBConvConfig(6, 3, 1, 160, 176, 14),
            MBConvConfig(6, 3, 2, 176, 304, 18),
            MBConvConfig(6, 3, 1, 304, 512, 5),
        ],
        **{"dropout": 0.3, "norm_layer": _V2_NORM, "last_channel": 1280, **kwargs},
    )


@builder(catalogue.EfficientNet_V2_L_Weights.IMAGENET1K_V1)
def efficientnet_v2_l(**kwargs: Any) -> EfficientNet:
    """EfficientNetV2-L, scaled up from S (EfficientNetV2, section 3.3)."""
    return EfficientNet(
        [
            FusedMBConvConfig(1, 3, 1, 32, 32, 4),
            FusedMBConvConfig(4, 3, 2, 32, 64, 7),
            FusedMBConvConfig(4, 3, 2, 64, 96, 7),
            MBConvConfig(4, 3, 2, 96, 192, 10),
            MBConvConfig(6, 3, 1, 192, 224, 19),
            MBConvConfig(6, 3, 2, 224, 384, 25),
            MBConvConfig(6, 3, 1, 384, 640, 7),
        ],
        **{"dropout": 0.4, "norm_layer": _V2_NORM, "last_channel": 1280, **kwargs},
    )
