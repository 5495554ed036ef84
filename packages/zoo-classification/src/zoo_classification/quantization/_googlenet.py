"""GoogLeNet as int8. The papers stand at the head of the float network."""

from functools import partial
from typing import Any

from torch import Tensor, nn

from zoo_classification import _googlenet as floating
from zoo_classification.catalogue.googlenet import GoogLeNet_Weights
from zoo_core import WeightsEnum

from ._builder import quantizable_builder
from ._network import Quantizable, functional
from .catalogue.googlenet import GoogLeNet_QuantizedWeights


class QuantizableBasicConv2d(floating.BasicConv2d):
    """A `BasicConv2d` whose ReLU is a module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.relu(self.bn(self.conv(x)))
        return result


class QuantizableInception(floating.Inception):
    """An `Inception` of `QuantizableBasicConv2d`, whose concatenation is a module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"conv_block": QuantizableBasicConv2d, **kwargs})
        self.cat = functional()

    def forward(self, x: Tensor) -> Tensor:
        return self.cat.cat(self.branches(x), 1)


class QuantizableGoogLeNet(Quantizable, floating.GoogLeNet):
    """A `GoogLeNet` of quantizable blocks, with the same arguments."""

    forward = floating.GoogLeNet.forward  # type: ignore[assignment] # quantizes in what follows
    forward_features = floating.GoogLeNet.forward_features

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        auxiliary = partial(floating.InceptionAux, conv_block=QuantizableBasicConv2d)
        super().__init__(*args, blocks=(QuantizableBasicConv2d, QuantizableInception, auxiliary), **kwargs)

    def _prepare(self, images: Tensor) -> Tensor:
        prepared: Tensor = self.quant(floating.prepare(images, 15, self.transform_input))
        return prepared

    def _classify(self, features: Tensor) -> Tensor:
        scores: Tensor = self.dequant(self.fc(self._pool(features)))
        return scores


@quantizable_builder(GoogLeNet_QuantizedWeights.IMAGENET1K_FBGEMM_V1, GoogLeNet_Weights)
def googlenet(weights: WeightsEnum | None, **kwargs: Any) -> QuantizableGoogLeNet:
    """GoogLeNet with batch norm, quantizable or int8.

    Args:
        **kwargs: Passed on to `QuantizableGoogLeNet`. With weights, `transform_input` defaults to true, `init_weights`
            to false, and `aux_logits` to false.
    """
    return QuantizableGoogLeNet(**floating.arguments_of(weights, kwargs))
