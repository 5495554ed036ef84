"""Prediction from Python: order, failures, and arguments."""

from itertools import cycle, islice
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

import zoo_core
import zoo_digits
from zoo_core import Preset, Weights, WeightsEnum
from zoo_core.images import read_image
from zoo_core.prediction import (
    ClassificationPredictor,
    Failure,
    PictureFolder,
    Source,
    apply_by_shape,
    find_sources,
    image_files,
    load_predictor,
    predict,
    run,
    stream,
)

PRESET = Preset("ImageClassification", {"crop_size": 4, "resize_size": 4, "mean": (0.5,) * 3, "std": (0.5,) * 3})


SAMPLES = Path(zoo_digits.__path__[0]) / "samples"


class BrightnessWeights(WeightsEnum):
    V1 = Weights("https://localhost/none.pth", PRESET, {"categories": ["dark", "bright"]})


class Brightness(nn.Module):
    """Gives the logits (darkness, brightness), and notes the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(images))
        bright = images.mean([1, 2, 3])
        return torch.stack([-bright, bright], 1) * 10


@pytest.fixture
def predictor():
    return ClassificationPredictor(Brightness(), BrightnessWeights.V1, topk=2)


@pytest.fixture
def folder(tmp_path):
    """Five images, the odd ones bright, the fourth broken; and a file that is no image."""
    for number in range(5):
        Image.new("RGB", (8, 8), "white" if number % 2 else "black").save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_bytes(b"broken")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "inside").mkdir()
    Image.new("L", (8, 8), 255).save(tmp_path / "inside" / "5.JPG")
    return tmp_path


def test_files_of_folders_come_in_order_and_deep(folder):
    names = [path.name for path in image_files([folder / "notes.txt", folder])]
    assert names == ["notes.txt", "0.png", "1.png", "2.png", "3.png", "4.png", "5.JPG"]


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("batch_size", [1, 2, 4, 100])
def test_every_input_gets_one_result_in_order_whatever_the_batches(predictor, folder, batch_size, workers):
    results = list(stream(predictor, find_sources([folder]), batch_size=batch_size, workers=workers))
    labels = [None if isinstance(result, Failure) else result.top[0].label for result in results]
    assert labels == ["dark", "bright", "dark", None, "dark", "bright"]
    assert [result.source for result in results] == [str(path) for path in image_files([folder])]
    assert sum(predictor.model.batches) == 5
    assert max(predictor.model.batches) <= batch_size


def test_failure_says_what_is_wrong_with_the_file(predictor, folder):
    (failure,) = stream(predictor, [Source((folder / "3.png",))])
    assert "3.png" in failure.error
    assert failure.to_dict() == {"source": str(folder / "3.png"), "error": failure.error}


def test_stream_reads_no_further_than_it_is_asked(predictor, folder):
    sources = find_sources([folder])
    next(stream(predictor, sources, batch_size=2))
    assert str(next(sources)).endswith("2.png")


def test_workers_read_two_batches_ahead_and_no_further(predictor, folder):
    sources = find_sources([folder])
    predictions = stream(predictor, sources, batch_size=1, workers=2)
    next(predictions)
    assert [str(source)[-5:] for source in sources] == ["3.png", "4.png", "5.JPG"]
    predictions.close()


def test_probabilities_sum_to_one_and_descend(predictor, folder):
    (result,) = stream(predictor, [Source((folder / "1.png",))])
    scores = [label.score for label in result.top]
    assert sum(scores) == pytest.approx(1)
    assert scores == sorted(scores, reverse=True)
    assert [label.index for label in result.top] == [1, 0]


def test_predictor_puts_the_model_into_evaluation_mode(predictor):
    assert not predictor.model.training


@pytest.mark.parametrize("arguments", [{"topk": 0}, {"topk": -1}])
def test_topk_below_one_is_refused(arguments):
    with pytest.raises(ValueError, match="at least 1"):
        load_predictor("shufflenet_v2_x0_5_digits", **arguments)


@pytest.mark.parametrize("arguments", [{"batch_size": 0}, {"workers": -1}])
def test_batch_size_or_workers_out_of_range_are_refused(predictor, folder, arguments):
    with pytest.raises(ValueError, match="at least"):
        list(stream(predictor, [Source((folder / "1.png",))], **arguments))


def test_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        predict(tmp_path / "absent.png", model="shufflenet_v2_x0_5_digits")


@pytest.mark.parametrize("workers", [0, 2])
def test_what_comes_before_an_error_of_the_sources_is_predicted_before_it(predictor, folder, workers):
    sources = find_sources([folder / "0.png", folder / "1.png", folder / "2.png", folder / "missing.png"])
    predictions = stream(predictor, sources, batch_size=2, workers=workers)
    assert [Path(next(predictions).source).name for _ in range(3)] == ["0.png", "1.png", "2.png"]
    with pytest.raises(FileNotFoundError, match="missing"):
        next(predictions)


def test_predictions_are_streamed_and_files_read_no_further_than_a_few_batches_ahead():
    taken = []

    def samples():
        for sample in cycle(sorted(SAMPLES.iterdir())):
            taken.append(sample)
            yield sample

    predictions = zoo_core.predict.stream(samples(), model="shufflenet_v2_x0_5_digits", batch_size=2, topk=1)
    assert [prediction.source for prediction in islice(predictions, 5)] == list(map(str, taken[:5]))
    assert len(taken) <= 5 + 3 * 2 + 2
    predictions.close()


def test_predicting_all_at_once_gives_what_streaming_gives():
    arguments = {"model": "shufflenet_v2_x0_5_digits", "topk": 1}
    assert predict(SAMPLES, **arguments) == list(predict.stream(SAMPLES, batch_size=3, workers=0, **arguments))


def test_consecutive_files_are_pairs_and_are_named_by_both(folder):
    sources = list(find_sources([folder / "0.png", folder / "1.png", folder / "2.png"], "image pairs"))
    assert [[path.name for path in source.paths] for source in sources] == [["0.png", "1.png"], ["1.png", "2.png"]]
    assert str(sources[0]) == f"{folder / '0.png'} -> {folder / '1.png'}"


def test_no_pair_is_of_two_folders(folder):
    for path in (folder / "inside" / "6.png", folder / "zoo.png"):
        Image.new("L", (8, 8)).save(path)
    given = [folder / "0.png", folder / "1.png", folder, folder / "inside", folder / "2.png", folder / "3.png"]
    pairs = ["-".join(path.stem for path in source.paths) for source in find_sources(given, "image pairs")]
    assert pairs == ["0-1", "0-1", "1-2", "2-3", "3-4", "5-6", "4-zoo", "5-6", "2-3"]


def test_folder_of_videos_gives_its_videos(folder):
    for name in ("a.mp4", "b.MKV", "c.wav"):
        (folder / name).touch()
    assert [source.paths[0].name for source in find_sources([folder], "videos")] == ["a.mp4", "b.MKV"]


class Refusing(Brightness):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if (images > 0).any():
            raise ValueError("no bright images please")
        return super().forward(images)


def test_input_that_the_model_refuses_fails_alone(folder):
    predictor = ClassificationPredictor(Refusing(), BrightnessWeights.V1)
    results = list(stream(predictor, find_sources([folder]), batch_size=6))
    assert [isinstance(result, Failure) for result in results] == [False, True, False, True, False, True]
    assert results[1].error == f"{folder / '1.png'}: no bright images please"


def test_tensors_of_one_shape_go_together_and_come_back_in_order():
    shapes = []

    def negate(batch):
        shapes.append(tuple(batch.shape))
        return -batch

    tensors = [torch.full((size,), float(index)) for index, size in enumerate([2, 3, 2])]
    results = apply_by_shape(negate, tensors)
    assert shapes == [(2, 2), (1, 3)]
    assert all(torch.equal(result, -tensor) for result, tensor in zip(results, tensors, strict=True))


def test_pictures_have_a_name_each_and_failures_have_none(predictor, folder, tmp_path):
    Image.new("RGB", (8, 8)).save(folder / "inside" / "0.jpg")
    sources = list(find_sources([folder]))
    pictures = PictureFolder(tmp_path / "drawn", predictor, sources)
    paths = [pictures.save(outcome) for outcome in run(predictor, sources)]
    assert [path and path.name for path in paths] == ["0.png", "1.png", "2.png", None, "4.png", "0-2.png", "5.png"]
    assert all(read_image(path).height > 8 for path in paths if path)


def test_option_that_a_task_does_not_have_is_refused_with_those_it_has():
    with pytest.raises(ValueError, match="does not take min_score: its prediction takes topk"):
        load_predictor("shufflenet_v2_x0_5_digits", min_score=0.5)


def test_prediction_without_weights_is_refused():
    with pytest.raises(ValueError, match=r"needs weights: choose one of ShuffleNet_V2_X0_5_Digits_Weights\.DIGITS_V1"):
        load_predictor("shufflenet_v2_x0_5_digits", None)
