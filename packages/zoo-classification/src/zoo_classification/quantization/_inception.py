"""Inception v3 as int8. The paper stands at the head of the float network."""

from functools import partial
from typing import Any

from torch import Tensor

from zoo_classification import _inception as floating
from zoo_classification._googlenet import Branches, prepare, with_defaults
from zoo_classification.catalogue.inception import Inception_V3_Weights
from zoo_core import WeightsEnum

from ._builder import quantizable_builder
from ._googlenet import QuantizableBasicConv2d
from ._network import Quantizable, functional
from .catalogue.inception import Inception_V3_QuantizedWeights


class _Quantizable(Branches):
    """Makes an inception module one of `QuantizableBasicConv2d`, whose concatenation is a module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"conv_block": QuantizableBasicConv2d, **kwargs})
        self.myop = functional()

    def forward(self, x: Tensor) -> Tensor:
        return self.myop.cat(self.branches(x), 1)


class QuantizableInceptionA(_Quantizable, floating.InceptionA):
    """An `InceptionA` of quantizable layers."""


class QuantizableInceptionB(_Quantizable, floating.InceptionB):
    """An `InceptionB` of quantizable layers."""


class QuantizableInceptionC(_Quantizable, floating.InceptionC):
    """An `InceptionC` of quantizable layers."""


class QuantizableInceptionD(_Quantizable, floating.InceptionD):
    """An `InceptionD` of quantizable layers."""


class QuantizableInceptionE(floating.InceptionE):
    """An `InceptionE` of quantizable layers, which concatenates the convolutions side by side before all branches."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"conv_block": QuantizableBasicConv2d, **kwargs})
        self.myop1 = functional()
        self.myop2 = functional()
        self.myop3 = functional()

    def forward(self, x: Tensor) -> Tensor:
        branches = self.branches(x)
        branch3x3 = self.myop1.cat(branches[1:3], 1)
        branch3x3dbl = self.myop2.cat(branches[3:5], 1)
        return self.myop3.cat([branches[0], branch3x3, branch3x3dbl, branches[5]], 1)


class QuantizableInception3(Quantizable, floating.Inception3):
    """An `Inception3` of quantizable blocks, with the same arguments."""

    forward = floating.Inception3.forward  # type: ignore[assignment] # quantizes in what follows
    forward_features = floating.Inception3.forward_features

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        blocks = (
            QuantizableBasicConv2d,
            QuantizableInceptionA,
            QuantizableInceptionB,
            QuantizableInceptionC,
            QuantizableInceptionD,
            QuantizableInceptionE,
            partial(floating.InceptionAux, conv_block=QuantizableBasicConv2d),
        )
        super().__init__(*args, inception_blocks=blocks, **kwargs)

    def _prepare(self, images: Tensor) -> Tensor:
        prepared: Tensor = self.quant(
            prepare(images, 299 if self.training and self.aux_logits else 75, self.transform_input)
        )
        return prepared

    def _classify(self, features: Tensor) -> Tensor:
        scores: Tensor = self.dequant(self.fc(self._pool(features)))
        return scores


@quantizable_builder(Inception_V3_QuantizedWeights.IMAGENET1K_FBGEMM_V1, Inception_V3_Weights)
def inception_v3(weights: WeightsEnum | None, **kwargs: Any) -> QuantizableInception3:
    """Inception v3, quantizable or int8.

    Args:
        **kwargs: Passed on to `QuantizableInception3`. With weights, `transform_input` defaults to true, `init_weights`
            to false, and `aux_logits` to false.
    """
    return QuantizableInception3(**with_defaults(weights, kwargs, aux_logits=False))
