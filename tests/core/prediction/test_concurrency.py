"""Several batches at once: the same predictions in the same order, whatever fails, and PyTorch's threads as before."""

import threading
from collections.abc import Iterator

import pytest
import torch
from PIL import Image

from zoo_core import load_predictor
from zoo_core.prediction import Failure, PredictionJob, Predictor, Source, batches_at_once, run
from zoo_core.prediction._concurrency import in_order

MODEL = "shufflenet_v2_x0_5_digits"


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_order_and_are_computed_at_once(two_threads: None) -> None:
    together = threading.Barrier(2)
    seen = set()

    def square(number: int) -> int:
        together.wait(timeout=60)  # which one alone would wait for in vain
        seen.add((threading.get_ident(), torch.get_num_threads()))
        return number**2

    assert list(in_order(square, iter(range(6)), 2)) == [(number, number**2) for number in range(6)]
    assert len({ident for ident, _ in seen} - {threading.get_ident()}) == 2
    assert {threads for _, threads in seen} == {1}
    assert torch.get_num_threads() == 2


def test_an_error_of_the_items_comes_after_what_was_before_it_and_one_of_the_function_in_its_turn(
    two_threads: None,
) -> None:
    def broken_off() -> Iterator[int]:
        yield from (1, 2)
        raise OSError("the folder is gone")

    found = in_order(float, broken_off(), 2)
    assert [next(found), next(found)] == [(1, 1.0), (2, 2.0)]
    with pytest.raises(OSError, match="the folder is gone"):
        next(found)

    found = in_order(lambda number: 1 / number, iter([1, 0, 2]), 2)
    assert next(found) == (1, 1.0)
    with pytest.raises(ZeroDivisionError):
        next(found)
    assert torch.get_num_threads() == 2


def test_no_more_items_are_taken_than_are_computed_and_nothing_goes_on_when_it_is_closed(two_threads: None) -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    found = in_order(float, items(), 2)
    next(found)
    next(found)
    assert len(taken) <= 3
    found.close()
    assert len(taken) <= 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("zoo-predict")]
    assert torch.get_num_threads() == 2


def test_images_are_predicted_as_one_after_the_other(two_threads, tmp_path):
    for number in range(12):
        Image.effect_noise((32, 32), 20 * number).save(tmp_path / f"{number:02}.png")
    (tmp_path / "05.png").write_bytes(b"no picture")
    predictor = load_predictor(MODEL)
    sources = [Source((path,)) for path in sorted(tmp_path.glob("*.png"))]
    one, two = (
        [outcome.prediction for outcome in run(predictor, sources, batch_size=2, workers=2, at_once=at_once)]
        for at_once in (1, 2)
    )
    assert [each.source for each in one] == [each.source for each in two]
    assert [isinstance(each, Failure) for each in two] == [number == 5 for number in range(12)]
    for found, expected in zip(two, one, strict=True):
        if not isinstance(expected, Failure):
            assert [each.label for each in found.top] == [each.label for each in expected.top]
            assert found.top[0].score == pytest.approx(expected.top[0].score, rel=1e-4)


def test_a_job_computes_as_many_batches_at_once_as_the_predictor_allows_on_a_processor(two_threads, monkeypatch):
    predictor = load_predictor(MODEL)
    assert batches_at_once(predictor, "cpu", workers=2) == 2
    assert batches_at_once(predictor, "cpu", workers=0) == 1
    assert batches_at_once(predictor, "cuda:0", workers=2) == 1
    with torch.autocast("cpu"):
        assert batches_at_once(predictor, "cpu", workers=2) == 1
    monkeypatch.setattr(type(predictor), "most_at_once", 1)
    assert batches_at_once(predictor, "cpu", workers=2) == 1
    assert Predictor.most_at_once == 1


def test_a_run_over_a_folder_uses_them(two_threads, tmp_path, monkeypatch):
    for number in range(6):
        Image.effect_noise((32, 32), 20 * number).save(tmp_path / f"{number}.png")
    job = PredictionJob(sources=tmp_path, model=MODEL, batch_size=1, workers=2)
    predictor = job.load_predictor()
    threads = set()
    predict = type(predictor).predict

    def noted(self, *arguments):
        threads.add(threading.current_thread().name)
        return predict(self, *arguments)

    monkeypatch.setattr(type(predictor), "predict", noted)
    with job.open_run() as opened:
        assert len(list(opened.predict(predictor))) == 6
    assert all(name.startswith("zoo-predict") for name in threads)
