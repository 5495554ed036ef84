"""Convolutions and linear layers with weights in the layout that the CPU's kernels want, and what follows fused in.

oneDNN would bring the weights into that layout at each call. The operators are those that torch's own compiler uses.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ._recording import Recording
from ._replacing import replace


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


class PackedConv2d(nn.Module):
    """A convolution with packed weights, and the activation behind it."""

    def __init__(self, layer: nn.Conv2d, activation: _Activation) -> None:
        super().__init__()
        self._geometry = [list(values) for values in (layer.padding, layer.stride, layer.dilation)]
        self._groups = layer.groups
        self._activation = activation
        self._weight = torch.ops.mkldnn._reorder_convolution_weight(layer.weight, *self._geometry, self._groups, None)
        self._bias = layer.bias

    def forward(self, features: Tensor) -> Tensor:
        """Compute both."""
        name, scalars, algorithm = self._activation
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            features, self._weight, self._bias, *self._geometry, self._groups, name, list(scalars), algorithm
        )
        return result


class PackedLinear(nn.Module):
    """A linear layer with packed weights, and the activation behind it."""

    def __init__(self, weight: Tensor, bias: Tensor | None, activation: _Activation = _NONE) -> None:
        super().__init__()
        self._activation = activation
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        self._bias = bias

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

    Args:
        model: On the CPU, in float32 or bfloat16, in evaluation mode; nothing but a folded batch norm (now an identity)
            may stand between a layer and its activation.
        recording: Of one of its runs.

    Returns:
        How many layers were packed.
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
    return packed + _pack_attention(model)


def _can_be_packed(layer: nn.Module) -> bool:
    if type(layer) is nn.Conv2d:
        return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return type(layer) is nn.Linear


def _pack_attention(model: nn.Module) -> int:
    """Pack the first projection of attention layers, a parameter of theirs and no layer."""
    packed = 0
    for layer in model.modules():
        if hasattr(type(layer), "in_projection"):
            # Beside the class's method, which it hides; no child, or the method would still be found first.
            object.__setattr__(layer, "in_projection", PackedLinear(layer.in_proj_weight, layer.in_proj_bias))  # type: ignore[arg-type]
            packed += 1
    return packed
