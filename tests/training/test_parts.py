"""Parts of a training by themselves: the learning rate, the split, the order of samples, the precision."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from training.worlds import RECIPE, Points, network, points
from zoo_training import Batches, learning_rate, make_loader, split_samples
from zoo_training import _precision as precision_module


@pytest.mark.parametrize("steps", [1, 2, 7, 100])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.5, 0.99])
def test_the_learning_rate_grows_to_its_greatest_and_falls(steps, warmup):
    rates = [learning_rate(step, steps, warmup=warmup, final=0.1) for step in range(steps)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) == 1.0
    assert min(rates) > 0


@pytest.mark.parametrize("step", [-1, 10])
def test_there_is_no_learning_rate_beside_the_steps(step):
    with pytest.raises(ValueError, match="There are steps 0 to 9"):
        learning_rate(step, 10)


def test_each_class_is_split_in_proportion():
    labels = [0] * 50 + [1] * 10 + [2] * 2 + [3]
    trained, kept = split_samples(labels, 0.2)
    assert sorted(trained + kept) == list(range(63))
    assert [sum(labels[place] == label for place in kept) for label in range(4)] == [10, 2, 1, 0]


def test_the_split_depends_on_the_seed_alone():
    labels = [0, 1, 2] * 20
    assert split_samples(labels, 0.3, seed=1) == split_samples(labels, 0.3, seed=1)
    assert split_samples(labels, 0.3, seed=1) != split_samples(labels, 0.3, seed=2)


def test_the_split_is_this_one_on_every_machine():
    assert split_samples([0] * 8 + [1] * 4, 0.25, seed=5)[1] == SPLIT


SPLIT = [4, 5, 11]


def test_samples_of_one_class_do_not_move_those_of_another():
    before, after = (split_samples([0] * 20 + [1] * ones, 0.25)[1] for ones in (4, 9))
    assert [place for place in before if place < 20] == [place for place in after if place < 20]


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_a_share_that_leaves_nothing_is_refused(share):
    with pytest.raises(ValueError, match=r"is in \(0, 1\)"):
        split_samples([0, 0], share)


def read(workers, epochs=2, first=0):
    training = Points(points(), RECIPE)
    batches = Batches(27, 8, seed=3)
    batches.begin(0, first)
    loader = make_loader(training, batches, workers)
    return [(batch.names, batch.inputs, batch.targets) for _ in range(epochs) for batch in loader]


def test_the_same_examples_come_whatever_the_number_of_workers():
    alone = read(0)
    assert len(alone) == 6
    for workers in (1, 2):
        for one, other in zip(read(workers), alone, strict=True):
            assert one[0] == other[0]
            assert torch.equal(one[1], other[1])
            assert torch.equal(one[2], other[2])


def test_an_epoch_that_is_begun_in_its_middle_has_the_rest_of_its_batches():
    whole, rest = read(0), read(0, epochs=1, first=1)
    assert [names for names, _, _ in rest] == [names for names, _, _ in whole[1:3]]
    assert all(torch.equal(one[1], other[1]) for one, other in zip(rest, whole[1:3], strict=True))


def test_epochs_have_other_orders_and_other_examples():
    batches = read(0)
    first, second = [sum((names for names, _, _ in part), ()) for part in (batches[:3], batches[3:])]
    assert first != second
    assert len(set(first)) == 24
    assert not set(batches[0][1].flatten().tolist()) & set(
        torch.cat([each[1] for each in batches[3:]]).flatten().tolist()
    )


def test_random_numbers_are_these_ones_in_every_process():
    code = "import torch; from zoo_training._randomness import generator_of as made\n"
    code += "print(torch.randperm(9, generator=made(1, 'x')).tolist())"
    here = torch.randperm(9, generator=precision_module.generator_of(1, "x")).tolist()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(here)


@pytest.mark.parametrize(("speed", "expected"), [(2.0, "bfloat16"), (1.1, "float32"), (0.5, "float32")])
def test_bfloat16_is_chosen_where_it_is_clearly_faster(monkeypatch, speed, expected):
    clock = 0.0

    def step(_training, _model, _batch, name):
        nonlocal clock
        clock += 1.0 if name == "float32" else 1 / speed

    monkeypatch.setattr(precision_module, "_computes_bfloat16", lambda: True)
    monkeypatch.setattr(precision_module, "_step", step)
    monkeypatch.setattr(precision_module.time, "perf_counter", lambda: clock)
    found = precision_module.choose_precision(Points(points(), RECIPE), network(), torch.device("cpu"))
    assert found == expected


def fill_freed_memory(value):
    """Leave a value in the memory that is given out next."""
    for length in (10, 100, 1000, 5000, 20_000, 100_000, 500_000):
        torch.full((length,), value)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv3d(64, 64, (3, 1, 1), padding=(1, 0, 0)), (2, 4, 4)),
        (nn.Conv3d(64, 64, 3, padding=1), (2, 4, 4)),
        (nn.Conv2d(64, 64, 3, stride=2, padding=1), (1, 1)),
        (nn.Conv2d(64, 64, 7, padding=3), (2, 7)),
    ],
)
@pytest.mark.parametrize("left", [float("nan"), 1e30])
def test_what_lies_in_memory_is_no_part_of_gradients_in_bfloat16(layer, shape, left):
    torch.manual_seed(0)
    images = torch.randn(2, 64, *shape)
    layer.zero_grad()
    layer(images).sum().backward()
    expected = layer.weight.grad
    for _ in range(5):
        layer.zero_grad()
        fill_freed_memory(left)
        with precision_module.autocast("bfloat16", torch.device("cpu")):
            result = layer(images)
        fill_freed_memory(left)
        result.sum().backward()
        torch.testing.assert_close(layer.weight.grad, expected, rtol=0, atol=0.02 * expected.abs().max().item())


def test_other_convolutions_are_computed_in_bfloat16():
    with precision_module.autocast("bfloat16", torch.device("cpu")):
        assert nn.Conv2d(3, 4, 3)(torch.ones(1, 3, 3, 9)).dtype == torch.bfloat16
        assert nn.Conv2d(3, 4, 3, padding=1)(torch.ones(1, 3, 2, 9)).dtype == torch.float32
        assert F.conv3d(torch.ones(1, 3, 3, 9, 9), weight=torch.ones(4, 3, 3, 3, 3)).dtype == torch.bfloat16
    with precision_module.autocast("float32", torch.device("cpu")):
        assert nn.Conv2d(3, 4, 3)(torch.ones(1, 3, 3, 9)).dtype == torch.float32


def test_where_bfloat16_is_emulated_nothing_is_timed(monkeypatch):
    monkeypatch.setattr(precision_module, "_computes_bfloat16", lambda: False)
    monkeypatch.setattr(precision_module, "_step", None)
    assert precision_module.choose_precision(Points(points(), RECIPE), network(), torch.device("cpu")) == "float32"


def test_timing_leaves_the_network_as_it_is_and_a_network_without_bfloat16_in_float32(monkeypatch):
    class Refusing(Points):
        def loss(self, model, batch):
            if torch.is_autocast_enabled("cpu"):
                raise NotImplementedError
            return super().loss(model, batch)

    monkeypatch.setattr(precision_module, "_computes_bfloat16", lambda: True)
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    training = Refusing(points(), replace(RECIPE, precision="auto"))
    assert precision_module.choose_precision(training, model, torch.device("cpu")) == "float32"
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_convolutions_are_laid_out_channels_last_and_others_are_not():
    images, lines = nn.Sequential(nn.Conv2d(3, 4, 3)), nn.Sequential(nn.Conv1d(3, 4, 3))
    for model in (images, lines):
        precision_module.lay_out(model)
    assert images[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert lines[0].weight.is_contiguous()
