"""The layers of int8 networks: integers with scales, and what is computed with them where torch has no kernels for it.

A layer computes with what it is given: tensors of `torch.quint8` by the kernels of torch, `QuantizedValues` in plain
PyTorch. `Quantize`, the first layer of a network, decides which of them it is.
"""

import math
from collections.abc import Callable, MutableMapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import _kernels as kernels
from ._arithmetic import (
    EXACT,
    as_float32,
    bias_in,
    furthest,
    largest_sum,
    multiplier_of,
    quantized,
    quantized_evenly,
    requantized,
)
from ._state import Int8State, WeightedState
from ._values import QuantizedValues

Activation = Any
"""A tensor of `torch.quint8`, or `QuantizedValues`."""


class Quantize(Int8State, kernels.Quantize):
    """Makes int8 of images: the first layer.

    Args:
        engine: Of the network.

    Shape:
        `(N, 3, H, W)`, float32, to the same.
    """

    keeps_scales_in_vectors = True
    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    def __init__(self, engine: str) -> None:
        super().__init__()
        self.engine = engine

    def forward(self, x: Tensor) -> Activation:
        if kernels.computes(x, self.engine):
            return super().forward(x)
        return QuantizedValues(quantized_evenly(x.detach(), self.scale, self.zero_point), self.scale, self.zero_point)


class Dequantize(kernels.Dequantize):
    """Makes numbers of int8: the last layer."""

    is_one_node = True


class Hardswish(Int8State, kernels.Hardswish):
    """Hard swish (MobileNetV3, section 5.2)."""

    is_one_node = True

    def forward(self, x: Activation) -> Activation:
        if kernels.is_torchs(x):
            return super().forward(x)
        steps = quantized(F.hardswish(x.operand()), self.scale, self.zero_point)
        return QuantizedValues(steps, self.scale, self.zero_point)


class Functional(Int8State, kernels.Functional):
    """An addition, multiplication or concatenation, whose result is quantised anew."""

    def add(self, x: Activation, y: Activation) -> Activation:
        """Add two activations."""
        return super().add(x, y) if kernels.is_torchs(x) else self._quantized(x.operand().add_(y.operand()))

    def add_relu(self, x: Activation, y: Activation) -> Activation:
        """Add two activations, and make what is negative zero."""
        if kernels.is_torchs(x):
            return super().add_relu(x, y)
        return self._quantized(x.operand().add_(y.operand()), is_rectified=True)

    def mul(self, x: Activation, y: Activation) -> Activation:
        """Multiply two activations."""
        if kernels.is_torchs(x):
            return super().mul(x, y)
        both = as_float32(as_float32(x.scale) * as_float32(y.scale))
        multiplier = as_float32(both * as_float32(1 / as_float32(self.scale)))
        steps = requantized(x.steps * y.steps, multiplier, self.zero_point)
        return QuantizedValues(steps, self.scale, self.zero_point)

    def cat(self, x: Sequence[Activation], dim: int = 0) -> Activation:
        """Concatenate activations."""
        if kernels.is_torchs(x[0]):
            return super().cat(list(x), dim)
        return self._quantized(torch.cat([each.operand() for each in x], dim))

    def _quantized(self, numbers: Tensor, *, is_rectified: bool = False) -> QuantizedValues:
        steps = quantized(numbers, self.scale, self.zero_point, is_rectified=is_rectified)
        return QuantizedValues(steps, self.scale, self.zero_point)


_PREPARED = ("_packed", "_pieces", "_by_integers", "_scaled")
"""What a layer makes of its weight to compute with, when it first does."""


class _Weighted(WeightedState):
    """A layer with a weight of int8, and a bias.

    Args:
        shape: Of the weight; its first axis is that of the result's channels.
        has_bias: Whether there is a bias.
        engine: Whose arithmetic it is, and whose kernel computes it where torch has that.
        device: Of the buffers.
    """

    is_one_node = True
    is_rectified = False
    """Whether what is below zero becomes zero."""
    groups = 1
    _packed: kernels.Scaled | None
    _pieces: list[tuple[slice, Tensor]] | None
    _by_integers: Callable[[Tensor, int], Tensor] | None
    _scaled: tuple[tuple[float, float], tuple[Tensor | None, Tensor]] | None

    def __init__(self, shape: Sequence[int], *, has_bias: bool, engine: str, device: str) -> None:
        super().__init__()
        self.engine = engine
        self.shape = tuple(shape)
        self.register_buffer("weight_integers", torch.zeros(*shape, dtype=torch.int8, device=device))
        self.register_buffer("weight_scales", torch.ones((), device=device))
        self.register_buffer("weight_zero_points", torch.zeros((), dtype=torch.int64, device=device))
        self.register_buffer("bias", torch.zeros(shape[0], device=device) if has_bias else None)
        self.forget_prepared()

    def forward(self, x: Activation) -> Activation:
        if kernels.is_torchs(x):
            return self.packed().forward(x)
        return QuantizedValues(self._result(self._sums(x), x.scale), self.scale, self.zero_point)

    def packed(self) -> kernels.Scaled:
        """Return the layer for tensors of `torch.quint8`, packed for a kernel of torch."""
        if self._packed is None:
            vars(self)["_packed"] = self._pack()  # no part of the module
        assert self._packed is not None
        return self._packed

    def forget_prepared(self) -> None:
        vars(self).update(dict.fromkeys(_PREPARED))

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | dict.fromkeys(_PREPARED)

    def _pack(self) -> kernels.Scaled:
        raise NotImplementedError

    def _integer_operator(self) -> Callable[[Tensor, int], Tensor]:
        """Return what sums products of integers by oneDNN."""
        raise NotImplementedError

    def _summed(self, steps: Tensor, weight: Tensor) -> Tensor:
        """Apply a weight to steps: sums of products."""
        raise NotImplementedError

    def _along_channels(self, vector: Tensor) -> Tensor:
        """Return one number, or one for each channel of the result, in a shape that broadcasts with this."""
        raise NotImplementedError

    def _sums(self, x: QuantizedValues) -> Tensor:
        """Return sums of products, exact as far as float32 has them."""
        if kernels.sums_integers(x.steps) and self._is_symmetric():
            if self._by_integers is None:
                vars(self)["_by_integers"] = self._integer_operator()
            assert self._by_integers is not None
            return self._by_integers(x.int_repr(), x.zero_point)
        pieces = self._weight_in_pieces(x.zero_point)
        with torch.autocast(x.steps.device.type, enabled=False):
            if len(pieces) == 1:
                sums = self._summed(x.steps, pieces[0][1])
                # What is whole already is rounded in programs alone: runtimes would fold the scale into the weight.
                return sums.round() if kernels.is_recorded() else sums
            steps = torch.unflatten(x.steps, 1, (self.groups, -1))
            parts = [self._summed(steps[:, :, place].flatten(1, 2), weight) for place, weight in pieces]
        if len(parts) == 2:
            return parts[0].add_(parts[1])  # rounded once, as an integer would be
        return torch.stack(parts).sum(0, dtype=torch.float64).float()

    def _is_symmetric(self) -> bool:
        """Tell whether the weight's zero points are zero, as in all published files."""
        return self._by_integers is not None or not self.weight_zero_points.any()

    def _weight_in_pieces(self, zero_point: int) -> list[tuple[slice, Tensor]]:
        """Return the weight in float32, cut along the input's channels where sums might be too large to be exact."""
        is_recorded = kernels.is_recorded()
        if self._pieces is not None and not is_recorded:
            return self._pieces
        channels = self.shape[1]
        centres = self.weight_zero_points.reshape(-1, *(1,) * (len(self.shape) - 1))
        weight = self.weight_integers.float() - centres
        largest = largest_sum(math.prod(self.shape[1:]), zero_point)
        if largest > EXACT and not is_recorded:  # which the values may rule out
            largest = int(weight.abs().flatten(1).sum(1).max()) * furthest(0)
        width = -(-channels // -(-largest // EXACT))
        places = [slice(first, first + width) for first in range(0, channels, width)]
        pieces = [(place, weight[:, place]) for place in places]
        if not is_recorded:
            vars(self)["_pieces"] = pieces
        return pieces

    def _result(self, sums: Tensor, scale: float) -> Tensor:
        """Quantise sums of products with an activation of that scale."""
        bias, multiplier = self._constants(scale)
        if bias is not None:
            sums = sums.add_(bias)
        return requantized(sums, multiplier, self.zero_point, is_rectified=self.is_rectified)

    def _constants(self, scale: float) -> tuple[Tensor | None, Tensor]:
        """Return what sums of products with an activation of that scale are added to, and then multiplied by."""
        is_recorded = kernels.is_recorded()
        if self._scaled is not None and self._scaled[0] == (scale, self.scale) and not is_recorded:
            return self._scaled[1]
        is_whole = self.engine == "qnnpack"
        unit = self._along_channels(self.weight_scales * as_float32(scale))
        bias = None if self.bias is None else bias_in(unit, self._along_channels(self.bias), is_whole=is_whole)
        constants = bias, multiplier_of(unit, self.scale, is_whole=is_whole)
        if not is_recorded:
            vars(self)["_scaled"] = (scale, self.scale), constants
        return constants


class Conv2d(_Weighted):
    """A convolution, its batch norm and its ReLU, if it has them.

    Args:
        like: The float layer.
        is_rectified: Whether there is a ReLU.
        has_bias: Whether there is a bias; a batch norm is one.
        engine: Of the network.
        device: Of the buffers.

    Shape:
        As of `like`.
    """

    def __init__(
        self, like: nn.Conv2d, *, is_rectified: bool, has_bias: bool, engine: str, device: str = "cpu"
    ) -> None:
        super().__init__(like.weight.shape, has_bias=has_bias, engine=engine, device=device)
        self.is_rectified = is_rectified
        self.in_channels, self.out_channels, self.groups = like.in_channels, like.out_channels, like.groups
        self.kernel_size, self.stride = like.kernel_size, like.stride
        assert not isinstance(like.padding, str)
        self.padding, self.dilation = like.padding, like.dilation

    def extra_repr(self) -> str:
        """Describe the layer."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, dilation={self.dilation}, groups={self.groups}, "
            f"is_rectified={self.is_rectified}, {super().extra_repr()}"
        )

    def _pack(self) -> kernels.PackedConv2d:
        return kernels.PackedConv2d(
            self.weight(), self.bias, self, scale=self.scale, zero_point=self.zero_point,
            is_rectified=self.is_rectified, engine=self.engine,
        )  # fmt: skip

    def _integer_operator(self) -> Callable[[Tensor, int], Tensor]:
        form = (self.stride, self.padding, self.dilation, self.groups)
        return kernels.integer_convolution(self.weight_integers, *form)

    def _summed(self, steps: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(steps, weight, None, self.stride, self.padding, self.dilation, self.groups)

    def _along_channels(self, vector: Tensor) -> Tensor:
        return vector.reshape(-1, 1, 1)

    def _publish(self, destination: MutableMapping[str, Any], prefix: str, weight: Tensor, bias: Tensor | None) -> None:
        scales = [(name, destination.pop(name)) for name in (f"{prefix}scale", f"{prefix}zero_point")]
        destination.update({f"{prefix}weight": weight, f"{prefix}bias": bias, **dict(scales)})

    def _take_published(self, state: MutableMapping[str, Any], prefix: str) -> Any:
        if state.get(f"{prefix}bias", self) is None:
            del state[f"{prefix}bias"]
        return state.pop(f"{prefix}weight", None)


class Linear(_Weighted):
    """A fully connected layer.

    Args:
        like: The float layer.
        engine: Of the network.
        device: Of the buffers.

    Shape:
        `(N, in_features)` to `(N, out_features)`.
    """

    _version = 3  # by which the layer of torch knows this layout

    def __init__(self, like: nn.Linear, *, engine: str, device: str = "cpu") -> None:
        super().__init__(like.weight.shape, has_bias=like.bias is not None, engine=engine, device=device)
        self.in_features, self.out_features = like.in_features, like.out_features

    def extra_repr(self) -> str:
        """Describe the layer."""
        return f"in_features={self.in_features}, out_features={self.out_features}, {super().extra_repr()}"

    def _pack(self) -> kernels.PackedLinear:
        return kernels.PackedLinear(self.weight(), self.bias, self.scale, self.zero_point, self.engine)

    def _integer_operator(self) -> Callable[[Tensor, int], Tensor]:
        return kernels.integer_product(self.weight_integers)

    def _summed(self, steps: Tensor, weight: Tensor) -> Tensor:
        return F.linear(steps, weight)

    def _along_channels(self, vector: Tensor) -> Tensor:
        return vector

    def _publish(self, destination: MutableMapping[str, Any], prefix: str, weight: Tensor, bias: Tensor | None) -> None:
        packed = f"{prefix}_packed_params"
        destination.update({f"{packed}.dtype": weight.dtype, f"{packed}._packed_params": (weight, bias)})
        if (versions := getattr(destination, "_metadata", None)) is not None:
            versions[packed] = {"version": self._version}

    def _take_published(self, state: MutableMapping[str, Any], prefix: str) -> Any:
        packed = f"{prefix}_packed_params"
        state.pop(f"{packed}.dtype", None)
        weight, bias = state.pop(f"{packed}._packed_params", (None, None))
        for name in (f"{packed}.", prefix):  # where earlier versions had them
            if f"{name}weight" in state:
                weight, bias = state.pop(f"{name}weight"), state.pop(f"{name}bias", None)
        if weight is not None and bias is not None:
            state[f"{prefix}bias"] = bias
        return weight
