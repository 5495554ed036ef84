"""ResNet and ResNeXt as int8. The papers stand at the head of the float networks."""

from typing import Any, ClassVar

from torch import Tensor, nn

from zoo_classification._resnet import BasicBlock, Bottleneck, ResNet
from zoo_classification.catalogue import resnet as floating

from ._builder import quantizable_builder
from ._network import Quantizable, functional
from .catalogue import resnet as int8


class QuantizableBasicBlock(BasicBlock):
    """A `BasicBlock` whose addition is a module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_relu = functional()

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        residual = self.relu(self.bn1(self.conv1(x)))
        residual = self.bn2(self.conv2(residual))
        return self.add_relu.add_relu(residual, shortcut)


class QuantizableBottleneck(Bottleneck):
    """A `Bottleneck` whose addition is a module, and that has a ReLU for each convolution to be fused with."""

    computed: ClassVar = (("conv1", "bn1", "relu1"), ("conv2", "bn2", "relu2"), ("conv3", "bn3"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.skip_add_relu = functional()
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        residual = self.relu1(self.bn1(self.conv1(x)))
        residual = self.relu2(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        return self.skip_add_relu.add_relu(residual, shortcut)


class QuantizableResNet(Quantizable, ResNet):
    """A `ResNet` of `QuantizableBasicBlock` or `QuantizableBottleneck`, with the same arguments."""


@quantizable_builder(int8.ResNet18_QuantizedWeights.IMAGENET1K_FBGEMM_V1, floating.ResNet18_Weights)
def resnet18(**kwargs: Any) -> QuantizableResNet:
    """ResNet-18, quantizable or int8."""
    return QuantizableResNet(QuantizableBasicBlock, (2, 2, 2, 2), **kwargs)


@quantizable_builder(int8.ResNet50_QuantizedWeights.IMAGENET1K_FBGEMM_V1, floating.ResNet50_Weights)
def resnet50(**kwargs: Any) -> QuantizableResNet:
    """ResNet-50, quantizable or int8."""
    return QuantizableResNet(QuantizableBottleneck, (3, 4, 6, 3), **kwargs)


@quantizable_builder(int8.ResNeXt101_32X8D_QuantizedWeights.IMAGENET1K_FBGEMM_V1, floating.ResNeXt101_32X8D_Weights)
def resnext101_32x8d(**kwargs: Any) -> QuantizableResNet:
    """ResNeXt-101, 32 groups of 8 channels, quantizable or int8."""
    return QuantizableResNet(QuantizableBottleneck, (3, 4, 23, 3), groups=32, width_per_group=8, **kwargs)


@quantizable_builder(int8.ResNeXt101_64X4D_QuantizedWeights.IMAGENET1K_FBGEMM_V1, floating.ResNeXt101_64X4D_Weights)
def resnext101_64x4d(**kwargs: Any) -> QuantizableResNet:
    """ResNeXt-101, 64 groups of 4 channels, quantizable or int8."""
    return QuantizableResNet(QuantizableBottleneck, (3, 4, 23, 3), groups=64, width_per_group=4, **kwargs)
