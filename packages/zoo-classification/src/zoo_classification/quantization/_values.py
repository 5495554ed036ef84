"""Activations of int8 networks without the quantised tensors of torch: whole numbers with a scale and a zero point."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from ._arithmetic import as_float32, dequantized, quantized, quantized_evenly, rounded_evenly

SIGMOID_SCALE, SIGMOID_ZERO_POINT = 1 / 256, 0
"""In what torch gives the result of a hard sigmoid, which is never above 1."""


class QuantizedValues:
    """Numbers of 8 bits with their scale: `steps * scale`. Networks use it as they use a tensor of `torch.quint8`.

    Args:
        steps: float32 of any shape, whole numbers from `-zero_point` to `255 - zero_point`: floating point so that all
            devices and runtimes can convolve it, and exactly.
        scale: The size of a step.
        zero_point: Which of the 256 levels is zero.

    Example:
        >>> import torch
        >>> from zoo_classification.quantization import QuantizedValues
        >>> values = QuantizedValues(torch.tensor([-3.0, 0.0, 200.0]), scale=0.5, zero_point=8)
        >>> values.dequantize(), values.int_repr()
        (tensor([ -1.5000,   0.0000, 100.0000]), tensor([  5,   8, 208], dtype=torch.uint8))
    """

    def __init__(self, steps: Tensor, scale: float, zero_point: int) -> None:
        self.steps = steps
        self.scale = scale
        self.zero_point = zero_point
        self._levels: Tensor | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.steps}, scale={self.scale}, zero_point={self.zero_point})"

    @property
    def shape(self) -> torch.Size:
        """The shape."""
        return self.steps.shape

    def dequantize(self) -> Tensor:
        """Return the numbers, float32."""
        return self.steps * self.scale

    def operand(self) -> Tensor:
        """Return the numbers as kernels have them that add them, or apply a function to them."""
        return dequantized(self.steps, self.scale, self.zero_point)

    def int_repr(self) -> Tensor:
        """Return the levels, uint8, as `torch.Tensor.int_repr` does."""
        if self._levels is None:
            self._levels = (self.steps + self.zero_point if self.zero_point else self.steps).to(torch.uint8)
        return self._levels

    def q_scale(self) -> float:
        """Return the size of a step."""
        return self.scale

    def q_zero_point(self) -> int:
        """Return the level that is zero."""
        return self.zero_point

    def like(self, steps: Tensor) -> Self:
        """Return other steps of the same scale."""
        return type(self)(steps, self.scale, self.zero_point)

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Self, ...]:
        """As `torch.Tensor.chunk`."""
        return tuple(map(self.like, self.steps.chunk(chunks, dim)))

    def view(self, *shape: int) -> Self:
        """As `torch.Tensor.view`, of values that lie in memory in any order."""
        return self.like(self.steps.reshape(*shape))

    reshape = view

    def transpose(self, first: int, second: int) -> Self:
        """As `torch.Tensor.transpose`."""
        return self.like(self.steps.transpose(first, second))

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Self:
        """As `torch.Tensor.flatten`."""
        return self.like(self.steps.flatten(start_dim, end_dim))

    def mean(self, dim: Sequence[int]) -> Self:
        """As `torch.Tensor.mean` of quantised values: rounded to a step."""
        numbers = self.dequantize()
        if numbers.dim() == 4:  # as torch's own lie in memory: the order of the sum decides to where a half is rounded
            numbers = numbers.contiguous(memory_format=torch.channels_last)
        return self.like(quantized_evenly(numbers.mean(list(dim)), self.scale, self.zero_point))

    def averaged(self, sums: Tensor, count: int) -> Self:
        """Return sums of so many steps as means of these, rounded to a step."""
        # In a traced or exported program the count may be a symbol, whose reciprocal is not known.
        means = sums * as_float32(1 / count) if type(count) is int else sums / count
        return self.like(rounded_evenly(means, self.zero_point))

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:  # the protocol's signature
        """Do what networks do between their int8 layers."""
        if func not in _FUNCTIONS:
            name = getattr(func, "__name__", str(func))
            raise TypeError(f"{name} is not for quantised values, of which it would need a scale: dequantize() them.")
        return _FUNCTIONS[func](*args, **(kwargs or {}))


def _average_pool(
    values: QuantizedValues, kernel_size: int, stride: int | None = None, padding: int = 0, **options: Any
) -> QuantizedValues:
    count = kernel_size**2
    # Sums by divisor_override=1 would become means in ONNX: PyTorch's converter leaves it out, without a word.
    means = F.avg_pool2d(values.steps, kernel_size, stride, padding, **options)
    return values.averaged(means.mul_(count).round_(), count)


def _average_pool_to(values: QuantizedValues, output_size: int | Sequence[int]) -> QuantizedValues:
    if output_size not in {1, (1, 1)}:
        return values.averaged(F.adaptive_avg_pool2d(values.steps, output_size), 1)  # type: ignore[arg-type]
    height, width = values.shape[-2:]
    return values.averaged(values.steps.sum((-2, -1), keepdim=True), height * width)


def _greatest(values: QuantizedValues, *args: Any, **kwargs: Any) -> QuantizedValues:
    return values.like(F.max_pool2d(values.steps, *args, **kwargs))


def _rectified(values: QuantizedValues, inplace: bool = False) -> QuantizedValues:
    return values.like(values.steps.clamp(min=0))


def _hard_sigmoid(values: QuantizedValues, inplace: bool = False) -> QuantizedValues:
    steps = quantized(F.hardsigmoid(values.operand()), SIGMOID_SCALE, SIGMOID_ZERO_POINT)
    return QuantizedValues(steps, SIGMOID_SCALE, SIGMOID_ZERO_POINT)


def _as_they_are(values: QuantizedValues, *_: Any, **__: Any) -> QuantizedValues:
    return values


_FUNCTIONS: dict[Callable[..., Any], Callable[..., QuantizedValues]] = {
    torch.flatten: QuantizedValues.flatten,
    torch.max_pool2d: _greatest,  # what some versions of F.max_pool2d call themselves
    torch.relu: _rectified,
    F.adaptive_avg_pool2d: _average_pool_to,
    F.avg_pool2d: _average_pool,
    F.dropout: _as_they_are,
    F.hardsigmoid: _hard_sigmoid,
    F.max_pool2d: _greatest,
    F.relu: _rectified,
}
"""What networks call between their int8 layers. Int8 is for prediction: what drops values in training drops none."""
