"""Every task: predictors state what they take, and read what is in memory as they read files."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from video.encoding import encode, grey_frames
from zoo_core import get_model_weights, list_models
from zoo_core._registry import all_tasks, task_of
from zoo_core.images import read_image
from zoo_core.prediction import Predictor, find_sources
from zoo_core.prediction._inputs import readable

TASKS = {task.name: task for task in all_tasks()}


def predictor_of(name, **options):
    """Return a task's predictor, without a model, with the weights of the first one that has any."""
    weights = (get_model_weights(model) for model in list_models() if task_of(model).name == name)
    return TASKS[name].predictor_class()(nn.Identity(), next(weights)["DEFAULT"], **options)


@pytest.fixture
def image(tmp_path):
    Image.effect_noise((140, 130), 80).convert("RGB").save(tmp_path / "image.png")
    return tmp_path / "image.png"


def inputs_of(predictor, given):
    """Return what the model would get for each source."""
    for source in find_sources(given, predictor.media):
        yield predictor.preprocess(predictor.read([readable(file, predictor.media) for file in source.files]))


def tensors(value):
    """Return the tensors of a model's input, in any record."""
    if isinstance(value, torch.Tensor):
        return [value]
    return [each for name in value.__slots__ for each in [getattr(value, name)] if isinstance(each, torch.Tensor)]


@pytest.mark.parametrize("name", TASKS)
def test_predictor_takes_what_its_task_states(name):
    assert TASKS[name].predictor_class().media == TASKS[name].media
    assert issubclass(TASKS[name].predictor_class(), Predictor)


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.media != "videos"])
def test_images_in_memory_become_what_their_file_becomes(name, image):
    predictor = predictor_of(name)
    array = np.asarray(read_image(image))
    kinds = [image.read_bytes(), io.BytesIO(image.read_bytes()), Image.open(image), array, array / 255]
    kinds += [torch.tensor(array).permute(2, 0, 1), torch.tensor(array).permute(2, 0, 1) / 255]
    pairs = TASKS[name].media == "image pairs"
    (expected,) = inputs_of(predictor, [(image, image)] if pairs else [image])
    found = list(inputs_of(predictor, [(image, kind) for kind in kinds] if pairs else kinds))
    assert len(found) == len(kinds)
    for one in found:
        assert all(map(torch.equal, tensors(one), tensors(expected)))


def test_videos_in_memory_become_what_their_file_becomes(tmp_path):
    predictor = predictor_of("video")
    path = encode(tmp_path / "clip.mp4", grey_frames(20))
    (expected,) = inputs_of(predictor, [path])
    with path.open("rb") as file:
        found = list(inputs_of(predictor, [path.read_bytes(), io.BytesIO(path.read_bytes()), file]))
    assert len(found) == 3
    assert all(torch.equal(one, expected) for one in found)


def test_frames_in_memory_become_clips_of_consecutive_frames(tmp_path):
    predictor = predictor_of("video", frame_rate=10.0)
    array = np.stack(list(grey_frames(20)))
    path = encode(tmp_path / "clip.avi", array, codec="ffv1", rate=10, pixel_format="bgr0")
    (expected,) = inputs_of(predictor, [path])
    tensor = torch.tensor(array).permute(0, 3, 1, 2)
    found = list(inputs_of(predictor, [array, tensor, array / 255, tensor / 255, tensor[:, :1]]))
    assert len(found) == 5
    assert all(torch.equal(one, expected) for one in found)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Image.new("RGB", (9, 9)), "takes videos, and this is an image"),
        (torch.zeros(3, 8, 9), "give all frames of one video in four dimensions"),
        (torch.zeros(3, 16, 8, 9), r"permute\(1, 0, 2, 3\)"),
        (np.zeros((16, 3, 8, 9), np.uint8), r"transpose\(0, 2, 3, 1\)"),
    ],
    ids=["image", "one frame", "channels before time", "channels first"],
)
def test_other_things_than_videos_say_what_is_taken(wrong, said):
    with pytest.raises(ValueError, match=said):
        readable(wrong, "videos")
