"""Whether making a model faster pays: decided on the inputs that are left, listed no further than that takes."""

import math
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import torch
from torch import nn

from zoo_core.prediction import Source
from zoo_core.prediction._upcoming import CALLS, GAIN, Upcoming, inputs_to_pay, optimizing_pays

EXAMPLE = (torch.zeros(1),)


def sources(number: int | None = None) -> Upcoming:
    numbers = count() if number is None else range(number)
    return Upcoming(Source((Path(f"{index}.png"),)) for index in numbers)


def test_what_is_looked_at_comes_once_and_in_order() -> None:
    upcoming = sources(4)
    assert [upcoming.has(number) for number in (2, 4, 5)] == [True, True, False]
    assert [str(source) for source in upcoming] == [f"{index}.png" for index in range(4)]
    assert not upcoming.has(1)


def test_an_error_of_the_listing_comes_when_its_turn_comes() -> None:
    def broken() -> Iterator[Source]:
        yield Source((Path("a.png"),))
        raise FileNotFoundError("b.png")

    upcoming = Upcoming(broken())
    assert not upcoming.has(9)
    assert str(next(upcoming)) == "a.png"
    with pytest.raises(FileNotFoundError, match=r"b\.png"):
        next(upcoming)


def test_few_inputs_do_not_pay_and_the_model_is_not_even_tried() -> None:
    class Untried(nn.Module):
        def forward(self, _: torch.Tensor) -> torch.Tensor:
            raise AssertionError

    assert not optimizing_pays(Untried(), EXAMPLE, 8, sources(10))


def test_fast_models_need_more_inputs_and_listing_ends_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds in (1.0, 0.01):
        monkeypatch.setattr("zoo_core.inference._optimize.seconds_of_call", lambda *_, seconds=seconds: seconds)
        enough = inputs_to_pay(8, seconds)
        assert [optimizing_pays(nn.Identity(), EXAMPLE, 8, sources(n)) for n in (enough - 1, enough)] == [False, True]
        assert optimizing_pays(nn.Identity(), EXAMPLE, 8, sources())
    assert inputs_to_pay(8, math.inf) == math.ceil(8 * CALLS / GAIN) < inputs_to_pay(8, 1.0) < inputs_to_pay(8, 0.01)
