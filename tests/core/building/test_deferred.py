"""Deferred initialisation: nothing observable but the time, the memory and the order of random numbers."""

import pytest
import torch
from torch import nn

from zoo_core.building import DeferredInitialization


def test_parameters_wait_and_buffers_do_not():
    with DeferredInitialization() as deferred:
        norm = nn.BatchNorm2d(4)
        norm.weight.data.fill_(3.0)
    assert norm.running_var.tolist() == [1.0] * 4
    deferred.finish(norm.parameters())
    assert norm.weight.tolist() == [3.0] * 4
    assert norm.bias.tolist() == [0.0] * 4


def test_finished_parameters_have_the_distribution_that_they_would_have_had():
    torch.manual_seed(0)
    with DeferredInitialization() as deferred:
        layer = nn.Linear(1000, 100)
        nn.init.normal_(layer.weight, 2.0, 0.5)
    deferred.finish(layer.parameters())
    assert layer.weight.mean().item() == pytest.approx(2.0, abs=0.01)
    assert layer.weight.std().item() == pytest.approx(0.5, abs=0.01)


def test_finishing_twice_changes_nothing():
    with DeferredInitialization() as deferred:
        layer = nn.Linear(10, 10)
    deferred.finish(layer.parameters())
    before = layer.weight.clone()
    deferred.finish(layer.parameters())
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize(
    "read",
    [
        lambda weight: weight.sum(),
        lambda weight: weight.detach().clone().sum(),
        lambda weight: torch.stack([weight[0], weight[1]]).sum(),
        lambda weight: weight.data.sum(),
    ],
    ids=["sum", "clone", "stack", "data"],
)
def test_parameter_that_is_read_inside_has_its_values(read):
    with DeferredInitialization():
        weight = nn.Parameter(torch.empty(3, 4))
        nn.init.constant_(weight, 2.0)
        assert read(weight).item() in {24.0, 16.0}


def test_copying_from_a_parameter_that_waits_copies_its_values():
    with DeferredInitialization() as deferred:
        first, second = nn.Linear(3, 3), nn.Linear(3, 3)
        nn.init.ones_(first.weight)
        with torch.no_grad():
            second.weight.copy_(first.weight)
    deferred.finish([*first.parameters(), *second.parameters()])
    assert torch.equal(second.weight, torch.ones(3, 3))


def test_orthogonal_initialisation_is_right():
    with DeferredInitialization() as deferred:
        weight = nn.Parameter(torch.empty(8, 8))
        nn.init.orthogonal_(weight)
        with torch.no_grad():
            weight.mul_(2.0)
    deferred.finish([weight])
    assert torch.allclose(weight @ weight.T, 4 * torch.eye(8), atol=1e-5)


def test_operations_keep_their_order():
    with DeferredInitialization() as deferred:
        weight = nn.Parameter(torch.empty(5))
        with torch.no_grad():
            weight.fill_(1.0).add_(2.0).mul_(3.0)
            weight[1:].zero_()
    deferred.finish([weight])
    assert weight.tolist() == [9.0, 0.0, 0.0, 0.0, 0.0]


def test_large_parameters_cost_no_random_numbers(monkeypatch):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with DeferredInitialization():
        nn.Conv2d(64, 64, 3)
        nn.Linear(1000, 1000)
    assert torch.equal(torch.get_rng_state(), before)
