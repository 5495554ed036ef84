"""What an optimised model may say otherwise, and what it may not."""

import re
from typing import Any

import pytest
import torch

from zoo_core.inference._checking import BEST, OptimizationError, check_outputs, comparable

CLASSES = torch.arange(1000)


def check(found: Any, expected: Any) -> None:
    check_outputs(comparable(found), comparable(expected), torch.float32)


@pytest.mark.parametrize(
    ("found", "expected", "message"),
    [
        (torch.zeros(2, 3), torch.zeros(3, 2), "outputs of other shapes"),
        ([torch.zeros(2)], [torch.zeros(2), torch.zeros(2)], "outputs of other shapes"),
        ("cat", "dog", "gives 'cat' where the model gives 'dog'"),
        (CLASSES, CLASSES.where(CLASSES % 10 > 0, 7), "10% other integers"),
        (torch.linspace(0, 1, 9), torch.linspace(1, 0, 9), "standard deviations from the model's"),
        (torch.full((2,), float("nan")), torch.ones(2), "differ by nan standard deviations"),
    ],
    ids=["shape", "number", "text", "integers", "floats", "not a number"],
)
def test_what_the_model_does_not_say_is_refused(found: Any, expected: Any, message: str) -> None:
    with pytest.raises(OptimizationError, match=re.escape(message)):
        check(found, expected)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (torch.linspace(0, 1, 9) + 1e-5, torch.linspace(0, 1, 9)),
        (CLASSES, CLASSES.where(CLASSES != 500, 7)),
        (torch.zeros(0, 4), torch.zeros(0, 4)),
        (torch.polar(torch.ones(4), torch.arange(4.0)), torch.polar(torch.ones(4), torch.arange(4.0) + 1e-6)),
        ({"scores": torch.ones(3) + 1e-6, "name": None}, {"scores": torch.ones(3), "name": None}),
    ],
    ids=["floats", "integers", "nothing", "complex", "dictionary"],
)
def test_rounding_is_allowed(found: Any, expected: Any) -> None:
    check(found, expected)


def test_detectors_are_compared_by_their_best_scores_however_many_there_are() -> None:
    scores = torch.linspace(0.9, 0.1, 2 * BEST)
    (few,) = comparable([{"scores": scores[:3]}])
    (many,) = comparable([{"scores": scores.flip(0)}])
    assert torch.equal(few, torch.cat([scores[:3], torch.zeros(BEST - 3)]))
    assert torch.equal(many, scores[:BEST])


def test_outputs_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected tensors, in tuples.*found object"):
        comparable((torch.zeros(2), object()))
