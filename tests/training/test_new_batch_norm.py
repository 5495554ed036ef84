"""Batch normalisation that has seen nothing yet soon has the statistics of the data; any other keeps its pace."""

import pytest
import torch
from torch import nn

from training.worlds import RECIPE, engine
from zoo_training._batch_norm import new_batch_norms

MEAN, VARIANCE = 0.5, 0.29
"""Of the points: corners of a square, and noise."""
STEPS = 9
"""Of a training."""


def slow_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.BatchNorm1d(2, momentum=0.01), nn.Linear(2, 4))


def test_after_few_steps_new_statistics_are_those_of_the_data(tmp_path):
    made = engine(tmp_path / "run", RECIPE, model=slow_network())
    made.run()
    norm = made.model[0]
    torch.testing.assert_close(norm.running_mean, torch.full((2,), MEAN), rtol=0, atol=0.1)
    torch.testing.assert_close(norm.running_var, torch.full((2,), VARIANCE), rtol=0, atol=0.1)


def test_statistics_of_a_trained_network_move_at_its_own_pace(tmp_path):
    model = slow_network()
    model[0].running_mean.fill_(100.0)
    made = engine(tmp_path / "run", RECIPE.but(ema_decay=0.0), model=model, check=lambda _: {"as good as ever": 0.0})
    made.run()
    first_epoch = 0.99 ** (STEPS / RECIPE.epochs)  # the first of equals is kept
    expected = torch.full((2,), 100 * first_epoch + MEAN * (1 - first_epoch))
    torch.testing.assert_close(model[0].running_mean, expected, rtol=0, atol=0.02)


@pytest.mark.parametrize("seen", ["running_mean", "running_var"])
def test_what_has_seen_data_is_not_new(seen):
    model = nn.Sequential(nn.BatchNorm2d(3, momentum=0.03), nn.BatchNorm2d(3), nn.BatchNorm2d(3, momentum=None))
    getattr(model[1], seen)[2] = 0.5
    assert new_batch_norms(model) == {"0": 0.03}


def test_afterwards_each_has_its_own_momentum_again(tmp_path):
    made = engine(tmp_path / "run", RECIPE, model=slow_network())
    made.run()
    assert made.model[0].momentum == 0.01
