"""Clips are taken out of videos, changed alike, and learnt from."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drawn_data import MOVES, write_videos
from video.encoding import LEVELS, encode, grey_frames
from zoo_core import Weights, WeightsEnum, get_model_weights
from zoo_core.prediction import Classification, predict
from zoo_core.transforms import VideoClassification
from zoo_evaluation import Dataset, evaluate
from zoo_evaluation.datasets import ClassSample, DatasetError
from zoo_training import Recipe, prepare, train
from zoo_training.tasks.video import VideoTraining

STILL = Recipe(flip=0.0, color=0.0, crop=1.0)
"""Changes neither colours nor sides."""


def entry(**meta: Any) -> WeightsEnum:
    enum: Any = WeightsEnum
    facts = {"categories": ["a", "b"], "clip_len": 4, "frame_rate": 10, "clips_per_video": 2, **meta}
    weights = Weights("", lambda: VideoClassification(crop_size=16, resize_size=(18, 24)), facts)
    member: WeightsEnum = enum("Drawn", {"DEFAULT": weights})["DEFAULT"]
    return member


def dataset(tmp_path: Path, *paths: Path) -> Dataset[ClassSample]:
    samples = tuple(ClassSample(name=path.name, paths=(path,), label=number % 2) for number, path in enumerate(paths))
    return Dataset(layout="drawn", root=tmp_path, samples=samples, categories=("a", "b"))


def training(tmp_path: Path, path: Path, recipe: Recipe = STILL, **meta: Any) -> VideoTraining:
    return VideoTraining(dataset(tmp_path, path), recipe, entry(**meta))


def numbers(frames: torch.Tensor) -> list[int]:
    """Return which frames of `grey_frames` these are, the first twelve of which differ."""
    return [round((float(frame.float().mean()) - 8) / LEVELS) for frame in frames]


def clips(made: VideoTraining, count: int = 20) -> list[list[int]]:
    return [numbers(made.example(made.dataset[0], torch.Generator().manual_seed(seed))[0]) for seed in range(count)]


def test_a_clip_is_frames_at_the_rate_that_the_weights_state(tmp_path: Path) -> None:
    path = encode(tmp_path / "grey.mp4", grey_frames(12), rate=10)
    assert all(found == list(range(found[0], found[0] + 4)) for found in clips(training(tmp_path, path)))
    halved = clips(training(tmp_path, path, frame_rate=5))
    assert all(found == list(range(found[0], found[0] + 8, 2)) for found in halved)


def test_clips_begin_at_any_moment_from_which_a_whole_one_is_left(tmp_path: Path) -> None:
    path = encode(tmp_path / "grey.mp4", grey_frames(12), rate=10)
    begins = {found[0] for found in clips(training(tmp_path, path), 60)}
    assert begins == set(range(8)) or begins == set(range(9))


def test_the_last_frame_of_a_short_video_is_repeated(tmp_path: Path) -> None:
    path = encode(tmp_path / "grey.mp4", grey_frames(3), rate=10)
    assert clips(training(tmp_path, path), 3) == [[0, 1, 2, 2]] * 3


def test_a_recipe_may_have_other_clips_which_the_model_states(tmp_path: Path) -> None:
    path = encode(tmp_path / "grey.mp4", grey_frames(12), rate=10)
    made = training(tmp_path, path, STILL.but(clip_len=3, frame_rate=5.0))
    assert all(found == list(range(found[0], found[0] + 6, 2)) for found in clips(made))
    assert made.facts() == {"clip_len": 3, "frame_rate": 5.0, "clips_per_video": 2}


def test_clips_that_are_too_short_for_a_model_are_refused(tmp_path: Path) -> None:
    path = encode(tmp_path / "grey.mp4", grey_frames(3), rate=10)
    with pytest.raises(ValueError, match="clip_len should be at least 14 for this model, found 8"):
        training(tmp_path, path, STILL.but(clip_len=8), min_temporal_size=14)


def test_frames_that_are_too_small_for_a_model_are_refused(tmp_path: Path) -> None:
    path = encode(tmp_path / "grey.mp4", grey_frames(3), rate=10)
    with pytest.raises(ValueError, match="size should be at least 224 for this model, found 64"):
        training(tmp_path, path, STILL.but(size=64), min_size=[224, 224])


def test_all_frames_are_cut_mirrored_and_coloured_alike(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (6, 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    path = encode(tmp_path / "still.mp4", [picture] * 8, options={"crf": "1"})
    made = training(tmp_path, path, Recipe(flip=0.5, color=0.5, crop=0.3))
    seen = [made.example(made.dataset[0], torch.Generator().manual_seed(seed))[0].int() for seed in range(6)]
    for clip in seen:
        assert (clip - clip[0]).abs().float().mean() < 3
    assert min(float((one - two).abs().float().mean()) for one, two in itertools.pairwise(seen)) > 10


def test_a_batch_has_channels_before_frames_as_the_preprocessing_makes_it(tmp_path: Path) -> None:
    picture = np.full((18, 24, 3), (200, 100, 50), np.uint8)
    path = encode(tmp_path / "still.mp4", [picture] * 5)
    made = training(tmp_path, path)
    batch = made.batch(["a"], [made.example(made.dataset[0], torch.Generator())], torch.Generator())
    assert batch.inputs.shape == (1, 3, 4, 16, 16)
    expected = made.preset(torch.from_numpy(picture).permute(2, 0, 1).expand(4, -1, -1, -1))
    assert (batch.inputs[0] - expected).abs().mean() < 0.05


def test_the_size_of_a_recipe_scales_the_saved_models_preprocessing(tmp_path: Path) -> None:
    path = encode(tmp_path / "grey.mp4", grey_frames(5), rate=10)
    made = training(tmp_path, path, STILL.but(size=32))
    assert made.preset.crop_size == [32, 32]
    assert made.preset.resize_size == [36, 48]
    assert made.example(made.dataset[0], torch.Generator())[0].shape == (4, 3, 32, 32)


def test_a_file_that_is_no_video_is_named_before_training(tmp_path: Path) -> None:
    good = encode(tmp_path / "good.mp4", grey_frames(3))
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(DatasetError, match=r"(?s)1 of 2 videos .* cannot be read.*bad\.mp4"):
        VideoTraining.check(dataset(tmp_path, good, tmp_path / "bad.mp4"), dataset(tmp_path, good))


def test_a_class_without_videos_is_named_as_such(tmp_path: Path) -> None:
    good = encode(tmp_path / "good.mp4", grey_frames(3))
    with pytest.raises(DatasetError, match="has no videos to train on of b"):
        VideoTraining.check(dataset(tmp_path, good), dataset(tmp_path, good))


def test_a_trained_network_is_a_model_that_predicts_and_is_measured(tmp_path: Path) -> None:
    write_videos(tmp_path / "moves", 2)
    recipe = {"size": 16, "clip_len": 2, "epochs": 1, "batch_size": 2, "validation": 0.5, "ema_decay": 0.0}
    run = train("mc3_18", tmp_path / "moves", recipe, output=tmp_path / "run", weights=None, workers=0)
    meta = get_model_weights(run.name)["DEFAULT"].meta
    assert meta["categories"] == sorted(MOVES)
    assert (meta["clip_len"], meta["frame_rate"], meta["clips_per_video"]) == (2, 15, 5)
    (found,) = predict([tmp_path / "moves" / "up" / "000.mp4"], model=run.name)
    assert isinstance(found, Classification)
    assert {label.label for label in found.top} == set(MOVES)
    assert 0 <= evaluate(run.name, tmp_path / "moves")["acc@1"] <= 100


def test_clips_that_a_network_does_not_take_are_refused_before_training(tmp_path: Path) -> None:
    for name in ("a/0.mp4", "a/1.mp4", "b/2.mp4", "b/3.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        encode(tmp_path / name, grey_frames(3))
    with pytest.raises(ValueError, match="MViT does not take videos of 224 x 224 pixels: clips should be 16 frames"):
        prepare("mvit_v1_b", tmp_path, {"clip_len": 32}, weights=None)
