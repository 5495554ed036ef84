"""ShuffleNetV2 as int8. The paper stands at the head of the float network."""

from typing import Any

from torch import Tensor

from zoo_classification._shufflenetv2 import InvertedResidual, ShuffleNetV2
from zoo_classification.catalogue.shufflenetv2 import (
    ShuffleNet_V2_X0_5_Weights,
    ShuffleNet_V2_X1_0_Weights,
    ShuffleNet_V2_X1_5_Weights,
    ShuffleNet_V2_X2_0_Weights,
)
from zoo_core.building import builder

from ._eager import FloatFunctional, Quantizable, build_quantizable, pretrained
from .catalogue.shufflenetv2 import (
    ShuffleNet_V2_X0_5_QuantizedWeights,
    ShuffleNet_V2_X1_0_QuantizedWeights,
    ShuffleNet_V2_X1_5_QuantizedWeights,
    ShuffleNet_V2_X2_0_QuantizedWeights,
)


class QuantizableInvertedResidual(InvertedResidual):
    """An `InvertedResidual` whose concatenation is a module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cat = FloatFunctional()

    def forward(self, x: Tensor) -> Tensor:
        """Transform `x`, `(N, inp, H, W)`."""
        if self.stride == 1:
            first, second = x.chunk(2, dim=1)
        else:
            first, second = self.branch1(x), x
        return _shuffle_channels(self.cat.cat([first, self.branch2(second)], dim=1))


def _shuffle_channels(x: Tensor) -> Tensor:
    """Take the channels of the two halves of `x`, `(N, C, H, W)`, in turn."""
    batch, channels, height, width = x.shape
    halves = x.view(batch, 2, channels // 2, height, width)
    return halves.transpose(1, 2).reshape(batch, channels, height, width)


class QuantizableShuffleNetV2(Quantizable, ShuffleNetV2):
    """A `ShuffleNetV2` of `QuantizableInvertedResidual`, with the same arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, inverted_residual=QuantizableInvertedResidual, **kwargs)


@builder(weights=pretrained(ShuffleNet_V2_X0_5_QuantizedWeights.IMAGENET1K_FBGEMM_V1))
def shufflenet_v2_x0_5(
    *,
    weights: ShuffleNet_V2_X0_5_QuantizedWeights | ShuffleNet_V2_X0_5_Weights | str | None = None,
    progress: bool = True,
    quantize: bool = False,
    **kwargs: Any,
) -> QuantizableShuffleNetV2:
    """ShuffleNetV2 of width 0.5, quantizable or int8.

    Args:
        weights: With `quantize` a member of `ShuffleNet_V2_X0_5_QuantizedWeights`, else of
            `ShuffleNet_V2_X0_5_Weights`; or its name; `None` to initialise at random, or for int8 weights of zero.
        progress: Show a bar while downloading.
        quantize: Whether to build the int8 network, for inference on a CPU.
        **kwargs: Passed on to `QuantizableShuffleNetV2`, but for `backend`, the engine of an int8 network.

    Example:
        >>> shufflenet_v2_x0_5(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build_quantizable(
        QuantizableShuffleNetV2,
        (4, 8, 4),
        (24, 48, 96, 192, 1024),
        weights=weights,
        progress=progress,
        quantize=quantize,
        **kwargs,
    )


@builder(weights=pretrained(ShuffleNet_V2_X1_0_QuantizedWeights.IMAGENET1K_FBGEMM_V1))
def shufflenet_v2_x1_0(
    *,
    weights: ShuffleNet_V2_X1_0_QuantizedWeights | ShuffleNet_V2_X1_0_Weights | str | None = None,
    progress: bool = True,
    quantize: bool = False,
    **kwargs: Any,
) -> QuantizableShuffleNetV2:
    """ShuffleNetV2 of width 1.0, quantizable or int8.

    Args:
        weights: With `quantize` a member of `ShuffleNet_V2_X1_0_QuantizedWeights`, else of
            `ShuffleNet_V2_X1_0_Weights`; or its name; `None` to initialise at random, or for int8 weights of zero.
        progress: Show a bar while downloading.
        quantize: Whether to build the int8 network, for inference on a CPU.
        **kwargs: Passed on to `QuantizableShuffleNetV2`, but for `backend`, the engine of an int8 network.

    Example:
        >>> shufflenet_v2_x1_0(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build_quantizable(
        QuantizableShuffleNetV2,
        (4, 8, 4),
        (24, 116, 232, 464, 1024),
        weights=weights,
        progress=progress,
        quantize=quantize,
        **kwargs,
    )


@builder(weights=pretrained(ShuffleNet_V2_X1_5_QuantizedWeights.IMAGENET1K_FBGEMM_V1))
def shufflenet_v2_x1_5(
    *,
    weights: ShuffleNet_V2_X1_5_QuantizedWeights | ShuffleNet_V2_X1_5_Weights | str | None = None,
    progress: bool = True,
    quantize: bool = False,
    **kwargs: Any,
) -> QuantizableShuffleNetV2:
    """ShuffleNetV2 of width 1.5, quantizable or int8.

    Args:
        weights: With `quantize` a member of `ShuffleNet_V2_X1_5_QuantizedWeights`, else of
            `ShuffleNet_V2_X1_5_Weights`; or its name; `None` to initialise at random, or for int8 weights of zero.
        progress: Show a bar while downloading.
        quantize: Whether to build the int8 network, for inference on a CPU.
        **kwargs: Passed on to `QuantizableShuffleNetV2`, but for `backend`, the engine of an int8 network.

    Example:
        >>> shufflenet_v2_x1_5(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build_quantizable(
        QuantizableShuffleNetV2,
        (4, 8, 4),
        (24, 176, 352, 704, 1024),
        weights=weights,
        progress=progress,
        quantize=quantize,
        **kwargs,
    )


@builder(weights=pretrained(ShuffleNet_V2_X2_0_QuantizedWeights.IMAGENET1K_FBGEMM_V1))
def shufflenet_v2_x2_0(
    *,
    weights: ShuffleNet_V2_X2_0_QuantizedWeights | ShuffleNet_V2_X2_0_Weights | str | None = None,
    progress: bool = True,
    quantize: bool = False,
    **kwargs: Any,
) -> QuantizableShuffleNetV2:
    """ShuffleNetV2 of width 2.0, quantizable or int8.

    Args:
        weights: With `quantize` a member of `ShuffleNet_V2_X2_0_QuantizedWeights`, else of
            `ShuffleNet_V2_X2_0_Weights`; or its name; `None` to initialise at random, or for int8 weights of zero.
        progress: Show a bar while downloading.
        quantize: Whether to build the int8 network, for inference on a CPU.
        **kwargs: Passed on to `QuantizableShuffleNetV2`, but for `backend`, the engine of an int8 network.

    Example:
        >>> shufflenet_v2_x2_0(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    return build_quantizable(
        QuantizableShuffleNetV2,
        (4, 8, 4),
        (24, 244, 488, 976, 2048),
        weights=weights,
        progress=progress,
        quantize=quantize,
        **kwargs,
    )
