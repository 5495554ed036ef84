"""ShuffleNetV2 as int8. The paper stands at the head of the float network."""

from typing import Any

from torch import Tensor

from zoo_classification._shufflenetv2 import InvertedResidual, ShuffleNetV2
from zoo_classification.catalogue import shufflenetv2 as floating

from ._builder import quantizable_builder
from ._network import Quantizable, functional
from .catalogue import shufflenetv2 as int8


class QuantizableInvertedResidual(InvertedResidual):
    """An `InvertedResidual` whose concatenation is a module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cat = functional()

    def forward(self, x: Tensor) -> Tensor:
        joined = self.cat.cat(self.branches(x), dim=1)
        batch, channels, height, width = joined.shape
        halves = joined.view(batch, 2, channels // 2, height, width)
        return halves.transpose(1, 2).reshape(batch, channels, height, width)


class QuantizableShuffleNetV2(Quantizable, ShuffleNetV2):
    """A `ShuffleNetV2` of `QuantizableInvertedResidual`, with the same arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, inverted_residual=QuantizableInvertedResidual, **kwargs)


@quantizable_builder(int8.ShuffleNet_V2_X0_5_QuantizedWeights.IMAGENET1K_FBGEMM_V1, floating.ShuffleNet_V2_X0_5_Weights)
def shufflenet_v2_x0_5(**kwargs: Any) -> QuantizableShuffleNetV2:
    """ShuffleNetV2 of width 0.5, quantizable or int8."""
    return QuantizableShuffleNetV2((4, 8, 4), (24, 48, 96, 192, 1024), **kwargs)


@quantizable_builder(int8.ShuffleNet_V2_X1_0_QuantizedWeights.IMAGENET1K_FBGEMM_V1, floating.ShuffleNet_V2_X1_0_Weights)
def shufflenet_v2_x1_0(**kwargs: Any) -> QuantizableShuffleNetV2:
    """ShuffleNetV2 of width 1.0, quantizable or int8."""
    return QuantizableShuffleNetV2((4, 8, 4), (24, 116, 232, 464, 1024), **kwargs)


@quantizable_builder(int8.ShuffleNet_V2_X1_5_QuantizedWeights.IMAGENET1K_FBGEMM_V1, floating.ShuffleNet_V2_X1_5_Weights)
def shufflenet_v2_x1_5(**kwargs: Any) -> QuantizableShuffleNetV2:
    """ShuffleNetV2 of width 1.5, quantizable or int8."""
    return QuantizableShuffleNetV2((4, 8, 4), (24, 176, 352, 704, 1024), **kwargs)


@quantizable_builder(int8.ShuffleNet_V2_X2_0_QuantizedWeights.IMAGENET1K_FBGEMM_V1, floating.ShuffleNet_V2_X2_0_Weights)
def shufflenet_v2_x2_0(**kwargs: Any) -> QuantizableShuffleNetV2:
    """ShuffleNetV2 of width 2.0, quantizable or int8."""
    return QuantizableShuffleNetV2((4, 8, 4), (24, 244, 488, 976, 2048), **kwargs)
