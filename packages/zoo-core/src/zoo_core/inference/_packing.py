"""Convolutions and linear layers with weights in the layout that the CPU's kernels want, and what follows fused in.

oneDNN would bring the weights into that layout at each call. The operators are those that torch's own compiler uses.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ._linear_methods import linear_methods_of
from ._recording import Recording, replace


class _Activation(NamedTuple):
    """An activation as the operators name it."""

    name: str
    scalars: tuple[float, ...] = ()
    algorithm: str = ""


_NONE = _Activation("none")
_ACTIVATIONS: dict[type, Callable[[Any], _Activation]] = {  # of the class's instances
    nn.ReLU: lambda layer: _Activation("relu"),
    nn.ReLU6: lambda layer: _Activation("hardtanh", (0.0, 6.0)),
    nn.SiLU: lambda layer: _Activation("swish"),
    nn.Sigmoid: lambda layer: _Activation("sigmoid"),
    nn.Hardswish: lambda layer: _Activation("hardswish"),
    nn.Hardsigmoid: lambda layer: _Activation("hardsigmoid"),
    nn.GELU: lambda layer: _Activation("gelu", (), layer.approximate),
}


class _Packed(nn.Module, ABC):
    """A layer with packed weights. Torch neither copies nor saves those, so they are unpacked for it."""

    _weight: Tensor

    def __init__(self, bias: Tensor | None, activation: _Activation) -> None:
        super().__init__()
        self._bias = bias
        self._activation = activation

    @abstractmethod
    def _packed(self, weight: Tensor) -> Tensor:
        """Return a weight in the layout of the kernel."""

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_weight": self._weight.to_dense()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call] # torch's
        self._weight = self._packed(self._weight)


class PackedConv2d(_Packed):
    """A convolution with packed weights, and the activation behind it."""

    def __init__(self, layer: nn.Conv2d, activation: _Activation) -> None:
        super().__init__(layer.bias, activation)
        self._geometry = [list(values) for values in (layer.padding, layer.stride, layer.dilation)]
        self._groups = layer.groups
        self._weight = self._packed(layer.weight)

    def _packed(self, weight: Tensor) -> Tensor:
        packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(weight, *self._geometry, self._groups, None)
        return packed

    def forward(self, features: Tensor) -> Tensor:
        """Compute both."""
        name, scalars, algorithm = self._activation
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            features, self._weight, self._bias, *self._geometry, self._groups, name, list(scalars), algorithm
        )
        return result


class PackedLinear(_Packed):
    """A linear layer with packed weights, and the activation behind it."""

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: _Activation = _NONE) -> None:
        super().__init__(bias, activation)
        self._weight = self._packed(weight)

    def _packed(self, weight: Tensor) -> Tensor:
        packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        return packed

    def forward(self, features: Tensor) -> Tensor:
        """Compute both."""
        name, scalars, algorithm = self._activation
        result: Tensor = torch.ops.mkldnn._linear_pointwise(
            features, self._weight, self._bias, name, list(scalars), algorithm
        )
        return result


def can_pack() -> bool:
    """Tell whether this build of torch, on this machine, has the operators."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call] # torch's
        return False
    try:
        PackedLinear(torch.ones(8, 8), None)(torch.ones(2, 8))
        PackedConv2d(nn.Conv2d(8, 8, 3), _NONE)(torch.ones(1, 8, 4, 4))
    except (RuntimeError, AttributeError, TypeError):  # absent, of another signature, or not for this processor
        return False
    return True


def pack(model: nn.Module, recording: Recording) -> int:
    """Replace, in place, the convolutions and linear layers that ran, with activations that only they precede.

    The model is on the CPU, in float32 or bfloat16, in evaluation mode; nothing but a folded batch norm (now an
    identity) may stand between a layer and its activation. Returns how many layers were packed.
    """
    packed = 0
    for layer in recording.ran:
        if not _can_be_packed(layer):
            continue
        activation = recording.follower(layer, tuple(_ACTIVATIONS))
        described = _NONE if activation is None else _ACTIVATIONS[type(activation)](activation)
        if isinstance(layer, nn.Conv2d):
            replace(model, layer, PackedConv2d(layer, described))
        else:
            replace(model, layer, PackedLinear(layer.weight, layer.bias, described))  # type: ignore[arg-type]
        if activation is not None:
            replace(model, activation, nn.Identity())
        packed += 1
    return packed + _pack_methods(model)


def _can_be_packed(layer: nn.Module) -> bool:
    if type(layer) is nn.Conv2d:
        return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return type(layer) is nn.Linear


def _pack_methods(model: nn.Module) -> int:
    packed = 0
    for layer in model.modules():
        for name, (weight, bias) in linear_methods_of(layer).items():
            # Beside the class's method, which it hides; no child, or the method would still be found first.
            object.__setattr__(layer, name, PackedLinear(weight, bias))
            packed += 1
    return packed
