"""Several processes give what one gives, within rounding; statistics and gradients are of all samples."""

import os
import signal
from dataclasses import replace

import pytest
import torch
from torch import nn

from training.worlds import RECIPE, Points, engine, in_processes, network, points, same, timeless, trained
from zoo_training import Batches, InterruptError
from zoo_training import _engine as engine_module
from zoo_training._batch_norm import SynchronizedBatchNorm, put_back, synchronize
from zoo_training.augmentation import mix_batch

DRY = replace(RECIPE, batch_size=7)  # three and four samples


def close(one, other):
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("recipe", [DRY, replace(DRY, ema_decay=0.0, optimizer="sgd")], ids=["average", "sgd"])
def test_unequal_shares_give_the_weights_of_one_process(tmp_path, recipe, count):
    alone, rows = trained(tmp_path / "alone", recipe, model=network(dropout=0.0))

    def together(processes):
        made = engine(tmp_path / "together", recipe, model=network(dropout=0.0), processes=processes)
        journal = made.run()
        torch.save([made.model.state_dict(), timeless(journal.rows)], tmp_path / f"{processes.rank}.pt")
        assert type(made.model[1]) is nn.BatchNorm1d

    in_processes(count, together)
    results = [torch.load(tmp_path / f"{rank}.pt") for rank in range(count)]
    for weights, told in results:
        close(weights, alone)
        assert same(weights, results[0][0])
        for row, other in zip(told, rows, strict=True):
            assert row["losses"]["loss"] == pytest.approx(other["losses"]["loss"], rel=1e-4)
            assert row["metrics"] == pytest.approx(other["metrics"], rel=1e-3)
    assert sorted(path.name for path in (tmp_path / "together").iterdir()) == ["checkpoint.pt", "metrics.jsonl"]


def test_mixed_pairs_give_the_weights_of_one_process(tmp_path):
    recipe = replace(RECIPE, mixup=0.4, epochs=2)

    class Mixed(Points):
        def batch(self, names, examples, generator):
            plain = super().batch(names, examples, generator)
            targets = nn.functional.one_hot(plain.targets, 4).float()
            inputs, targets = mix_batch(plain.inputs[..., None, None], targets, generator, mixup=self.recipe.mixup)
            return replace(plain, inputs=inputs[..., 0, 0], targets=targets)

    def together(processes):
        training = Mixed(points(), recipe)
        made = engine(tmp_path / "together", recipe, training=training, model=network(0.0), processes=processes)
        made.run()
        torch.save(made.model.state_dict(), tmp_path / f"{processes.rank}.pt")

    in_processes(2, together)
    alone, _ = trained(tmp_path / "alone", recipe, training=Mixed(points(), recipe), model=network(0.0))
    close(torch.load(tmp_path / "1.pt"), alone)


def test_a_run_goes_on_in_another_number_of_processes(tmp_path):
    recipe = replace(RECIPE, epochs=4)
    alone, _ = trained(tmp_path / "alone", recipe, model=network(0.0))

    class Asked(Points):
        steps = 0

        def loss(self, model, batch):
            self.steps += 1
            if self.steps == 5:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().loss(model, batch)

    with pytest.raises(InterruptError):
        trained(tmp_path / "run", recipe, training=Asked(points(), recipe), model=network(0.0))

    def together(processes):
        engine(tmp_path / "run", recipe, model=network(0.0), processes=processes).run()

    in_processes(2, together)
    close(trained(tmp_path / "run", recipe, model=network(0.0))[0], alone)


def test_all_stop_after_the_step_in_which_one_is_asked_and_go_on_bit_by_bit(tmp_path):
    class Asked(Points):
        steps, rank = 0, 0

        def loss(self, model, batch):
            self.steps += 1
            if self.steps == 5 and self.rank == 1:
                os.kill(os.getpid(), signal.SIGINT)
            return super().loss(model, batch)

    def together(processes):
        expected = trained(tmp_path / "whole", processes=processes)
        asked = Asked(points(), RECIPE)
        asked.rank = processes.rank
        with pytest.raises(InterruptError, match=r"epoch 2 of 3, after step [23] of 3"):
            trained(tmp_path / "run", training=asked, processes=processes)
        weights, rows = trained(tmp_path / "run", processes=processes)
        assert same(weights, expected[0])
        assert rows == expected[1]

    in_processes(2, together)


def test_a_loss_that_is_not_a_number_in_one_process_is_told_of_in_all(tmp_path):
    class Infinite(Points):
        def example(self, sample, generator):
            point, label = super().example(sample, generator)
            return (point / 0 if sample.name == "point 7" else point), label

    def together(processes):
        with pytest.raises(engine_module.TrainingError, match=r"with the samples point 7\."):
            trained(tmp_path, training=Infinite(points(24), RECIPE), processes=processes)

    in_processes(2, together)


def test_parameters_without_gradients_in_one_process_have_those_of_the_others(tmp_path):
    def together(processes):
        used, unused = (nn.Parameter(torch.zeros(3)) for _ in range(2))
        if processes.rank == 1:
            used.grad = torch.tensor([1.0, 2.0, 3.0])
        processes.add_gradients([used, unused])
        assert used.grad is not None
        assert used.grad.tolist() == [1.0, 2.0, 3.0]
        assert unused.grad is None

    in_processes(2, together)


@pytest.mark.parametrize("make", [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d])
@pytest.mark.parametrize(
    "options", [{}, {"affine": False}, {"momentum": None}, {"track_running_stats": False}], ids=str
)
def test_synchronised_batch_norm_is_batch_norm_of_all_samples(make, options):
    torch.manual_seed(1)
    shape = (5, 3) + {nn.BatchNorm1d: (), nn.BatchNorm2d: (4, 2), nn.BatchNorm3d: (2, 2, 2)}[make]
    inputs, factors = torch.randn(shape) * 3 + 100, torch.randn(shape)

    def passed(model, mine):
        values = inputs[mine].clone().requires_grad_()
        for _ in range(2):
            output = model(values)
        (output * factors[mine]).sum().backward()
        return output, values.grad

    plain = nn.Sequential(make(3, **options))
    expected, gradient = passed(plain, slice(None))

    def together(processes):
        model = nn.Sequential(make(3, **options))
        replaced = synchronize(model)
        assert type(model[0]) is SynchronizedBatchNorm
        mine = slice(0, 2) if processes.rank == 0 else slice(2, 5)
        output, own = passed(model, mine)
        torch.testing.assert_close(output, expected[mine], rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(own, gradient[mine], rtol=1e-3, atol=1e-4)
        processes.add_gradients(list(model.parameters()))
        put_back(model, replaced)
        assert type(model[0]) is make
        torch.testing.assert_close(model.state_dict(), plain.state_dict())
        for one, other in zip(model.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-3)
        close_in_evaluation = model.eval()(inputs), plain.eval()(inputs)
        torch.testing.assert_close(*close_in_evaluation)

    in_processes(2, together)


@pytest.mark.parametrize(("size", "count", "unit"), [(8, 2, 1), (7, 3, 1), (8, 3, 2), (7, 2, 2), (4, 4, 2)])
def test_shares_are_the_whole_batch_and_differ_by_a_unit(size, count, unit):
    whole = list(Batches(20, size, seed=0))
    shares = [list(Batches(20, size, 0, rank, count, unit)) for rank in range(count)]
    for step, keys in enumerate(whole):
        parts = [share[step] for share in shares]
        assert sorted(key for part in parts for key in part) == sorted(keys)
        assert max(map(len, parts)) - min(map(len, parts)) <= unit
        assert all(parts)
        assert all(part.first == keys[0] for part in parts)


def test_more_processes_than_samples_in_a_batch_are_refused():
    with pytest.raises(ValueError, match="5 processes share batches of 4 samples: each needs at least one"):
        Batches(20, 4, 0, 0, 5)
