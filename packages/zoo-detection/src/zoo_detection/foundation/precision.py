"""In what precision operators and losses compute."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def without_autocast(function: Callable[Concatenate[Tensor, P], R]) -> Callable[Concatenate[Tensor, P], R]:
    """Let a function compute in the precision of what it is given, the first argument on the device that counts."""

    @functools.wraps(function)
    def call(tensor: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if not torch.is_autocast_enabled(tensor.device.type):
            return function(tensor, *args, **kwargs)
        with torch.autocast(tensor.device.type, enabled=False):
            return function(tensor, *args, **kwargs)

    return call


def integers_of(numbers: Tensor) -> Tensor:
    """Return what quantised numbers are in steps of their scale, where order and ratios are all that counts.

    Other numbers are returned as they are, and those with a scale for each channel as floating point.
    """
    if not numbers.is_quantized:
        return numbers
    same_scale = numbers.qscheme() in {torch.per_tensor_affine, torch.per_tensor_symmetric}
    return numbers.int_repr() if same_scale else numbers.dequantize()


def widen(numbers: Tensor) -> Tensor:
    """Return numbers in a type that holds the product of two of them."""
    if numbers.is_floating_point():
        return numbers if numbers.dtype in {torch.float32, torch.float64} else numbers.float()
    return numbers if numbers.dtype in {torch.int32, torch.int64} else numbers.int()
