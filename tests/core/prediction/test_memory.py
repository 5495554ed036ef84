"""A run holds a gibibyte of what waits, whatever the batches, and pictures only where they are drawn."""

import os
import threading
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from limited_memory import output_within
from zoo_core.prediction import Outcome, Predictor, Source, run, stream
from zoo_core.prediction._memory import Budget, bytes_of
from zoo_core.prediction._results import Failure

PREDICT = """
import sys
from zoo_core.cli import main
main(["predict", *sys.argv[1:]])
"""
AS_DETECTORS_DO = """
import sys
from pathlib import Path
import torch
from zoo_core.images import read_image
from zoo_core.prediction import Failure, Predictor, find_sources, stream
from zoo_core.transforms import ObjectDetection

class Whole(Predictor):
    batches = []

    def read(self, paths):
        return read_image(paths[0])

    def preprocess(self, decoded):
        return ObjectDetection()(decoded)

    def predict(self, inputs, sources):
        self.batches.append(len(inputs))
        return [Failure(source, str(tuple(image.shape))) for image, source in zip(inputs, sources)]

sources = find_sources([Path(sys.argv[1])])
shapes = {outcome.error for outcome in stream(Whole(), sources, batch_size=32, workers=2)}
print(shapes, sum(Whole.batches), max(Whole.batches))
"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty photos of 24 megapixels."""
    folder = tmp_path_factory.mktemp("photos")
    Image.new("RGB", (6000, 4000), "green").save(folder / "00.jpg")
    for number in range(1, 40):
        os.link(folder / "00.jpg", folder / f"{number:02}.jpg")
    return folder


def test_forty_photos_in_batches_of_32_take_less_than_4_gibibytes_on_the_command_line(photos: Path) -> None:
    printed = output_within(4, PREDICT, photos, "--batch-size", 32, "--quiet", seconds=300)
    assert len(printed.splitlines()) == 40


@pytest.mark.slow
def test_forty_photos_that_are_drawn_take_less_than_4_gibibytes(photos: Path, tmp_path: Path) -> None:
    output_within(4, PREDICT, photos, "--batch-size", 32, "--quiet", "--save", tmp_path / "drawn", seconds=600)
    assert len(list((tmp_path / "drawn").iterdir())) == 40


def test_models_that_take_whole_photos_get_smaller_batches_of_large_ones(photos: Path) -> None:
    printed = output_within(4, AS_DETECTORS_DO, photos, seconds=300)
    assert printed == "{'(3, 4000, 6000)'} 40 2\n"


class Counting(Predictor[torch.Tensor, torch.Tensor]):
    """Reads tensors of a megabyte, and counts how many bytes of them are alive."""

    def __init__(self) -> None:
        self.read_so_far = 0
        self.most_ahead = 0
        self.predicted = 0
        self.batches: list[int] = []

    def read(self, paths: object) -> torch.Tensor:
        self.read_so_far += 1
        self.most_ahead = max(self.most_ahead, self.read_so_far - self.predicted)
        return torch.zeros(2**18)

    def preprocess(self, decoded: torch.Tensor) -> torch.Tensor:
        return decoded + 1

    def predict(self, inputs: object, sources: object) -> list[Failure]:
        time.sleep(0.02)  # so that readers are ahead
        self.batches.append(len(list(sources)))  # type: ignore[call-overload]
        self.predicted += self.batches[-1]
        return [Failure(str(source), "") for source in sources]  # type: ignore[attr-defined]


def sources(count: int) -> list[Source]:
    return [Source((Path(str(number)),)) for number in range(count)]


@pytest.mark.parametrize("workers", [0, 1, 4])
@pytest.mark.parametrize(("keep_decoded", "in_a_batch"), [(False, 4), (True, 2)])
def test_reading_ahead_waits_and_batches_end_where_there_is_too_much(
    monkeypatch: pytest.MonkeyPatch, workers: int, keep_decoded: bool, in_a_batch: int
) -> None:
    monkeypatch.setattr(Budget.__init__, "__defaults__", (8 * 2**20,))
    predictor = Counting()
    outcomes = run(predictor, sources(50), batch_size=32, workers=workers, keep_decoded=keep_decoded)
    assert [outcome.prediction.source for outcome in outcomes] == list(map(str, range(50)))
    assert max(predictor.batches) == in_a_batch
    assert predictor.most_ahead <= 2 * in_a_batch + max(workers, 1)


@pytest.mark.parametrize("workers", [0, 3])
def test_an_input_that_is_larger_than_all_is_predicted_on(monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setattr(Budget.__init__, "__defaults__", (1000,))
    assert len(list(stream(Counting(), sources(20), batch_size=8, workers=workers))) == 20


def test_a_run_that_is_given_up_ends_though_readers_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Budget.__init__, "__defaults__", (1000,))
    predictions = stream(Counting(), sources(50), batch_size=2, workers=4)
    next(predictions)
    ended = threading.Thread(target=predictions.close)  # type: ignore[attr-defined]
    ended.start()
    ended.join(10)
    assert not ended.is_alive()


def test_what_was_decoded_is_there_only_where_it_is_asked_for() -> None:
    kept: list[list[Outcome[Source, torch.Tensor]]] = [
        list(run(Counting(), sources(3), keep_decoded=keep)) for keep in (True, False)
    ]
    assert all(outcome.decoded is not None for outcome in kept[0])
    assert all(outcome.decoded is None for outcome in kept[1])


def test_bytes_are_counted_once_wherever_they_are() -> None:
    image, grey, tensor = Image.new("RGB", (10, 10)), Image.new("L", (10, 10)), torch.zeros(25)
    assert bytes_of(image, (grey, {"a": tensor}), tensor, None, "text", Source((Path(),))) == 400 + 100 + 100
