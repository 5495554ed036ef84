"""MobileNetV2 as int8. The paper stands at the head of the float network."""

from typing import Any

from torch import Tensor

from zoo_classification._mobilenetv2 import InvertedResidual, MobileNetV2
from zoo_classification.catalogue.mobilenetv2 import MobileNet_V2_Weights

from ._builder import quantizable_builder
from ._network import Quantizable, functional
from .catalogue.mobilenetv2 import MobileNet_V2_QuantizedWeights


class QuantizableInvertedResidual(InvertedResidual):
    """An `InvertedResidual` whose addition is a module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.skip_add = functional()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(x)
        return self.skip_add.add(x, result) if self.use_res_connect else result


class QuantizableMobileNetV2(Quantizable, MobileNetV2):
    """A `MobileNetV2`, with the same arguments; give `block=QuantizableInvertedResidual`, as the builder does."""


@quantizable_builder(MobileNet_V2_QuantizedWeights.IMAGENET1K_QNNPACK_V1, MobileNet_V2_Weights)
def mobilenet_v2(**kwargs: Any) -> QuantizableMobileNetV2:
    """MobileNetV2 of width 1.0, quantizable or int8."""
    return QuantizableMobileNetV2(**{"block": QuantizableInvertedResidual, **kwargs})
