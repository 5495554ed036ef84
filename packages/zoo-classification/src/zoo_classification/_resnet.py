"""ResNet and its variants.

Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun: Deep Residual Learning for Image Recognition, 2015, arXiv:1512.03385.
Saining Xie, Ross Girshick, Piotr Dollár, Zhuowen Tu, Kaiming He: Aggregated Residual Transformations for Deep Neural
Networks (ResNeXt), 2016, arXiv:1611.05431.
Sergey Zagoruyko, Nikos Komodakis: Wide Residual Networks, 2016, arXiv:1605.07146.

The bottleneck strides in its 3x3 convolution, not in its first 1x1 convolution as in the first paper ("ResNet v1.5").
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core.building import ClassificationNetwork, builder
from zoo_core.layers import require_positive

from .catalogue import resnet as catalogue


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """Build a 1x1 convolution without bias, from channels in and out."""
    return nn.Conv2d(in_planes, out_planes, kernel_size=1, stride=stride, bias=False)


def conv3x3(in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """Build a 3x3 convolution without bias, padded to keep the size at stride 1, from channels in and out."""
    return nn.Conv2d(in_planes, out_planes, 3, stride, padding=dilation, dilation=dilation, groups=groups, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (Deep Residual Learning, figure 5 left).

    Args:
        inplanes: Channels of the input.
        planes: Channels of both convolutions, and of the output.
        stride: Of the first convolution.
        downsample: Fits the shortcut to the output where size or channels change.
        groups: Only 1.
        base_width: Only 64.
        dilation: Only 1.
        norm_layer: Called with a number of channels; `nn.BatchNorm2d` if not given.

    Shape:
        `(N, inplanes, H, W)` to `(N, planes, ceil(H / stride), ceil(W / stride))`.

    Raises:
        ValueError: `groups` or `base_width` is another.
        NotImplementedError: `dilation` is another.
    """

    expansion: int = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        if groups != 1 or base_width != 64:
            raise ValueError(
                "BasicBlock only supports groups=1 and base_width=64, "
                f"found groups={groups} and base_width={base_width}: use Bottleneck"
            )
        if dilation > 1:
            raise NotImplementedError(f"Dilation > 1 not supported in BasicBlock, found {dilation}: use Bottleneck")
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Add the residual to `x`, `(N, inplanes, H, W)`."""
        shortcut = x if self.downsample is None else self.downsample(x)
        residual = self.relu(self.bn1(self.conv1(x)))
        residual = self.bn2(self.conv2(residual))
        residual += shortcut
        result: Tensor = self.relu(residual)
        return result


class Bottleneck(nn.Module):
    """Convolutions 1x1, 3x3, 1x1 and a shortcut (Deep Residual Learning, figure 5 right; ResNeXt, figure 3c).

    Arguments are those of `BasicBlock`, without its limits: `planes` is a quarter of the channels of the output,
    stride, dilation and `groups` (the cardinality of ResNeXt) are those of the 3x3 convolution, and `base_width` is the
    channels of each group, for `planes` of 64.

    Shape:
        `(N, inplanes, H, W)` to `(N, 4 * planes, ceil(H / stride), ceil(W / stride))`.
    """

    expansion: int = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64)) * groups
        out_channels = planes * self.expansion
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, out_channels)
        self.bn3 = norm_layer(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Add the residual to `x`, `(N, inplanes, H, W)`."""
        shortcut = x if self.downsample is None else self.downsample(x)
        residual = self.relu(self.bn1(self.conv1(x)))
        residual = self.relu(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        residual += shortcut
        result: Tensor = self.relu(residual)
        return result


class ResNet(ClassificationNetwork):
    """A residual network (Deep Residual Learning, table 1).

    Args:
        block: `BasicBlock` or `Bottleneck`.
        layers: Blocks in each of the four stages.
        num_classes: Width of the classifier.
        zero_init_residual: Start each residual at zero, so that every block starts as the identity.
        groups: Groups of each 3x3 convolution.
        width_per_group: Channels of each group in the first stage.
        replace_stride_with_dilation: Whether stages 2, 3 and 4 dilate instead of halving the resolution.
        norm_layer: Called with a number of channels; `nn.BatchNorm2d` if not given.

    Shape:
        Images `(N, 3, H, W)` of any size to scores `(N, num_classes)`.

    Raises:
        ValueError: An argument cannot be a network.

    Example:
        >>> import torch
        >>> from zoo_classification import Bottleneck, ResNet
        >>> ResNet(Bottleneck, (1, 1, 1, 1), num_classes=10)(torch.zeros(2, 3, 64, 64)).shape
        torch.Size([2, 10])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("fc",)

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        dilate = _checked_dilations(replace_stride_with_dilation)
        if len(layers) != 4 or min(layers) < 1:
            raise ValueError(f"layers should be 4 positive integers, one a stage, found {layers}")
        require_positive(num_classes=num_classes, groups=groups, width_per_group=width_per_group)
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0], stride=1, dilate=False)
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2, dilate=dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2, dilate=dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self.num_features, self.num_classes = 512 * block.expansion, num_classes
        self._initialise(zero_init_residual)

    def _make_layer(
        self, block: type[BasicBlock | Bottleneck], planes: int, blocks: int, *, stride: int, dilate: bool
    ) -> nn.Sequential:
        """Build a stage. One that dilates does so from its second block on: the first one is where the stride was."""
        first_dilation = self.dilation
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        out_channels, downsample = planes * block.expansion, None
        if stride != 1 or self.inplanes != out_channels:  # option B of section 4.1
            projection = conv1x1(self.inplanes, out_channels, stride)
            downsample = nn.Sequential(projection, self._norm_layer(out_channels))
        make = partial(block, groups=self.groups, base_width=self.base_width, norm_layer=self._norm_layer)
        first = make(self.inplanes, planes, stride, downsample, dilation=first_dilation)
        self.inplanes = out_channels
        rest = (make(self.inplanes, planes, dilation=self.dilation) for _ in range(1, blocks))
        return nn.Sequential(first, *rest)

    def _initialise(self, zero_init_residual: bool) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif zero_init_residual and isinstance(module, (BasicBlock, Bottleneck)):
                weight = (module.bn3 if isinstance(module, Bottleneck) else module.bn2).weight
                if isinstance(weight, Tensor):
                    nn.init.zeros_(weight)

    def forward(self, x: Tensor) -> Tensor:
        """Score images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes)`."""
        return self._forward_impl(x)

    def _forward_impl(self, images: Tensor) -> Tensor:
        scores: Tensor = self.fc(self._pool(self._extract(images)))
        return scores

    def _extract(self, images: Tensor) -> Tensor:
        maps = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        features: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(maps))))
        return features

    def _pool(self, features: Tensor) -> Tensor:
        return torch.flatten(self.avgpool(features), 1)


def _checked_dilations(replace_stride_with_dilation: Sequence[bool] | None) -> Sequence[bool]:
    if replace_stride_with_dilation is None:
        return (False, False, False)
    if len(replace_stride_with_dilation) != 3:
        raise ValueError(
            "replace_stride_with_dilation should be None or a 3-element tuple, got "
            f"{replace_stride_with_dilation}: one for each of stages 2, 3 and 4"
        )
    return replace_stride_with_dilation


@builder(catalogue.ResNet18_Weights.IMAGENET1K_V1)
def resnet18(**kwargs: Any) -> ResNet:
    """ResNet-18 (Deep Residual Learning, table 1)."""
    return ResNet(BasicBlock, (2, 2, 2, 2), **kwargs)


@builder(catalogue.ResNet34_Weights.IMAGENET1K_V1)
def resnet34(**kwargs: Any) -> ResNet:
    """ResNet-34 (Deep Residual Learning, table 1)."""
    return ResNet(BasicBlock, (3, 4, 6, 3), **kwargs)


@builder(catalogue.ResNet50_Weights.IMAGENET1K_V1)
def resnet50(**kwargs: Any) -> ResNet:
    """ResNet-50 (Deep Residual Learning, table 1)."""
    return ResNet(Bottleneck, (3, 4, 6, 3), **kwargs)


@builder(catalogue.ResNet101_Weights.IMAGENET1K_V1)
def resnet101(**kwargs: Any) -> ResNet:
    """ResNet-101 (Deep Residual Learning, table 1)."""
    return ResNet(Bottleneck, (3, 4, 23, 3), **kwargs)


@builder(catalogue.ResNet152_Weights.IMAGENET1K_V1)
def resnet152(**kwargs: Any) -> ResNet:
    """ResNet-152 (Deep Residual Learning, table 1)."""
    return ResNet(Bottleneck, (3, 8, 36, 3), **kwargs)


@builder(catalogue.ResNeXt50_32X4D_Weights.IMAGENET1K_V1)
def resnext50_32x4d(**kwargs: Any) -> ResNet:
    """ResNeXt-50, 32 groups of 4 channels (ResNeXt, table 1)."""
    return ResNet(Bottleneck, (3, 4, 6, 3), groups=32, width_per_group=4, **kwargs)


@builder(catalogue.ResNeXt101_32X8D_Weights.IMAGENET1K_V1)
def resnext101_32x8d(**kwargs: Any) -> ResNet:
    """ResNeXt-101, 32 groups of 8 channels (after ResNeXt, section 5)."""
    return ResNet(Bottleneck, (3, 4, 23, 3), groups=32, width_per_group=8, **kwargs)


@builder(catalogue.ResNeXt101_64X4D_Weights.IMAGENET1K_V1)
def resnext101_64x4d(**kwargs: Any) -> ResNet:
    """ResNeXt-101, 64 groups of 4 channels (ResNeXt, table 4)."""
    return ResNet(Bottleneck, (3, 4, 23, 3), groups=64, width_per_group=4, **kwargs)


@builder(catalogue.Wide_ResNet50_2_Weights.IMAGENET1K_V1)
def wide_resnet50_2(**kwargs: Any) -> ResNet:
    """Wide ResNet-50-2: ResNet-50, its bottlenecks twice as wide (Wide Residual Networks, section 3.4)."""
    return ResNet(Bottleneck, (3, 4, 6, 3), width_per_group=128, **kwargs)


@builder(catalogue.Wide_ResNet101_2_Weights.IMAGENET1K_V1)
def wide_resnet101_2(**kwargs: Any) -> ResNet:
    """Wide ResNet-101-2: ResNet-101, its bottlenecks twice as wide (after Wide Residual Networks)."""
    return ResNet(Bottleneck, (3, 4, 23, 3), width_per_group=128, **kwargs)
