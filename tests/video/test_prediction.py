"""Predicting what videos show: clips of each, averaged; broken files reported."""

import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import nn

from video.encoding import encode, grey_frames
from zoo_core import Preset, Weights, WeightsEnum, get_model_weights
from zoo_core.cli import main
from zoo_core.prediction import Failure, PredictionJob, find_sources, run, stream
from zoo_video import r3d_18
from zoo_video.prediction import VideoPredictor

PRESET = Preset("VideoClassification", {"crop_size": (16, 16), "resize_size": (20, 20)})


class BrightnessWeights(WeightsEnum):
    V1 = Weights("https://localhost/none.pth", PRESET, {"categories": ["dark", "bright"], "min_temporal_size": 4})


class ShortClipsWeights(WeightsEnum):
    V1 = Weights(
        "https://localhost/none.pth",
        PRESET,
        {"categories": ["dark", "bright"], "frame_rate": 7.5, "clip_len": 6, "clips_per_video": 4},
    )


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


def test_videos_in_memory_are_predicted_on_and_draw_themselves_as_their_files(folder):
    predictor = VideoPredictor(Brightness(), BrightnessWeights.V1)
    path = folder / "bright.mp4"
    (outcome,) = run(predictor, find_sources([path], "videos"))
    expected = predictor.draw(outcome.decoded, outcome.prediction).tobytes()
    with path.open("rb") as file:
        found = predictor(
            [path.read_bytes(), file, file, torch.full((9, 3, 48, 64), 240, dtype=torch.uint8)], workers=2
        )
        assert [one.source for one in found] == [f"<video {number}>" for number in (1, 2, 3, 4)]
        assert all(one.top[0].label == "bright" for one in found)
        assert [one.draw().tobytes() for one in found[:3]] == [expected] * 3
    assert min(found[3].draw().getpixel((32, 24))) > 230
    assert outcome.prediction.draw().tobytes() == expected


@pytest.mark.parametrize(
    ("weights", "options", "clips"),
    [
        (BrightnessWeights.V1, {}, (5, 16, 15.0)),
        (ShortClipsWeights.V1, {}, (4, 6, 7.5)),
        (ShortClipsWeights.V1, {"num_clips": 2}, (2, 6, 7.5)),
        (ShortClipsWeights.V1, {"num_frames": 3, "frame_rate": 2.0}, (4, 3, 2.0)),
    ],
)
def test_clips_are_the_entrys_own_unless_told_otherwise(weights, options, clips):
    predictor = VideoPredictor(Brightness(), weights, **options)
    assert (predictor.num_clips, predictor.num_frames, predictor.frame_rate) == clips


def test_many_clips_go_through_the_model_a_few_at_once():
    predictor = VideoPredictor(Brightness(), BrightnessWeights.V1, topk=2)
    clips = torch.rand(7, 3, 32, 4, 4, generator=torch.Generator().manual_seed(0))
    found = predictor.predict([clips], ["a"])[0].top
    assert [shape[0] for shape in predictor.model.shapes] == [2, 2, 2, 1]
    alone = Brightness()(clips).softmax(1).mean(0)
    assert [label.score for label in found] == pytest.approx(sorted(alone.tolist(), reverse=True))


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_frame_rates_that_are_none_are_refused(rate):
    with pytest.raises(ValueError, match="frame_rate should be a positive number of frames a second"):
        VideoPredictor(Brightness(), BrightnessWeights.V1, frame_rate=rate)


def test_results_tell_with_which_clips_they_were_made():
    own = PredictionJob(sources=(), model="mvit_v2_s")
    assert own.made_by.endswith("frame_rate=7.5, num_clips=5, num_frames=16, topk=5")
    others = PredictionJob(sources=(), model="mvit_v2_s", options={"num_clips": 10})
    assert others.made_by.endswith("frame_rate=7.5, num_clips=10, num_frames=16, topk=5")


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
    arguments = [
        "predict",
        str(folder / "bright.mp4"),
        "--model",
        "r3d_18",
        "--topk",
        "2",
        "--save",
        str(drawn),
        "--num-clips",
        "2",
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("%") == 2
    assert [path.name for path in drawn.iterdir()] == ["bright.png"]


def test_models_that_take_other_media_are_named(folder):
    """A video for a model that takes images, and the other way round."""
    result = CliRunner().invoke(main, ["predict", str(folder / "bright.mp4"), "--quiet"])
    assert result.exit_code == 1
    assert "`zoo list --task video`; single frames (--every N)" in result.stderr
    (folder / "only").mkdir()
    (folder / "bright.mp4").rename(folder / "only" / "bright.mp4")
    result = CliRunner().invoke(main, ["predict", str(folder / "only"), "--quiet"])
    assert result.exit_code == 2
    assert "There are videos, such as" in result.stderr
    assert "`zoo list --task video`" in result.stderr
