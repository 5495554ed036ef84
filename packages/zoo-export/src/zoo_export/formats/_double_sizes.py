"""Sizes of resized pictures in OpenVINO, as double precision gives them, which it has not on processors.

Detectors resize a picture to `trunc(length * min(a / shorter, b / longer))`. That is the whole number below the exact
product, unless the product is a whole number itself and double precision takes it to be a little less: 97 * (800 / 97)
is 799.9999999999999. Whole numbers tell the first, and a table of what rounding takes from `a / side` the second.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, reduce
from typing import Any

from ._rewriting import named_after

LONGEST = 1 << 15
"""Pixels of a side up to which rounding is known. Nothing is rounded for this one, nor taken to be for longer ones."""
_BITS = 53
"""Of double precision."""
_ABOVE_INTEGERS = 1 << 31
"""OpenVINO's integers have 32 bits on processors."""


def keep_sizes(model: Any) -> None:  # openvino.Model
    """Let sizes that a model cuts off to whole numbers be what they are in double precision."""
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Convert" or not node.get_output_element_type(0).is_integral():
            continue
        found = _product(node.input_value(0))
        if found is not None:
            length, quotients = found
            with named_after(model, node):
                node.output(0).replace(_truncated(length, quotients, node.get_output_element_type(0)))


@dataclass(frozen=True)
class _Quotient:
    """A number of pixels, divided by the length of a side."""

    pixels: int
    side: Any  # openvino.Output


def _product(value: Any) -> tuple[Any, list[_Quotient]] | None:
    """Return a length, and the quotients whose least it is multiplied by in double precision, if that is what it is."""
    if not _is(value, "Multiply") or value.get_element_type().get_type_name() != "f64":
        return None
    for one, other in ((0, 1), (1, 0)):
        length, factor = (value.get_node().input_value(place) for place in (one, other))
        factors = factor.get_node().input_values() if _is(factor, "Minimum") else [factor]
        quotients = [_quotient(each) for each in factors]
        if _is(length, "Convert") and all(quotients):
            return length.get_node().input_value(0), [each for each in quotients if each is not None]
    return None


def _quotient(value: Any) -> _Quotient | None:
    if not _is(value, "Divide"):
        return None
    pixels, side = value.get_node().input_values()
    if not _is(pixels, "Constant") or not _is(side, "Convert"):
        return None
    number = float(pixels.get_node().get_data().item())
    known = number.is_integer() and 0 < number * LONGEST < _ABOVE_INTEGERS
    return _Quotient(int(number), side.get_node().input_value(0)) if known else None


def _is(value: Any, kind: str) -> bool:
    return bool(value.get_node().get_type_name() == kind)


def _truncated(length: Any, quotients: list[_Quotient], kind: Any) -> Any:  # openvino.Output, openvino.Type
    """Return a length times the least of the quotients, without what comes after the point.

    n is cut off to n - 1 if the quotient was rounded down by a part t / 2⁵³ of it, so that n · t / 2⁵³ is more than
    half of what is between n and the number of double precision before it: n · t > 2ᵉ for n from 2ᵉ to 2ᵉ⁺¹, and half
    of that for 2ᵉ itself, since these numbers are nearer to each other below it.
    """
    import numpy as np
    from openvino import opset11

    zero, one = (opset11.constant(np.array(value, dtype=np.int64)) for value in (0, 1))
    length = opset11.convert(length, "i64")
    pixels, side, lost = _least(quotients)
    product = opset11.multiply(length, pixels)
    whole = opset11.divide(product, side)  # in single precision, which may be one too many or too few
    missing = opset11.subtract(product, opset11.multiply(opset11.add(whole, one), side))
    whole = opset11.add(whole, opset11.convert(opset11.greater_equal(missing, zero), "i64"))
    rest = opset11.subtract(product, opset11.multiply(whole, side))
    whole = opset11.subtract(whole, opset11.convert(opset11.less(rest, zero), "i64"))
    rest = opset11.subtract(product, opset11.multiply(whole, side))

    powers = 2.0 ** np.arange(31, dtype=np.float32)
    number = opset11.convert(whole, "f32")
    reached = opset11.greater_equal(opset11.unsqueeze(number, opset11.constant(-1)), opset11.constant(powers[1:]))
    exponent = opset11.reduce_sum(opset11.convert(reached, "i32"), opset11.constant(-1))
    power = opset11.gather(opset11.constant(powers), exponent, opset11.constant(0))
    half = opset11.constant(np.array(0.5, dtype=np.float32))
    enough = opset11.select(opset11.equal(number, power), opset11.multiply(power, half), power)
    less = opset11.logical_and(opset11.equal(rest, zero), opset11.greater(opset11.multiply(number, lost), enough))
    return opset11.convert(opset11.subtract(whole, opset11.convert(less, "i64")), kind.get_type_name()).output(0)


def _least(quotients: list[_Quotient]) -> tuple[Any, Any, Any]:  # openvino.Node
    """Return pixels and side of the least quotient, and what rounding takes from it."""
    import numpy as np
    from openvino import opset11

    def described(quotient: _Quotient) -> tuple[Any, Any, Any]:
        pixels = opset11.constant(np.array(quotient.pixels, dtype=np.int64))
        side = opset11.convert(quotient.side, "i64")
        known = opset11.minimum(side, opset11.constant(np.array(LONGEST, dtype=np.int64)))
        return pixels, side, opset11.gather(opset11.constant(_lost(quotient.pixels)), known, opset11.constant(0))

    def lesser(one: tuple[Any, Any, Any], other: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        is_less = opset11.less(opset11.multiply(other[0], one[1]), opset11.multiply(one[0], other[1]))
        pixels, side, lost = (opset11.select(is_less, new, old) for new, old in zip(other, one, strict=True))
        return pixels, side, lost

    return reduce(lesser, map(described, quotients))


@cache
def _lost(pixels: int) -> Any:  # NDArray[float32]
    """Return what rounding takes from a number of pixels divided by each length, in parts of 2⁵³ of the quotient."""
    import numpy as np

    lost = [0.0]
    for side in range(1, LONGEST + 1):
        exact = Fraction(pixels, side)
        lost.append(max(0.0, float((exact - Fraction(pixels / side)) / exact * (1 << _BITS))))
    return np.array(lost, dtype=np.float32)
