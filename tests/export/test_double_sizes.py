"""Sizes of resized pictures in OpenVINO: those of double precision."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from zoo_export.formats._double_sizes import LONGEST, keep_sizes

openvino = pytest.importorskip("openvino")

Sizes = Callable[[Sequence[tuple[int, int]]], list[tuple[int, int]]]
LIMITS = [(800, 1333), (320, 640), (256, 352), (1, 2), (799, 60_000)]
RANDOM = np.random.default_rng(0)


def resized(height: int, width: int, least: int, most: int) -> tuple[int, int]:
    """Return the size in Python's floats."""
    scale = min(least / min(height, width), most / max(height, width))
    return math.trunc(height * scale), math.trunc(width * scale)


def sizes_in_openvino(least: int, most: int, *, kept: bool = True) -> Sizes:
    """Return what computes sizes, as `resized` does, in OpenVINO."""
    from openvino import opset11

    sides = [opset11.parameter([-1], np.int64) for _ in range(2)]
    shorter, longer = opset11.minimum(*sides), opset11.maximum(*sides)
    quotients = [
        opset11.divide(opset11.constant(np.float64(number)), opset11.convert(side, "f64"))
        for number, side in ((least, shorter), (most, longer))
    ]
    scale = opset11.minimum(*quotients)
    products = [opset11.multiply(opset11.convert(side, "f64"), scale) for side in sides]
    found = [opset11.result(opset11.convert(product, "i64")) for product in products]
    model = openvino.Model(found, sides, "sizes")
    if kept:
        keep_sizes(model)
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def compute(sizes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        heights, widths = compiled(list(np.array(sizes, dtype=np.int64).T)).values()
        return list(zip(heights.tolist(), widths.tolist(), strict=True))

    return compute


def pictures() -> list[tuple[int, int]]:
    """Return sizes: all squares, all of two, three and four to one, and any others."""
    sides = range(1, 2001)
    ratios = [(side, side * number) for side, number in itertools.product(sides, (1, 2, 3, 4))]
    others: Any = RANDOM.integers(1, 5000, (20_000, 2)).tolist()
    large: Any = RANDOM.integers(1, LONGEST, (2000, 2)).tolist()
    return [*ratios, *((width, height) for height, width in ratios), *map(tuple, others), *map(tuple, large)]


@pytest.mark.parametrize(("least", "most"), LIMITS)
def test_sizes_are_those_of_double_precision(least: int, most: int) -> None:
    sizes = pictures()
    found = sizes_in_openvino(least, most)(sizes)
    wrong = [
        (size, one, other)
        for size, one in zip(sizes, found, strict=True)
        if one != (other := resized(*size, least, most))
    ]
    assert wrong == []


def test_single_precision_loses_pixels_that_double_precision_has_and_the_other_way_round() -> None:
    single, double = (sizes_in_openvino(256, 352, kept=kept) for kept in (False, True))
    assert (single([(97, 131)]), double([(97, 131)])) == ([(255, 345)], [(256, 345)])
    assert sizes_in_openvino(800, 1333)([(97, 97)]) == [(799, 799)]
