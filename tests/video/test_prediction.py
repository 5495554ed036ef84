"""Predicting what videos show: clips of each, averaged; broken files reported."""

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import nn

from video.encoding import encode, grey_frames
from zoo_core import Preset, Weights, WeightsEnum, get_model_weights
from zoo_core.cli import main
from zoo_core.prediction import Failure, find_sources, run, stream
from zoo_video import r3d_18
from zoo_video.prediction import VideoPredictor

PRESET = Preset("VideoClassification", {"crop_size": (16, 16), "resize_size": (20, 20)})


class BrightnessWeights(WeightsEnum):
    V1 = Weights("https://localhost/none.pth", PRESET, {"categories": ["dark", "bright"], "min_temporal_size": 4})


class Brightness(nn.Module):
    """Gives the logits (darkness, brightness) of clips, and notes their shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(clips.shape))
        bright = clips.mean((1, 2, 3, 4))
        return torch.stack([-bright, bright], 1)


@pytest.fixture
def folder(tmp_path):
    encode(tmp_path / "bright.mp4", [frame * 0 + 240 for frame in grey_frames(12)])
    encode(tmp_path / "dark.webm", [frame * 0 + 10 for frame in grey_frames(5)], codec="libvpx-vp9")
    (tmp_path / "empty.mov").touch()
    return tmp_path


def test_each_video_is_judged_by_the_mean_of_its_clips(folder):
    predictor = VideoPredictor(Brightness(), BrightnessWeights.V1, topk=1, num_clips=3, num_frames=2)
    bright, dark, broken = stream(predictor, find_sources([folder], "videos"))
    assert [bright.top[0].label, dark.top[0].label] == ["bright", "dark"]
    assert isinstance(broken, Failure)
    assert "is empty" in broken.error
    assert predictor.model.shapes == [(3, 3, 4, 16, 16)] * 2  # at least as many frames as the weights need


def test_picture_shows_frames_and_classes(folder):
    predictor = VideoPredictor(Brightness(), BrightnessWeights.V1)
    outcome = next(run(predictor, find_sources([folder / "bright.mp4"], "videos")))
    picture = predictor.draw(outcome.decoded, outcome.prediction)
    assert isinstance(picture, Image.Image)
    assert picture.width >= 4 * 64
    assert min(picture.getpixel((32, 24))) > 230


@pytest.mark.parametrize("argument", ["topk", "num_clips", "num_frames"])
def test_numbers_below_one_are_refused(argument):
    with pytest.raises(ValueError, match=f"{argument} should be at least 1, found 0"):
        VideoPredictor(Brightness(), BrightnessWeights.V1, **{argument: 0})


def test_command_line_predicts_a_video_and_draws_it(folder, publish):
    publish(get_model_weights("r3d_18").DEFAULT, r3d_18().state_dict())
    drawn = folder / "drawn"
    arguments = ["predict", str(folder / "bright.mp4"), "--model", "r3d_18", "--topk", "2", "--save", str(drawn)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("%") == 2
    assert [path.name for path in drawn.iterdir()] == ["bright.png"]
