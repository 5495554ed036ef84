"""Killed, interrupted, out of room: the run that goes on is the run that was not stopped, bit for bit."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch

from training.worlds import RECIPE, Moments, Points, engine, in_child, points, same, trained, validate
from zoo_core.errors import CheckpointError
from zoo_evaluation.datasets import DatasetError
from zoo_training import InterruptError, TrainingError
from zoo_training import _engine as engine_module


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture
def often(monkeypatch):
    """Checkpoints after each step."""
    monkeypatch.setattr(engine_module, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(engine_module, "CHECKPOINT_SHARE", 1e9)


def test_killed_before_anything_that_is_done_with_files_it_goes_on_bit_by_bit(tmp_path, whole, often):
    def count():
        moments = Moments(tmp_path / "counted")
        trained(tmp_path / "counted")
        (tmp_path / "count").write_text(str(moments.count))

    assert in_child(count) == 0
    number = int((tmp_path / "count").read_text())
    assert number > 30
    for last in range(number):
        folder = tmp_path / f"killed-{last}"

        def killed(folder=folder, last=last):
            Moments(folder, last)
            trained(folder)

        assert in_child(killed) == -signal.SIGKILL
        weights, rows = trained(folder)
        assert same(weights, whole[0])
        assert rows == whole[1]


@pytest.mark.parametrize("step", [1, 4, 8])
def test_killed_within_a_step_it_goes_on_bit_by_bit(tmp_path, whole, often, step):
    class Deadly(Points):
        steps = 0

        def loss(self, model, batch):
            self.steps += 1
            if self.steps == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().loss(model, batch)

    assert in_child(lambda: trained(tmp_path, training=Deadly(points(), RECIPE))) == -signal.SIGKILL
    assert same(trained(tmp_path)[0], whole[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["step", "validation"])
def test_asked_to_stop_it_writes_a_checkpoint_says_how_to_go_on_and_does(tmp_path, whole, where, number):
    class Asked(Points):
        steps = 0

        def loss(self, model, batch):
            self.steps += 1
            if where == "step" and self.steps == 5:
                os.kill(os.getpid(), number)
            return super().loss(model, batch)

    def check(model):
        if where == "validation":
            os.kill(os.getpid(), number)
        return validate(model)

    before = signal.getsignal(number)
    place = "epoch 2 of 3, after step 2 of 3" if where == "step" else "epoch 1 of 3, after step 3 of 3"
    with pytest.raises(InterruptError, match=rf"Stopped in {place}. The same command with --resume goes on"):
        trained(tmp_path, training=Asked(points(), RECIPE), check=check)
    assert signal.getsignal(number) is before
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["progress"]["step"] == int(place[-6])
    weights, rows = trained(tmp_path)
    assert same(weights, whole[0])
    assert rows == whole[1]


def test_asked_a_second_time_within_a_step_it_stops_at_once_and_keeps_the_checkpoint_before(tmp_path, whole):
    class Impatient(Points):
        steps = 0

        def loss(self, model, batch):
            self.steps += 1
            if self.steps == 5:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)
            return super().loss(model, batch)

    with pytest.raises(KeyboardInterrupt) as caught:
        trained(tmp_path, training=Impatient(points(), RECIPE))
    assert not isinstance(caught.value, InterruptError)
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["progress"]["epoch"] == 1
    assert same(trained(tmp_path)[0], whole[0])


def test_a_full_disk_is_told_of_and_the_checkpoint_before_stays(tmp_path, whole, monkeypatch):
    write, count = torch.save, 0

    def full(state, file):
        nonlocal count
        count += 1
        if count == 2:
            file.write(b"half")
            raise OSError(28, "No space left on device")
        write(state, file)

    monkeypatch.setattr(torch, "save", full)
    monkeypatch.setattr(engine_module, "CHECKPOINT_SHARE", 1e9)
    with pytest.raises(OSError, match=r"No space left on device. The one before is kept: make room, and go on"):
        trained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "metrics.jsonl"]
    assert same(trained(tmp_path)[0], whole[0])


def test_a_finished_run_has_nothing_to_do(tmp_path, whole):
    trained(tmp_path)

    class Untouched(Points):
        def loss(self, model, batch):
            raise AssertionError

    weights, rows = trained(tmp_path, training=Untouched(points(), RECIPE))
    assert same(weights, whole[0])
    assert rows == whole[1]


@pytest.mark.parametrize("left", ["", '{"epoch": 1, "los', '{"epoch": 1}\n{"epoch": 2}\n{"epoch": 3}\n{"epoch": 4}\nx'])
def test_the_journal_is_that_of_the_checkpoint_whatever_was_left_in_its_file(tmp_path, whole, left):
    trained(tmp_path)
    (tmp_path / "metrics.jsonl").write_text(left)
    assert trained(tmp_path)[1] == whole[1]
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]


def test_it_stops_without_progress_and_keeps_the_best(tmp_path):
    scores = iter([1.0, 3.0, 2.0, 2.5, 9.0])
    seen = []

    def check(model):
        seen.append({name: value.clone() for name, value in model.state_dict().items()})
        return {"score": next(scores)}

    recipe = replace(RECIPE, epochs=10, patience=2)
    weights, rows = trained(tmp_path, recipe, check=check)
    assert len(rows) == 4
    assert same(weights, seen[1])
    again, _ = trained(tmp_path, recipe, check=check)
    assert same(again, seen[1])
    assert len(seen) == 4


def test_a_metric_that_is_not_a_number_is_never_the_best_after_one_that_is(tmp_path):
    scores = iter([float("nan"), 1.0, float("nan")])
    made = engine(tmp_path, check=lambda _: {"score": next(scores)})
    made.run()
    assert made.progress.best_epoch == 2
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["metrics"]["score"] for line in lines] == [None, 1.0, None]


def test_another_run_is_refused_with_what_differs(tmp_path):
    trained(tmp_path)
    other = replace(RECIPE, lr=0.1, seed=3)
    with pytest.raises(ValueError, match=r"differs in samples, validation samples, lr \(0.05 there, now 0.1\), seed"):
        trained(tmp_path, other, training=Points(points(30), other))


@pytest.mark.parametrize("content", [b"", b"damaged", b"PK\x03\x04"])
def test_a_damaged_checkpoint_is_told_of(tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"checkpoint.pt is damaged, .* Take it away to begin anew"):
        trained(tmp_path)


def test_a_loss_that_is_not_a_number_names_the_sample_at_fault(tmp_path):
    class Infinite(Points):
        def example(self, sample, generator):
            point, label = super().example(sample, generator)
            return (point / 0 if sample.name == "point 7" else point), label

    with pytest.raises(TrainingError, match=r"The loss is not a number in epoch 1, .*with the samples point 7\."):
        trained(tmp_path, training=Infinite(points(24), RECIPE))


def test_a_gradient_that_is_not_a_number_stops_before_it_spoils_the_weights(tmp_path):
    class Steep(Points):
        def loss(self, model, batch):
            return {"loss": (model(batch.inputs) * 0).abs().sqrt().sum()}

    made = engine(tmp_path, training=Steep(points(), RECIPE))
    before = {name: value.clone() for name, value in made.model.named_parameters()}
    with pytest.raises(TrainingError, match="The gradient is not a number in epoch 1, step 1"):
        made.run()
    assert same(before, dict(made.model.named_parameters()))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_sample_that_cannot_be_read_is_named_in_one_line(tmp_path, workers):
    training = Points(points(24), RECIPE)
    training.broken = frozenset({"point 3"})
    with pytest.raises(DatasetError) as caught:
        trained(tmp_path, training=training, workers=workers)
    assert str(caught.value) == "point 3 cannot be trained on: damaged"


def test_a_worker_that_dies_is_told_of(tmp_path):
    class Killed(Points):
        def example(self, sample, generator):
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(TrainingError, match=r"A process that reads samples has gone .*With fewer --workers"):
        trained(tmp_path, training=Killed(points(), RECIPE), workers=1)
