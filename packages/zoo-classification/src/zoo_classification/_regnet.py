"""RegNet.

Ilija Radosavovic, Raj Prateek Kosaraju, Ross Girshick, Kaiming He, Piotr Dollár: Designing Network Design Spaces, 2020,
arXiv:2003.13678.
Mannat Singh, Laura Gustafson, Aaron Adcock, Vinicius de Freitas Reis, Bugra Gedik, Raj Prateek Kosaraju, Dhruv Mahajan,
Ross Girshick, Piotr Dollár, Laurens van der Maaten: Revisiting Weakly Supervised Pre-Training of Visual Perception
Models (SWAG), 2022, arXiv:2201.08371.
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import ConvNormActivation, SqueezeExcitation, make_divisible, require_positive

from .catalogue import regnet as catalogue

_RELU = partial(nn.ReLU, inplace=True)


@dataclass(frozen=True)
class BlockParams:
    """The stages of a RegNet, one element each.

    Args:
        depths: Blocks.
        widths: Channels of the output.
        group_widths: Channels of each group of the 3x3 convolutions.
        bottleneck_multipliers: Channels of the 3x3 convolutions, as a multiple of the width.
        strides: Of the first 3x3 convolution.
        se_ratio: Channels that squeeze-and-excitation squeezes to, as a multiple of the channels of the block's input;
            `None` for no squeeze-and-excitation.

    Raises:
        ValueError: There are no stages, the sequences differ in length, or a number is not positive.
    """

    depths: Sequence[int]
    widths: Sequence[int]
    group_widths: Sequence[int]
    bottleneck_multipliers: Sequence[float]
    strides: Sequence[int]
    se_ratio: float | None = None

    def __post_init__(self) -> None:
        names = ("depths", "widths", "group_widths", "bottleneck_multipliers", "strides")
        lengths = {name: len(getattr(self, name)) for name in names}
        if set(lengths.values()) != {len(self.depths)} or not self.depths:
            raise ValueError(f"each stage should have one element of each sequence, found lengths {lengths}")
        for name in names:
            if min(getattr(self, name)) <= 0:
                raise ValueError(f"{name} should be positive, found {getattr(self, name)}")
        if self.se_ratio is not None and self.se_ratio <= 0:
            raise ValueError(f"se_ratio should be positive or None, found {self.se_ratio}")

    @classmethod
    def from_init_params(
        cls,
        depth: int,
        w_0: int,
        w_a: float,
        w_m: float,
        group_width: int,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> Self:
        """Derive the stages from the parameters of the design space (equations 2 to 4).

        Args:
            depth: Blocks in all, d.
            w_0: Width at the start, a multiple of 8.
            w_a: Slope of the widths, not negative.
            w_m: Factor between the widths of two stages, more than 1.
            group_width: Channels of each group of the 3x3 convolutions; widths are rounded to fit it.
            bottleneck_multiplier: Channels of the 3x3 convolutions, as a multiple of the width.
            se_ratio: As in the class.

        Raises:
            ValueError: A parameter is out of range.

        Example:
            >>> from zoo_classification import BlockParams
            >>> BlockParams.from_init_params(16, 48, 27.89, 2.09, 8).widths
            (48, 104, 208, 440)
        """
        require_positive(depth=depth, group_width=group_width)
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8:
            raise ValueError(
                "Invalid RegNet settings: expected w_a >= 0, w_m > 1 and w_0 a positive multiple of 8, "
                f"found w_a={w_a}, w_m={w_m} and w_0={w_0}"
            )
        stages = Counter(_quantized_width(w_0 + w_a * index, w_0, w_m) for index in range(depth))
        fitted = [_fit_groups(width, group_width, bottleneck_multiplier) for width in stages]
        return cls(
            depths=tuple(stages.values()),
            widths=tuple(width for width, _ in fitted),
            group_widths=tuple(groups for _, groups in fitted),
            bottleneck_multipliers=(bottleneck_multiplier,) * len(stages),
            strides=(2,) * len(stages),
            se_ratio=se_ratio,
        )


def _quantized_width(width: float, w_0: int, w_m: float) -> int:
    """Round to the next power of `w_m` times `w_0`, that to a multiple of 8; widths only grow from block to block."""
    power = round(math.log(width / w_0) / math.log(w_m))
    return round(w_0 * w_m**power / 8) * 8


def _fit_groups(width: int, group_width: int, bottleneck_multiplier: float) -> tuple[int, int]:
    """Return the width whose 3x3 convolution consists of whole groups, and the width of these."""
    inner = int(width * bottleneck_multiplier)
    group_width = min(group_width, inner)
    return int(make_divisible(inner, group_width) / bottleneck_multiplier), group_width


class BottleneckTransform(nn.Sequential):
    """Convolutions 1x1, 3x3 in groups, and 1x1, as "a", "b" and "c"; squeeze-and-excitation as "se" before "c".

    Arguments and shapes are those of `ResBottleneckBlock`.

    Raises:
        ValueError: The 3x3 convolution does not consist of whole groups.
    """

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Callable[..., nn.Module],
        activation_layer: Callable[..., nn.Module],
        group_width: int,
        bottleneck_multiplier: float,
        se_ratio: float | None,
    ) -> None:
        width = round(width_out * bottleneck_multiplier)
        if width % group_width:
            raise ValueError(f"the {width} channels of a 3x3 convolution should be whole groups of {group_width}")
        unit = partial(ConvNormActivation, norm_layer=norm_layer, activation_layer=activation_layer)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["a"] = unit(width_in, width, 1)
        layers["b"] = unit(width, width, 3, stride, groups=width // group_width)
        if se_ratio is not None:
            layers["se"] = SqueezeExcitation(width, max(1, round(se_ratio * width_in)), activation=activation_layer)
        layers["c"] = unit(width, width_out, 1, activation_layer=None)
        super().__init__(layers)


class ResBottleneckBlock(nn.Module):
    """A `BottleneckTransform` and a shortcut (figure 4).

    Args:
        width_in: Channels of the input.
        width_out: Channels of the output.
        stride: Of the 3x3 convolution.
        norm_layer: Called with a number of channels.
        activation_layer: Called without arguments.
        group_width: Channels of each group of the 3x3 convolution.
        bottleneck_multiplier: Channels of the 3x3 convolution, as a multiple of `width_out`.
        se_ratio: Channels to squeeze to, as a multiple of `width_in`; `None` for no squeeze-and-excitation.

    Shape:
        `(N, width_in, H, W)` to `(N, width_out, ceil(H / stride), ceil(W / stride))`.
    """

    def __init__(
        self,
        width_in: int,
        width_out: int,
        stride: int,
        norm_layer: Callable[..., nn.Module],
        activation_layer: Callable[..., nn.Module],
        group_width: int = 1,
        bottleneck_multiplier: float = 1.0,
        se_ratio: float | None = None,
    ) -> None:
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = ConvNormActivation(width_in, width_out, 1, stride, norm_layer=norm_layer, activation_layer=None)
        self.f = BottleneckTransform(
            width_in, width_out, stride, norm_layer, activation_layer, group_width, bottleneck_multiplier, se_ratio
        )
        self.activation = activation_layer()

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.proj is None else self.proj(x)
        residual = self.f(x)
        residual += shortcut
        result: Tensor = self.activation(residual)
        return result


def _make_stem(
    width_in: int, width_out: int, norm_layer: Callable[..., nn.Module], activation_layer: Callable[..., nn.Module]
) -> nn.Module:
    return ConvNormActivation(width_in, width_out, 3, 2, norm_layer=norm_layer, activation_layer=activation_layer)


class RegNet(ClassificationNetwork):
    """A RegNet, or any network of the design space AnyNet (section 3.2).

    Args:
        block_params: The stages.
        num_classes: Width of the classifier.
        stem_width: Channels of the first convolution.
        stem_type: Builds the first layers from channels in, channels out, norm layer and activation; a strided 3x3
            convolution if not given.
        block_type: Builds a block from the arguments of `ResBottleneckBlock`, which it is if not given.
        norm_layer: Called with a number of channels; `nn.BatchNorm2d` if not given.
        activation: Called without arguments; `nn.ReLU` in place if not given.

    Shape:
        Images `(N, 3, H, W)` of any size to scores `(N, num_classes)`.

    Raises:
        ValueError: An argument cannot be a network.

    Example:
        >>> import torch
        >>> from zoo_classification import BlockParams, RegNet
        >>> params = BlockParams.from_init_params(depth=4, w_0=16, w_a=8.0, w_m=2.0, group_width=8)
        >>> RegNet(params, num_classes=10)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("fc",)

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        stem_type: Callable[..., nn.Module] | None = None,
        block_type: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        activation: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        require_positive(num_classes=num_classes, stem_width=stem_width)
        norm_layer = norm_layer or nn.BatchNorm2d
        activation = activation or _RELU
        make_block = partial(block_type or ResBottleneckBlock, norm_layer=norm_layer, activation_layer=activation)
        self.stem = (stem_type or _make_stem)(3, stem_width, norm_layer, activation)
        self.trunk_output = _make_trunk(block_params, stem_width, make_block)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(block_params.widths[-1], num_classes)
        self.num_features, self.num_classes = block_params.widths[-1], num_classes
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.fc(self._pool(self._extract(x)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        features: Tensor = self.trunk_output(self.stem(images))
        return features

    def _pool(self, features: Tensor) -> Tensor:
        return torch.flatten(self.avgpool(features), 1)


def _make_trunk(params: BlockParams, width_in: int, make_block: Callable[..., nn.Module]) -> nn.Sequential:
    """Build the stages, of which only the first block strides."""
    trunk: OrderedDict[str, nn.Module] = OrderedDict()
    stages = zip(
        params.depths, params.widths, params.strides, params.group_widths, params.bottleneck_multipliers, strict=True
    )
    for number, (depth, width, stride, group_width, multiplier) in enumerate(stages, start=1):
        make = partial(make_block, group_width=group_width, bottleneck_multiplier=multiplier, se_ratio=params.se_ratio)
        blocks = [make(width_in, width, stride), *(make(width, width, 1) for _ in range(depth - 1))]
        named = ((f"block{number}-{index}", block) for index, block in enumerate(blocks))
        trunk[f"block{number}"] = nn.Sequential(OrderedDict(named))
        width_in = width
    return nn.Sequential(trunk)


def _initialise(module: nn.Module) -> None:
    """Initialise as the authors do; biases of squeeze-and-excitation stay as PyTorch initialises them."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)


_X = BlockParams.from_init_params
_Y = partial(BlockParams.from_init_params, se_ratio=0.25)


@builder(catalogue.RegNet_Y_400MF_Weights.IMAGENET1K_V1)
def regnet_y_400mf(**kwargs: Any) -> RegNet:
    """RegNetY-400MF (figure 15)."""
    return RegNet(_Y(depth=16, w_0=48, w_a=27.89, w_m=2.09, group_width=8), **kwargs)


@builder(catalogue.RegNet_Y_800MF_Weights.IMAGENET1K_V1)
def regnet_y_800mf(**kwargs: Any) -> RegNet:
    """RegNetY-800MF (figure 15)."""
    return RegNet(_Y(depth=14, w_0=56, w_a=38.84, w_m=2.4, group_width=16), **kwargs)


@builder(catalogue.RegNet_Y_1_6GF_Weights.IMAGENET1K_V1)
def regnet_y_1_6gf(**kwargs: Any) -> RegNet:
    """RegNetY-1.6GF (figure 15)."""
    return RegNet(_Y(depth=27, w_0=48, w_a=20.71, w_m=2.65, group_width=24), **kwargs)


@builder(catalogue.RegNet_Y_3_2GF_Weights.IMAGENET1K_V1)
def regnet_y_3_2gf(**kwargs: Any) -> RegNet:
    """RegNetY-3.2GF (figure 15)."""
    return RegNet(_Y(depth=21, w_0=80, w_a=42.63, w_m=2.66, group_width=24), **kwargs)


@builder(catalogue.RegNet_Y_8GF_Weights.IMAGENET1K_V1)
def regnet_y_8gf(**kwargs: Any) -> RegNet:
    """RegNetY-8GF (figure 15)."""
    return RegNet(_Y(depth=17, w_0=192, w_a=76.82, w_m=2.19, group_width=56), **kwargs)


@builder(catalogue.RegNet_Y_16GF_Weights.IMAGENET1K_V1)
def regnet_y_16gf(**kwargs: Any) -> RegNet:
    """RegNetY-16GF (figure 15)."""
    return RegNet(_Y(depth=18, w_0=200, w_a=106.23, w_m=2.48, group_width=112), **kwargs)


@builder(catalogue.RegNet_Y_32GF_Weights.IMAGENET1K_V1)
def regnet_y_32gf(**kwargs: Any) -> RegNet:
    """RegNetY-32GF (figure 15)."""
    return RegNet(_Y(depth=20, w_0=232, w_a=115.89, w_m=2.53, group_width=232), **kwargs)


@builder(catalogue.RegNet_Y_128GF_Weights)
def regnet_y_128gf(**kwargs: Any) -> RegNet:
    """RegNetY-128GF (SWAG)."""
    return RegNet(_Y(depth=27, w_0=456, w_a=160.83, w_m=2.52, group_width=264), **kwargs)


@builder(catalogue.RegNet_X_400MF_Weights.IMAGENET1K_V1)
def regnet_x_400mf(**kwargs: Any) -> RegNet:
    """RegNetX-400MF (figure 14)."""
    return RegNet(_X(depth=22, w_0=24, w_a=24.48, w_m=2.54, group_width=16), **kwargs)


@builder(catalogue.RegNet_X_800MF_Weights.IMAGENET1K_V1)
def regnet_x_800mf(**kwargs: Any) -> RegNet:
    """RegNetX-800MF (figure 14)."""
    return RegNet(_X(depth=16, w_0=56, w_a=35.73, w_m=2.28, group_width=16), **kwargs)


@builder(catalogue.RegNet_X_1_6GF_Weights.IMAGENET1K_V1)
def regnet_x_1_6gf(**kwargs: Any) -> RegNet:
    """RegNetX-1.6GF (figure 14)."""
    return RegNet(_X(depth=18, w_0=80, w_a=34.01, w_m=2.25, group_width=24), **kwargs)


@builder(catalogue.RegNet_X_3_2GF_Weights.IMAGENET1K_V1)
def regnet_x_3_2gf(**kwargs: Any) -> RegNet:
    """RegNetX-3.2GF (figure 14)."""
    return RegNet(_X(depth=25, w_0=88, w_a=26.31, w_m=2.25, group_width=48), **kwargs)


@builder(catalogue.RegNet_X_8GF_Weights.IMAGENET1K_V1)
def regnet_x_8gf(**kwargs: Any) -> RegNet:
    """RegNetX-8GF (figure 14)."""
    return RegNet(_X(depth=23, w_0=80, w_a=49.56, w_m=2.88, group_width=120), **kwargs)


@builder(catalogue.RegNet_X_16GF_Weights.IMAGENET1K_V1)
def regnet_x_16gf(**kwargs: Any) -> RegNet:
    """RegNetX-16GF (figure 14)."""
    return RegNet(_X(depth=22, w_0=216, w_a=55.59, w_m=2.1, group_width=128), **kwargs)


@builder(catalogue.RegNet_X_32GF_Weights.IMAGENET1K_V1)
def regnet_x_32gf(**kwargs: Any) -> RegNet:
    """RegNetX-32GF (figure 14)."""
    return RegNet(_X(depth=23, w_0=320, w_a=69.86, w_m=2.0, group_width=168), **kwargs)
