"""Minima and maxima of lengths that may be symbols: a program that was recorded for some holds for all."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from zoo_export import _sizes
from zoo_export._sizes import larger, records_minima, smaller

LENGTHS = (1, 2, 3, 7, 64, 65, 4000)


@pytest.mark.parametrize(("own", "true"), [(smaller, min), (larger, max)])
def test_numbers_are_compared(own: Callable[[int, int], int], true: Callable[[int, int], int]) -> None:
    for one, other in product(LENGTHS, repeat=2):
        assert own(one, other) == true(one, other)


class _Sizes(nn.Module):
    """Returns tensors whose shapes are the minimum and the maximum of height and width, and of each and a constant."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        height, width = images.shape
        return (
            images.new_zeros(smaller(height, width), larger(height, width)),
            images.new_zeros(smaller(height, 50), larger(width, 50)),
        )


@pytest.mark.parametrize("by_division", [False, True])
@pytest.mark.parametrize("example", [(30, 80), (80, 30)])
def test_what_was_recorded_with_one_example_holds_for_others(
    example: tuple[int, int], by_division: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    records_minima()
    if by_division:
        monkeypatch.setattr(_sizes, "records_minima", lambda: False)
    dynamic = ({0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC},)
    program = torch.export.export(_Sizes(), (torch.zeros(example),), dynamic_shapes=dynamic, strict=False).module()
    for height, width in ((30, 80), (80, 30), (40, 40), (2, 3), (90, 20)):
        square, clamped = program(torch.zeros(height, width))
        assert square.shape == (min(height, width), max(height, width))
        assert clamped.shape == (min(height, 50), max(width, 50))
