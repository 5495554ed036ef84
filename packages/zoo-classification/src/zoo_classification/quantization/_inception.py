"""Inception v3 as int8. The paper stands at the head of the float network."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from zoo_classification._googlenet import prepare
from zoo_classification._inception import (
    Inception3,
    InceptionA,
    InceptionAux,
    InceptionB,
    InceptionC,
    InceptionD,
    InceptionE,
)
from zoo_classification.catalogue.inception import Inception_V3_Weights
from zoo_core.building import builder

from ._eager import FloatFunctional, Quantizable, build_quantizable, pretrained
from ._googlenet import QuantizableBasicConv2d
from .catalogue.inception import Inception_V3_QuantizedWeights


class _Quantizable(nn.Module):
    """Makes an inception module one of `QuantizableBasicConv2d`, whose concatenation is a module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"conv_block": QuantizableBasicConv2d, **kwargs})
        self.myop = FloatFunctional()

    def forward(self, x: Tensor) -> Tensor:
        """Transform `x`, `(N, in_channels, H, W)`."""
        return self.myop.cat(self.branches(x), 1)  # type: ignore[operator]


class QuantizableInceptionA(_Quantizable, InceptionA):
    """An `InceptionA` of quantizable layers."""


class QuantizableInceptionB(_Quantizable, InceptionB):
    """An `InceptionB` of quantizable layers."""


class QuantizableInceptionC(_Quantizable, InceptionC):
    """An `InceptionC` of quantizable layers."""


class QuantizableInceptionD(_Quantizable, InceptionD):
    """An `InceptionD` of quantizable layers."""


class QuantizableInceptionE(InceptionE):
    """An `InceptionE` of quantizable layers, which concatenates the convolutions side by side before all branches."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"conv_block": QuantizableBasicConv2d, **kwargs})
        self.myop1 = FloatFunctional()
        self.myop2 = FloatFunctional()
        self.myop3 = FloatFunctional()

    def forward(self, x: Tensor) -> Tensor:
        """Transform `x`, `(N, in_channels, H, W)`."""
        branches = self.branches(x)
        branch3x3 = self.myop1.cat(branches[1:3], 1)
        branch3x3dbl = self.myop2.cat(branches[3:5], 1)
        return self.myop3.cat([branches[0], branch3x3, branch3x3dbl, branches[5]], 1)


class QuantizableInception3(Quantizable, Inception3):
    """An `Inception3` of quantizable blocks, with the same arguments."""

    forward = Inception3.forward  # type: ignore[assignment] # quantizes in what follows

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        blocks = (
            QuantizableBasicConv2d,
            QuantizableInceptionA,
            QuantizableInceptionB,
            QuantizableInceptionC,
            QuantizableInceptionD,
            QuantizableInceptionE,
            partial(InceptionAux, conv_block=QuantizableBasicConv2d),
        )
        super().__init__(*args, inception_blocks=blocks, **kwargs)

    def _prepare(self, images: Tensor) -> Tensor:
        prepared: Tensor = self.quant(
            prepare(images, 299 if self.training and self.aux_logits else 75, self.transform_input)
        )
        return prepared

    def _classify(self, features: Tensor) -> Tensor:
        scores: Tensor = self.dequant(self.fc(self.dropout(torch.flatten(self.avgpool(features), 1))))
        return scores


@builder(weights=pretrained(Inception_V3_QuantizedWeights.IMAGENET1K_FBGEMM_V1))
def inception_v3(
    *,
    weights: Inception_V3_QuantizedWeights | Inception_V3_Weights | str | None = None,
    progress: bool = True,
    quantize: bool = False,
    **kwargs: Any,
) -> QuantizableInception3:
    """Inception v3, quantizable or int8.

    Args:
        weights: With `quantize` a member of `Inception_V3_QuantizedWeights`, else of `Inception_V3_Weights`; or its
            name; `None` to initialise at random, or for int8 weights of zero.
        progress: Show a bar while downloading.
        quantize: Whether to build the int8 network, for inference on a CPU.
        **kwargs: Passed on to `QuantizableInception3`, but for `backend`, the engine of an int8 network. With weights,
            `transform_input` defaults to true, `init_weights` to false, and `aux_logits` to false.

    Example:
        >>> inception_v3(num_classes=10).eval()(torch.zeros(1, 3, 75, 75)).shape
        torch.Size([1, 10])
    """
    if weights is not None:
        kwargs = {"transform_input": True, "init_weights": False, "aux_logits": False, **kwargs}
    return build_quantizable(QuantizableInception3, weights=weights, progress=progress, quantize=quantize, **kwargs)
