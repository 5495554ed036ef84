"""Prediction from Python: order, failures, and arguments."""

import pytest
import torch
from PIL import Image
from torch import nn

from zoo_core.prediction import ClassificationPredictor, Failure, image_files, load_predictor, predict, stream
from zoo_core.transforms import ImageClassification


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
    transforms = ImageClassification(crop_size=4, resize_size=4, mean=(0.5,) * 3, std=(0.5,) * 3)
    return ClassificationPredictor(Brightness(), transforms, ["dark", "bright"], topk=2)


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


@pytest.mark.parametrize("batch_size", [1, 2, 4, 100])
def test_every_input_gets_one_result_in_order_whatever_the_batches(predictor, folder, batch_size):
    results = list(stream(predictor, image_files([folder]), batch_size=batch_size))
    labels = [None if isinstance(result, Failure) else result.top[0].label for result in results]
    assert labels == ["dark", "bright", "dark", None, "dark", "bright"]
    assert [result.source for result in results] == [str(path) for path in image_files([folder])]
    assert sum(predictor.model.batches) == 5
    assert max(predictor.model.batches) <= batch_size


def test_failure_says_what_is_wrong_with_the_file(predictor, folder):
    (failure,) = stream(predictor, [folder / "3.png"])
    assert "3.png" in failure.error
    assert failure.to_dict() == {"source": str(folder / "3.png"), "error": failure.error}


def test_stream_reads_no_further_than_it_is_asked(predictor, folder):
    files = image_files([folder])
    next(stream(predictor, files, batch_size=2))
    assert next(files).name == "2.png"


def test_probabilities_sum_to_one_and_descend(predictor, folder):
    (result,) = stream(predictor, [folder / "1.png"])
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


def test_batch_size_below_one_is_refused(predictor, folder):
    with pytest.raises(ValueError, match="at least 1"):
        list(stream(predictor, [folder / "1.png"], batch_size=0))


def test_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        predict(tmp_path / "absent.png", model="shufflenet_v2_x0_5_digits")
