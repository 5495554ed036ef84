"""Video ResNets: R3D, MC3 and R(2+1)D.

Du Tran, Heng Wang, Lorenzo Torresani, Jamie Ray, Yann LeCun, Manohar Paluri: A Closer Look at Spatiotemporal
Convolutions for Action Recognition, 2017, arXiv:1711.11248.

Shapes: N clips of T frames, H x W pixels or features.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import ConvNormActivation, initialise_from_normal, require_positive

from ._clips import require_clips
from .catalogue.resnet import MC3_18_Weights, R2Plus1D_18_Weights, R3D_18_Weights

_RELU = partial(nn.ReLU, inplace=True)
_UNIT = partial(ConvNormActivation, conv_layer=nn.Conv3d, norm_layer=nn.BatchNorm3d, activation_layer=_RELU)


class Conv3DSimple(nn.Conv3d):
    """A 3x3x3 convolution (section 3.2).

    Args:
        in_planes: Channels of the input.
        out_planes: Channels of the output.
        midplanes: Not used: for the signature of all makers of convolutions.
        stride: Of time and space.
        padding: Zeros around time and space.

    Shape:
        `(N, in_planes, T, H, W)` to `(N, out_planes, T / stride, H / stride, W / stride)`, rounded up.
    """

    def __init__(
        self, in_planes: int, out_planes: int, midplanes: int | None = None, stride: int = 1, padding: int = 1
    ) -> None:
        super().__init__(in_planes, out_planes, 3, stride, padding, bias=False)

    @staticmethod
    def get_downsample_stride(stride: int) -> tuple[int, int, int]:
        """Return the strides of the shortcut beside a convolution of that stride."""
        return stride, stride, stride


class Conv3DNoTemporal(nn.Conv3d):
    """A 3x3 convolution of each frame (section 3.1).

    Arguments are those of `Conv3DSimple`, with stride and padding of space alone.

    Shape:
        `(N, in_planes, T, H, W)` to `(N, out_planes, T, H / stride, W / stride)`, rounded up.
    """

    def __init__(
        self, in_planes: int, out_planes: int, midplanes: int | None = None, stride: int = 1, padding: int = 1
    ) -> None:
        super().__init__(in_planes, out_planes, (1, 3, 3), (1, stride, stride), (0, padding, padding), bias=False)

    @staticmethod
    def get_downsample_stride(stride: int) -> tuple[int, int, int]:
        """Return the strides of the shortcut beside a convolution of that stride."""
        return 1, stride, stride


class Conv2Plus1D(nn.Sequential):
    """A 3x3 convolution of each frame, batch norm, ReLU, and a convolution of three frames (section 3.5).

    Arguments and shapes are those of `Conv3DSimple`; there are `midplanes` channels between the two convolutions.
    """

    def __init__(self, in_planes: int, out_planes: int, midplanes: int, stride: int = 1, padding: int = 1) -> None:
        super().__init__(
            Conv3DNoTemporal(in_planes, midplanes, stride=stride, padding=padding),
            nn.BatchNorm3d(midplanes),
            _RELU(),
            nn.Conv3d(midplanes, out_planes, (3, 1, 1), (stride, 1, 1), (padding, 0, 0), bias=False),
        )

    get_downsample_stride = staticmethod(Conv3DSimple.get_downsample_stride)


ConvMaker = type[Conv3DSimple | Conv3DNoTemporal | Conv2Plus1D]


def _midplanes(inplanes: int, planes: int) -> int:
    """Return how many channels give the two convolutions as many parameters as one 3x3x3 convolution (section 3.5)."""
    return (inplanes * planes * 3 * 3 * 3) // (inplanes * 3 * 3 + 3 * planes)


class BasicBlock(nn.Module):
    """Two convolutions over time and space, and a shortcut.

    Args:
        inplanes: Channels of the input.
        planes: Channels of both convolutions, and of the output.
        conv_builder: Makes the convolutions.
        stride: Of the first convolution.
        downsample: Fits the shortcut to the output where size or channels change.

    Shape:
        `(N, inplanes, T, H, W)` to `(N, planes, T / stride, H / stride, W / stride)`, rounded up; T as `conv_builder`
        makes it.
    """

    expansion: int = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        conv_builder: Callable[..., nn.Module],
        stride: int = 1,
        downsample: nn.Module | None = None,
    ) -> None:
        super().__init__()
        midplanes = _midplanes(inplanes, planes)
        self.conv1 = nn.Sequential(conv_builder(inplanes, planes, midplanes, stride), nn.BatchNorm3d(planes), _RELU())
        self.conv2 = nn.Sequential(conv_builder(planes, planes, midplanes), nn.BatchNorm3d(planes))
        self.relu = _RELU()
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Add the residual to `x`, `(N, inplanes, T, H, W)`."""
        residual = self.conv2(self.conv1(x))
        residual += x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(residual)
        return result


class Bottleneck(nn.Module):
    """A convolution over time and space between two 1x1x1 convolutions, and a shortcut.

    Arguments are those of `BasicBlock`; builder and stride are those of the convolution in the middle, and `planes` is
    a quarter of the channels of the output.

    Shape:
        `(N, inplanes, T, H, W)` to `(N, 4 * planes, T / stride, H / stride, W / stride)`, rounded up; T as
        `conv_builder` makes it.
    """

    expansion: int = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        conv_builder: Callable[..., nn.Module],
        stride: int = 1,
        downsample: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = _UNIT(inplanes, planes, 1)
        self.conv2 = nn.Sequential(
            conv_builder(planes, planes, _midplanes(inplanes, planes), stride), nn.BatchNorm3d(planes), _RELU()
        )
        self.conv3 = _UNIT(planes, planes * self.expansion, 1, activation_layer=None)
        self.relu = _RELU()
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Add the residual to `x`, `(N, inplanes, T, H, W)`."""
        residual = self.conv3(self.conv2(self.conv1(x)))
        residual += x if self.downsample is None else self.downsample(x)
        result: Tensor = self.relu(residual)
        return result


class BasicStem(nn.Sequential):
    """A 3x7x7 convolution that halves the resolution, batch norm, ReLU.

    Shape:
        Clips `(N, 3, T, H, W)` to `(N, 64, T, H / 2, W / 2)`, rounded up.
    """

    def __init__(self) -> None:
        super().__init__(*_UNIT(3, 64, (3, 7, 7), (1, 2, 2)))


class R2Plus1dStem(nn.Sequential):
    """A 7x7 convolution of each frame that halves the resolution, and one of three frames; shapes as in `BasicStem`."""

    def __init__(self) -> None:
        super().__init__(*_UNIT(3, 45, (1, 7, 7), (1, 2, 2)), *_UNIT(45, 64, (3, 1, 1)))


class VideoResNet(ClassificationNetwork):
    """A residual network for clips (table 1).

    Args:
        block: `BasicBlock` or `Bottleneck`.
        conv_makers: What makes the convolutions of each of the four stages: `Conv3DSimple`, `Conv3DNoTemporal` or
            `Conv2Plus1D`.
        layers: Blocks in each of the four stages.
        stem: Called without arguments; gives 64 channels.
        num_classes: Width of the classifier.
        zero_init_residual: Start each residual at zero, so that every block starts as the identity.

    Shape:
        Clips `(N, 3, T, H, W)` of any size to scores `(N, num_classes)`.

    Raises:
        ValueError: An argument cannot be a network, or the input is no batch of clips.

    Example:
        >>> import torch
        >>> from zoo_video import BasicBlock, Conv2Plus1D, R2Plus1dStem, VideoResNet
        >>> network = VideoResNet(BasicBlock, [Conv2Plus1D] * 4, [1, 1, 1, 1], R2Plus1dStem, num_classes=10)
        >>> network(torch.zeros(2, 3, 8, 32, 32)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("fc",)

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        conv_makers: Sequence[ConvMaker],
        layers: Sequence[int],
        stem: Callable[..., nn.Module],
        num_classes: int = 400,
        zero_init_residual: bool = False,
    ) -> None:
        super().__init__()
        if len(layers) != 4 or min(layers) < 1:
            raise ValueError(f"layers should be 4 positive integers, one a stage, found {layers}")
        if len(conv_makers) != 4:
            raise ValueError(f"conv_makers should be 4, one a stage, found {len(conv_makers)}")
        require_positive(num_classes=num_classes)
        self.inplanes = 64
        self.stem = stem()
        self.layer1 = self._make_layer(block, conv_makers[0], 64, layers[0], stride=1)
        self.layer2 = self._make_layer(block, conv_makers[1], 128, layers[1], stride=2)
        self.layer3 = self._make_layer(block, conv_makers[2], 256, layers[2], stride=2)
        self.layer4 = self._make_layer(block, conv_makers[3], 512, layers[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool3d(1)
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self.num_features, self.num_classes = 512 * block.expansion, num_classes
        self.apply(initialise_from_normal)
        if zero_init_residual:
            self.apply(_zero_residual)

    def _make_layer(
        self, block: type[BasicBlock | Bottleneck], conv_builder: ConvMaker, planes: int, blocks: int, *, stride: int
    ) -> nn.Sequential:
        downsample = None
        if stride != 1 or self.inplanes != planes * block.expansion:
            strides = conv_builder.get_downsample_stride(stride)
            downsample = _UNIT(self.inplanes, planes * block.expansion, 1, strides, activation_layer=None)
        first = block(self.inplanes, planes, conv_builder, stride, downsample)
        self.inplanes = planes * block.expansion
        return nn.Sequential(first, *(block(self.inplanes, planes, conv_builder) for _ in range(1, blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """Score clips `x`, `(N, 3, T, H, W)`, for each class, `(N, num_classes)`."""
        scores: Tensor = self.fc(self._pool(self._extract(x)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        require_clips(images)
        features: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(images)))))
        return features

    def _pool(self, features: Tensor) -> Tensor:
        return torch.flatten(self.avgpool(features), 1)


def _zero_residual(module: nn.Module) -> None:
    if isinstance(module, (BasicBlock, Bottleneck)):
        last = module.conv3 if isinstance(module, Bottleneck) else module.conv2
        for norm in (layer for layer in last if isinstance(layer, nn.BatchNorm3d)):
            nn.init.zeros_(norm.weight)


@builder(R3D_18_Weights.KINETICS400_V1)
def r3d_18(**kwargs: Any) -> VideoResNet:
    """R3D of 18 layers: 3x3x3 convolutions throughout (figure 1d)."""
    return VideoResNet(BasicBlock, [Conv3DSimple] * 4, [2, 2, 2, 2], BasicStem, **kwargs)


@builder(MC3_18_Weights.KINETICS400_V1)
def mc3_18(**kwargs: Any) -> VideoResNet:
    """MC3 of 18 layers: 3x3x3 convolutions in the stem and the first stage, behind them 3x3 ones of each frame."""
    return VideoResNet(BasicBlock, [Conv3DSimple, *[Conv3DNoTemporal] * 3], [2, 2, 2, 2], BasicStem, **kwargs)


@builder(R2Plus1D_18_Weights.KINETICS400_V1)
def r2plus1d_18(**kwargs: Any) -> VideoResNet:
    """R(2+1)D of 18 layers: convolutions of space and of time in turn (figure 1e)."""
    return VideoResNet(BasicBlock, [Conv2Plus1D] * 4, [2, 2, 2, 2], R2Plus1dStem, **kwargs)
