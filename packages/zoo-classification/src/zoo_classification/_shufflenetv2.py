"""ShuffleNetV2.

Ningning Ma, Xiangyu Zhang, Hai-Tao Zheng, Jian Sun: ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture
Design, 2018, arXiv:1807.11164.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import require_positive

from .catalogue import shufflenetv2 as catalogue


class InvertedResidual(nn.Module):
    """A block of two branches, whose channels are shuffled where they join (figure 3c and, with a stride, 3d).

    With a `stride` of 1 the first branch passes half of the channels on, with 2 or 3 it transforms all of them.

    Shape:
        `(N, inp, H, W)` to `(N, oup, ceil(H / stride), ceil(W / stride))`.
    """

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        _check_block(inp, oup, stride)
        self.stride = stride
        width = oup // 2
        self.branch1 = nn.Sequential()
        if stride > 1:
            self.branch1 = nn.Sequential(*_depthwise(inp, stride), *_pointwise(inp, width))
        self.branch2 = nn.Sequential(
            *_pointwise(inp if stride > 1 else width, width), *_depthwise(width, stride), *_pointwise(width, width)
        )

    def branches(self, x: Tensor) -> list[Tensor]:
        """Transform `x` in both branches."""
        if self.stride == 1:
            first, second = x.chunk(2, dim=1)
        else:
            first, second = self.branch1(x), x
        return [first, self.branch2(second)]

    def forward(self, x: Tensor) -> Tensor:
        # Stacking on a new axis behind the channels is concatenation and channel shuffle at once.
        return torch.stack(self.branches(x), dim=2).flatten(1, 2)


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Take channels from each group in turn (ShuffleNet, arXiv:1707.01083, figure 1).

    Args:
        x: `(N, C, H, W)`.
        groups: A divisor of C.

    Raises:
        ValueError: It is none.

    Example:
        >>> import torch
        >>> from zoo_classification import channel_shuffle
        >>> channel_shuffle(torch.arange(6.0).reshape(1, 6, 1, 1), 2).flatten()
        tensor([0., 3., 1., 4., 2., 5.])
    """
    if groups < 1 or x.shape[1] % groups:
        raise ValueError(f"groups should divide the channels, found {groups} and {x.shape[1]}")
    return x.reshape(x.shape[0], groups, -1, *x.shape[2:]).transpose(1, 2).flatten(1, 2)


def _check_block(inp: int, oup: int, stride: int) -> None:
    if stride not in {1, 2, 3}:
        raise ValueError(f"illegal stride value: expected 1, 2 or 3, found {stride}")
    if oup < 2 or oup % 2:
        raise ValueError(f"oup should be even, one half for each branch, found {oup}")
    if stride == 1 and inp != oup:
        raise ValueError(
            f"Invalid combination of stride {stride}, inp {inp} and oup {oup} values. "
            "If stride == 1 then inp should be equal to oup."
        )


def _pointwise(in_channels: int, out_channels: int) -> list[nn.Module]:
    return [
        nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    ]


def _depthwise(channels: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, channels, kernel_size=3, stride=stride, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
    ]


class ShuffleNetV2(ClassificationNetwork):
    """A ShuffleNetV2 of any width (table 5), initialised as PyTorch initialises its layers.

    Args:
        stages_repeats: Blocks in each of the three stages.
        stages_out_channels: Channels of the first convolution, of the three stages, and of the last convolution.
        num_classes: Width of the classifier.
        inverted_residual: Builds a block from channels in, channels out, and stride.

    Shape:
        Images `(N, 3, H, W)` of any size to scores `(N, num_classes)`.

    Raises:
        ValueError: An argument cannot be a network.

    Example:
        >>> import torch
        >>> from zoo_classification import ShuffleNetV2
        >>> ShuffleNetV2((1, 1, 1), (24, 48, 96, 192, 256), num_classes=10)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("fc",)

    def __init__(
        self,
        stages_repeats: Sequence[int],
        stages_out_channels: Sequence[int],
        num_classes: int = 1000,
        inverted_residual: Callable[..., nn.Module] = InvertedResidual,
    ) -> None:
        super().__init__()
        _require_positives("stages_repeats", stages_repeats, 3)
        _require_positives("stages_out_channels", stages_out_channels, 5)
        require_positive(num_classes=num_classes)
        first, *_, last = stages_out_channels
        stages = [
            nn.Sequential(inverted_residual(inp, oup, 2), *(inverted_residual(oup, oup, 1) for _ in range(repeats - 1)))
            for repeats, inp, oup in zip(stages_repeats, stages_out_channels, stages_out_channels[1:], strict=False)
        ]
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, first, kernel_size=3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
        )
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.stage2, self.stage3, self.stage4 = stages
        self.conv5 = nn.Sequential(*_pointwise(stages_out_channels[3], last))
        self.fc = nn.Linear(last, num_classes)
        self.num_features, self.num_classes = last, num_classes

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        return self._forward_impl(x)

    def _forward_impl(self, images: Tensor) -> Tensor:
        scores: Tensor = self.fc(self._pool(self._extract(images)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        maps = self.maxpool(self.conv1(images))
        features: Tensor = self.conv5(self.stage4(self.stage3(self.stage2(maps))))
        return features

    def _pool(self, features: Tensor) -> Tensor:
        return features.mean([2, 3])


def _require_positives(name: str, numbers: Sequence[int], count: int) -> None:
    if len(numbers) != count or min(numbers) < 1:
        raise ValueError(f"expected {name} as list of {count} positive ints, found {numbers}")


@builder(catalogue.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1)
def shufflenet_v2_x0_5(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2 of width 0.5 (table 5)."""
    return ShuffleNetV2((4, 8, 4), (24, 48, 96, 192, 1024), **kwargs)


@builder(catalogue.ShuffleNet_V2_X1_0_Weights.IMAGENET1K_V1)
def shufflenet_v2_x1_0(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2 of width 1.0 (table 5)."""
    return ShuffleNetV2((4, 8, 4), (24, 116, 232, 464, 1024), **kwargs)


@builder(catalogue.ShuffleNet_V2_X1_5_Weights.IMAGENET1K_V1)
def shufflenet_v2_x1_5(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2 of width 1.5 (table 5)."""
    return ShuffleNetV2((4, 8, 4), (24, 176, 352, 704, 1024), **kwargs)


@builder(catalogue.ShuffleNet_V2_X2_0_Weights.IMAGENET1K_V1)
def shufflenet_v2_x2_0(**kwargs: Any) -> ShuffleNetV2:
    """ShuffleNetV2 of width 2.0 (table 5)."""
    return ShuffleNetV2((4, 8, 4), (24, 244, 488, 976, 2048), **kwargs)
