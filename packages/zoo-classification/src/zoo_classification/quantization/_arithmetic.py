"""The integer arithmetic of int8 networks, in floating point: exact, on every device, in every runtime.

Benoit Jacob, Skirmantas Kligys, Bo Chen, Menglong Zhu, Matthew Tang, Andrew Howard, Hartwig Adam, Dmitry Kalenichenko:
Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2017, arXiv:1712.05877.

A product of 8 bits and 8 bits has 16, and float32 holds all whole numbers to 2^24: sums of up to 2^24 are exact in any
order. What follows is in float32 as in the kernels of torch that published files are for, roundings included.
"""

import struct

from torch import Tensor

LEVELS = 256
"""Of an activation, 8 bits without a sign."""
EXACT = 1 << 24
"""The whole numbers up to which float32 has them all."""


def as_float32(number: float) -> float:
    """Return the number of single precision that is nearest."""
    rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    return rounded


def quantized(numbers: Tensor, scale: float, zero_point: int) -> Tensor:
    """Return numbers, which are written over, as steps of `scale` from zero, half a step to the even number of steps.

    Returns:
        Whole numbers, float32.
    """
    return requantized(numbers, as_float32(1 / as_float32(scale)), zero_point)


def quantized_evenly(numbers: Tensor, scale: float, zero_point: int) -> Tensor:
    """Return numbers as steps of `scale` from zero, half a step to the even level.

    So torch quantises images and means; it multiplies, and adds the zero point, with a single rounding.
    """
    wide = numbers.double() if numbers.device.type == "cpu" else numbers  # not everywhere is there such precision
    levels = (wide * as_float32(1 / as_float32(scale)) + zero_point).float()
    return levels.round_().clamp_(0, LEVELS - 1).sub_(zero_point)


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


def added_bias(sums: Tensor, bias: Tensor, unit: Tensor, *, is_whole: bool) -> Tensor:
    """Add a bias to sums of products, which are written over.

    Args:
        sums: float32, whole numbers.
        bias: float32, of a shape that broadcasts.
        unit: What a one in `sums` is.
        is_whole: Whether the bias is rounded to a whole number, as qnnpack does and fbgemm does not.
    """
    return sums.add_((bias * (1 / unit)).round() if is_whole else bias / unit)


def largest_sum(width: int, zero_point: int) -> int:
    """Return what a sum of `width` products of an activation and a weight cannot exceed, whatever the weight is."""
    return width * 128 * furthest(zero_point)


def furthest(zero_point: int) -> int:
    """Return how many steps from zero an activation can be."""
    return max(zero_point, LEVELS - 1 - zero_point)
