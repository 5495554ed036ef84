"""MobileNetV2 as int8. The paper stands at the head of the float network."""

from typing import Any

from torch import Tensor

from zoo_classification._mobilenetv2 import InvertedResidual, MobileNetV2
from zoo_classification.catalogue.mobilenetv2 import MobileNet_V2_Weights
from zoo_core.building import builder

from ._eager import FloatFunctional, Quantizable, build_quantizable, pretrained
from .catalogue.mobilenetv2 import MobileNet_V2_QuantizedWeights


class QuantizableInvertedResidual(InvertedResidual):
    """An `InvertedResidual` whose addition is a module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.skip_add = FloatFunctional()

    def forward(self, x: Tensor) -> Tensor:
        """Transform `x`, `(N, inp, H, W)`."""
        result: Tensor = self.conv(x)
        return self.skip_add.add(x, result) if self.use_res_connect else result


class QuantizableMobileNetV2(Quantizable, MobileNetV2):
    """A `MobileNetV2`, with the same arguments; give `block=QuantizableInvertedResidual`, as the builder does."""


@builder(weights=pretrained(MobileNet_V2_QuantizedWeights.IMAGENET1K_QNNPACK_V1))
def mobilenet_v2(
    *,
    weights: MobileNet_V2_QuantizedWeights | MobileNet_V2_Weights | str | None = None,
    progress: bool = True,
    quantize: bool = False,
    **kwargs: Any,
) -> QuantizableMobileNetV2:
    """MobileNetV2 of width 1.0, quantizable or int8.

    Args:
        weights: With `quantize` a member of `MobileNet_V2_QuantizedWeights`, else of `MobileNet_V2_Weights`; or its
            name; `None` to initialise at random, or for int8 weights of zero.
        progress: Show a bar while downloading.
        quantize: Whether to build the int8 network, for inference on a CPU.
        **kwargs: Passed on to `QuantizableMobileNetV2`, but for `backend`, the engine of an int8 network.

    Example:
        >>> mobilenet_v2(num_classes=10)(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 10])
    """
    arguments = {"backend": "qnnpack", "block": QuantizableInvertedResidual, **kwargs}
    return build_quantizable(QuantizableMobileNetV2, weights=weights, progress=progress, quantize=quantize, **arguments)
