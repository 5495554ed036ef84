"""ResNet and ResNeXt as int8. The papers stand at the head of the float networks."""

from typing import Any, ClassVar

from torch import Tensor, nn

from zoo_classification._resnet import BasicBlock, Bottleneck, ResNet
from zoo_classification.catalogue.resnet import (
    ResNet18_Weights,
    ResNet50_Weights,
    ResNeXt101_32X8D_Weights,
    ResNeXt101_64X4D_Weights,
)
from zoo_core.building import builder

from ._eager import FloatFunctional, Quantizable, build_quantizable, pretrained
from .catalogue.resnet import (
    ResNet18_QuantizedWeights,
    ResNet50_QuantizedWeights,
    ResNeXt101_32X8D_QuantizedWeights,
    ResNeXt101_64X4D_QuantizedWeights,
)


class QuantizableBasicBlock(BasicBlock):
    """A `BasicBlock` whose addition is a module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_relu = FloatFunctional()

    def forward(self, x: Tensor) -> Tensor:
        """Add the residual to `x`, `(N, inplanes, H, W)`."""
        shortcut = x if self.downsample is None else self.downsample(x)
        residual = self.relu(self.bn1(self.conv1(x)))
        residual = self.bn2(self.conv2(residual))
        return self.add_relu.add_relu(residual, shortcut)


class QuantizableBottleneck(Bottleneck):
    """A `Bottleneck` whose addition is a module, and that has a ReLU for each convolution to be fused with."""

    computed: ClassVar = (("conv1", "bn1", "relu1"), ("conv2", "bn2", "relu2"), ("conv3", "bn3"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.skip_add_relu = FloatFunctional()
        self.relu1 = nn.ReLU()
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Add the residual to `x`, `(N, inplanes, H, W)`."""
        shortcut = x if self.downsample is None else self.downsample(x)
        residual = self.relu1(self.bn1(self.conv1(x)))
        residual = self.relu2(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        return self.skip_add_relu.add_relu(residual, shortcut)


class QuantizableResNet(Quantizable, ResNet):
    """A `ResNet` of `QuantizableBasicBlock` or `QuantizableBottleneck`, with the same arguments."""


@builder(weights=pretrained(ResNet18_QuantizedWeights.IMAGENET1K_FBGEMM_V1))
def resnet18(
    *,
    weights: ResNet18_QuantizedWeights | ResNet18_Weights | str | None = None,
    progress: bool = True,
    quantize: bool = False,
    **kwargs: Any,
) -> QuantizableResNet:
    """ResNet-18, quantizable or int8.

    Args:
        weights: With `quantize` a member of `ResNet18_QuantizedWeights`, else of `ResNet18_Weights`; or its name;
            `None` to initialise at random, or for int8 weights of zero.
        progress: Show a bar while downloading.
        quantize: Whether to build the int8 network, for inference on a CPU.
        **kwargs: Passed on to `QuantizableResNet`, but for `backend`, the engine of an int8 network.

    Example:
        >>> resnet18(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build_quantizable(
        QuantizableResNet,
        QuantizableBasicBlock,
        (2, 2, 2, 2),
        weights=weights,
        progress=progress,
        quantize=quantize,
        **kwargs,
    )


@builder(weights=pretrained(ResNet50_QuantizedWeights.IMAGENET1K_FBGEMM_V1))
def resnet50(
    *,
    weights: ResNet50_QuantizedWeights | ResNet50_Weights | str | None = None,
    progress: bool = True,
    quantize: bool = False,
    **kwargs: Any,
) -> QuantizableResNet:
    """ResNet-50, quantizable or int8.

    Args:
        weights: With `quantize` a member of `ResNet50_QuantizedWeights`, else of `ResNet50_Weights`; or its name;
            `None` to initialise at random, or for int8 weights of zero.
        progress: Show a bar while downloading.
        quantize: Whether to build the int8 network, for inference on a CPU.
        **kwargs: Passed on to `QuantizableResNet`, but for `backend`, the engine of an int8 network.

    Example:
        >>> resnet50(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build_quantizable(
        QuantizableResNet,
        QuantizableBottleneck,
        (3, 4, 6, 3),
        weights=weights,
        progress=progress,
        quantize=quantize,
        **kwargs,
    )


@builder(weights=pretrained(ResNeXt101_32X8D_QuantizedWeights.IMAGENET1K_FBGEMM_V1))
def resnext101_32x8d(
    *,
    weights: ResNeXt101_32X8D_QuantizedWeights | ResNeXt101_32X8D_Weights | str | None = None,
    progress: bool = True,
    quantize: bool = False,
    **kwargs: Any,
) -> QuantizableResNet:
    """ResNeXt-101, 32 groups of 8 channels, quantizable or int8.

    Args:
        weights: With `quantize` a member of `ResNeXt101_32X8D_QuantizedWeights`, else of `ResNeXt101_32X8D_Weights`; or
            its name; `None` to initialise at random, or for int8 weights of zero.
        progress: Show a bar while downloading.
        quantize: Whether to build the int8 network, for inference on a CPU.
        **kwargs: Passed on to `QuantizableResNet`, but for `backend`, the engine of an int8 network.

    Example:
        >>> resnext101_32x8d(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build_quantizable(
        QuantizableResNet,
        QuantizableBottleneck,
        (3, 4, 23, 3),
        weights=weights,
        progress=progress,
        quantize=quantize,
        groups=32,
        width_per_group=8,
        **kwargs,
    )


@builder(weights=pretrained(ResNeXt101_64X4D_QuantizedWeights.IMAGENET1K_FBGEMM_V1))
def resnext101_64x4d(
    *,
    weights: ResNeXt101_64X4D_QuantizedWeights | ResNeXt101_64X4D_Weights | str | None = None,
    progress: bool = True,
    quantize: bool = False,
    **kwargs: Any,
) -> QuantizableResNet:
    """ResNeXt-101, 64 groups of 4 channels, quantizable or int8.

    Args:
        weights: With `quantize` a member of `ResNeXt101_64X4D_QuantizedWeights`, else of `ResNeXt101_64X4D_Weights`; or
            its name; `None` to initialise at random, or for int8 weights of zero.
        progress: Show a bar while downloading.
        quantize: Whether to build the int8 network, for inference on a CPU.
        **kwargs: Passed on to `QuantizableResNet`, but for `backend`, the engine of an int8 network.

    Example:
        >>> resnext101_64x4d(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build_quantizable(
        QuantizableResNet,
        QuantizableBottleneck,
        (3, 4, 23, 3),
        weights=weights,
        progress=progress,
        quantize=quantize,
        groups=64,
        width_per_group=4,
        **kwargs,
    )
