"""The integer arithmetic of int8 networks, in floating point: exact, on every device, in every runtime.

Benoit Jacob, Skirmantas Kligys, Bo Chen, Menglong Zhu, Matthew Tang, Andrew Howard, Hartwig Adam, Dmitry Kalenichenko:
Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2017, arXiv:1712.05877.

A product of 8 bits and 8 bits has 16, and float32 holds all whole numbers to 2^24: sums of up to 2^24 are exact in any
order. What follows is in float32 as in the kernels of torch that published files are for, roundings included.
"""

import struct

import torch
from torch import Tensor

from ._kernels import ROUNDS_TO_EVEN_STEPS

LEVELS = 256
"""Of an activation, 8 bits without a sign."""
EXACT = 1 << 24
"""The whole numbers up to which float32 has them all."""


def as_float32(number: float) -> float:
    """Return the number of single precision that is nearest."""
    rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    return rounded


def quantized(numbers: Tensor, scale: float, zero_point: int, *, is_rectified: bool = False) -> Tensor:
    """Return numbers, which are written over, as steps of `scale` from zero, half a step to the even number of steps.

    Returns:
        Whole numbers, float32.
    """
    return requantized(numbers, as_float32(1 / as_float32(scale)), zero_point, is_rectified=is_rectified)


def quantized_evenly(numbers: Tensor, scale: float, zero_point: int) -> Tensor:
    """Return numbers as steps of `scale` from zero, half a step as this torch rounds it in images and means."""
    factor = as_float32(1 / as_float32(scale))
    if ROUNDS_TO_EVEN_STEPS:
        return (numbers * factor).round_().clamp_(-zero_point, LEVELS - 1 - zero_point)
    levels = _multiplied_and_added(numbers, factor, zero_point)
    return levels.round_().clamp_(0, LEVELS - 1).sub_(zero_point)


def rounded_evenly(steps: Tensor, zero_point: int) -> Tensor:
    """Return steps, which are written over, as whole numbers, half a step as this torch rounds it in means."""
    if ROUNDS_TO_EVEN_STEPS:
        return steps.round_()
    return steps.add_(zero_point).round_().sub_(zero_point)


def dequantized(steps: Tensor, scale: float, zero_point: int) -> Tensor:
    """Return the numbers that steps are, float32, as kernels have them that go on to compute with them."""
    levels = steps + zero_point if zero_point else steps
    return _multiplied_and_added(levels, as_float32(scale), -as_float32(as_float32(scale) * zero_point))


def _multiplied_and_added(numbers: Tensor, factor: float, offset: float) -> Tensor:
    """Multiply and add with a single rounding, on processors that have an instruction for it, as kernels do there."""
    return torch.add(numbers.new_full((), offset), numbers, alpha=factor)


def requantized(sums: Tensor, multiplier: Tensor | float, zero_point: int, *, is_rectified: bool = False) -> Tensor:
    """Multiply sums of products, which are written over, and round them, half a step to the even number.

    Args:
        sums: float32, whole numbers.
        multiplier: How many steps of the result a one is; it has to broadcast with `sums`.
        zero_point: Of the result.
        is_rectified: Whether what is below zero becomes zero.

    Returns:
        Steps of the result, whole numbers, float32.
    """
    lowest = 0 if is_rectified else -zero_point
    return sums.mul_(multiplier).round_().clamp_(lowest, LEVELS - 1 - zero_point)


def multiplier_of(unit: Tensor, scale: float, *, is_whole: bool) -> Tensor:
    """Return how many steps of `scale` a one in sums of products is: `unit` divided by it.

    Args:
        unit: What a one in the sums is.
        scale: Of the result.
        is_whole: Whether it is as qnnpack has it, whose reciprocal is rounded, too.
    """
    return unit * as_float32(1 / as_float32(scale)) if is_whole else unit / as_float32(scale)


def bias_in(unit: Tensor, bias: Tensor, *, is_whole: bool) -> Tensor:
    """Return what is added to sums of products for a bias.

    Args:
        unit: What a one in the sums is.
        bias: float32, of a shape that broadcasts.
        is_whole: Whether it is rounded to a whole number, as qnnpack does and fbgemm does not.
    """
    return (bias * (1 / unit)).round() if is_whole else bias / unit


def largest_sum(width: int, zero_point: int) -> int:
    """Return what a sum of `width` products of an activation and a weight cannot exceed, whatever the weight is."""
    return width * 128 * furthest(zero_point)


def furthest(zero_point: int) -> int:
    """Return how many steps from zero an activation can be."""
    return max(zero_point, LEVELS - 1 - zero_point)
