"""MobileNetV3 as int8. The paper stands at the head of the float network."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_classification._mobilenetv3 import InvertedResidual, InvertedResidualConfig, MobileNetV3, from_table, table_1
from zoo_classification.catalogue.mobilenetv3 import MobileNet_V3_Large_Weights
from zoo_core.layers import SqueezeExcitation

from ._builder import quantizable_builder
from ._network import Quantizable, functional
from .catalogue.mobilenetv3 import MobileNet_V3_Large_QuantizedWeights

_FIXED = {
    "fake_quant_enabled": (1, torch.uint8),
    "observer_enabled": (1, torch.uint8),
    "scale": (1.0, torch.float32),
    "zero_point": (0, torch.int32),
    "activation_post_process.scale": (1.0, torch.float32),
    "activation_post_process.zero_point": (0, torch.int32),
}
"""What early files lack: how the output of the second activation is observed, whose range is always the same."""


class QuantizableSqueezeExcitation(SqueezeExcitation):
    """A `SqueezeExcitation` by hard sigmoid, whose multiplication is a module."""

    computed: ClassVar = (("fc1", "activation"), ("fc2",))

    def __init__(self, input_channels: int, squeeze_channels: int) -> None:
        super().__init__(input_channels, squeeze_channels, scale_activation=nn.Hardsigmoid)
        self.skip_mul = functional()
        self.register_load_state_dict_pre_hook(_complete_early_files)  # type: ignore[no-untyped-call]

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 # the name that users know
        squeezed = self.activation(self.fc1(self.avgpool(input)))
        scale: Tensor = self.scale_activation(self.fc2(squeezed))
        return self.skip_mul.mul(scale, input)


def _complete_early_files(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Add the entries that a network prepared for training has, and early files do not."""
    if hasattr(module.scale_activation, "activation_post_process"):  # is prepared
        for name, (value, dtype) in _FIXED.items():
            state.setdefault(
                f"{prefix}scale_activation.activation_post_process.{name}", torch.tensor([value], dtype=dtype)
            )


class QuantizableInvertedResidual(InvertedResidual):
    """An `InvertedResidual` whose addition is a module, with `QuantizableSqueezeExcitation`."""

    def __init__(self, cnf: InvertedResidualConfig, norm_layer: Callable[..., nn.Module]) -> None:
        super().__init__(cnf, norm_layer, se_layer=QuantizableSqueezeExcitation)
        self.skip_add = functional()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.block(x)
        return self.skip_add.add(x, result) if self.use_res_connect else result


class QuantizableMobileNetV3(Quantizable, MobileNetV3):
    """A `MobileNetV3`, with the same arguments; give `block=QuantizableInvertedResidual`, as the builder does."""


@quantizable_builder(MobileNet_V3_Large_QuantizedWeights.IMAGENET1K_QNNPACK_V1, MobileNet_V3_Large_Weights)
def mobilenet_v3_large(**kwargs: Any) -> QuantizableMobileNetV3:
    """MobileNetV3-Large, quantizable or int8.

    Args:
        **kwargs: Passed on to `QuantizableMobileNetV3`, but for those that the float builder takes, too: `width_mult`,
            `reduced_tail`, `dilated`.
    """
    arguments = {"block": QuantizableInvertedResidual, **kwargs}
    return from_table(table_1, 1280, network=QuantizableMobileNetV3, **arguments)
