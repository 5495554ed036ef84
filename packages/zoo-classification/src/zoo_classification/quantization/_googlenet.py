"""GoogLeNet as int8. The papers stand at the head of the float network."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from zoo_classification._googlenet import (
    BasicConv2d,
    GoogLeNet,
    Inception,
    InceptionAux,
    arguments_of_weights,
    prepare,
)
from zoo_classification.catalogue.googlenet import GoogLeNet_Weights
from zoo_core.building import builder

from ._eager import FloatFunctional, Quantizable, build_quantizable, pretrained
from .catalogue.googlenet import GoogLeNet_QuantizedWeights


class QuantizableBasicConv2d(BasicConv2d):
    """A `BasicConv2d` whose ReLU is a module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Transform `x`, `(N, in_channels, H, W)`."""
        result: Tensor = self.relu(self.bn(self.conv(x)))
        return result


class QuantizableInception(Inception):
    """An `Inception` of `QuantizableBasicConv2d`, whose concatenation is a module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"conv_block": QuantizableBasicConv2d, **kwargs})
        self.cat = FloatFunctional()

    def forward(self, x: Tensor) -> Tensor:
        """Transform `x`, `(N, in_channels, H, W)`."""
        return self.cat.cat(self.branches(x), 1)


class QuantizableGoogLeNet(Quantizable, GoogLeNet):
    """A `GoogLeNet` of quantizable blocks, with the same arguments."""

    forward = GoogLeNet.forward  # type: ignore[assignment] # quantizes in what follows

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        auxiliary = partial(InceptionAux, conv_block=QuantizableBasicConv2d)
        super().__init__(*args, blocks=(QuantizableBasicConv2d, QuantizableInception, auxiliary), **kwargs)

    def _prepare(self, images: Tensor) -> Tensor:
        prepared: Tensor = self.quant(prepare(images, 15, self.transform_input))
        return prepared

    def _classify(self, features: Tensor) -> Tensor:
        scores: Tensor = self.dequant(self.fc(self.dropout(torch.flatten(self.avgpool(features), 1))))
        return scores


@builder(weights=pretrained(GoogLeNet_QuantizedWeights.IMAGENET1K_FBGEMM_V1))
def googlenet(
    *,
    weights: GoogLeNet_QuantizedWeights | GoogLeNet_Weights | str | None = None,
    progress: bool = True,
    quantize: bool = False,
    **kwargs: Any,
) -> QuantizableGoogLeNet:
    """GoogLeNet with batch norm, quantizable or int8.

    Args:
        weights: With `quantize` a member of `GoogLeNet_QuantizedWeights`, else of `GoogLeNet_Weights`; or its name;
            `None` to initialise at random, or for int8 weights of zero.
        progress: Show a bar while downloading.
        quantize: Whether to build the int8 network, for inference on a CPU.
        **kwargs: Passed on to `QuantizableGoogLeNet`, but for `backend`, the engine of an int8 network. With weights,
            `transform_input` defaults to true, `init_weights` to false, and `aux_logits` to false.

    Example:
        >>> googlenet(num_classes=10).eval()(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    if weights is not None:
        kwargs = arguments_of_weights(kwargs)
    return build_quantizable(QuantizableGoogLeNet, weights=weights, progress=progress, quantize=quantize, **kwargs)
