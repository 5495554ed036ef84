"""What a video may take: pixels of a frame, memory of a call, and none that lasts."""

import textwrap

import numpy as np
import pytest
import torch

from limited_memory import output_within
from video.encoding import encode, grey_frames
from zoo_core import Preset, Weights, WeightsEnum, get_model_weights
from zoo_core.transforms import VideoClassification
from zoo_video import r3d_18
from zoo_video.io import (
    FrameReader,
    Limits,
    VideoError,
    iterate,
    probe,
    read_clips,
    read_frames,
    read_frames_at,
    read_video,
)
from zoo_video.io._container import VideoFile
from zoo_video.prediction import SHOWN_SIDE, VideoPredictor

PRESETS = [((128, 171), 112), ([256], 224), ((20, 20), 16)]


class ClipWeights(WeightsEnum):
    V1 = Weights(
        "https://localhost/none.pth",
        Preset("VideoClassification", {"crop_size": (112, 112), "resize_size": (128, 171)}),
        {"categories": ["a", "b"]},
    )


@pytest.fixture
def clip(tmp_path):
    return encode(tmp_path / "clip.mp4", grey_frames(12))


@pytest.mark.parametrize(
    "read",
    [read_video, probe, read_clips, lambda source: read_frames(source, [0]), lambda source: next(iterate(source))],
)
@pytest.mark.parametrize(
    ("codec", "name"), [("libx264", "a.mp4"), ("libx264", "a.ts"), ("png", "a.mov"), ("gif", "a.gif")]
)
def test_frames_of_too_many_pixels_are_refused_with_the_way_to_raise_the_limit(
    tmp_path, monkeypatch, read, codec, name
):
    pixels = {"png": "rgb24", "gif": "rgb8"}.get(codec, "yuv420p")
    path = encode(tmp_path / name, grey_frames(3), codec=codec, pixel_format=pixels)
    monkeypatch.setenv("ZOO_VIDEO_PIXELS", str(48 * 64))
    read(path)
    monkeypatch.setenv("ZOO_VIDEO_PIXELS", str(48 * 64 - 1))
    with pytest.raises(VideoError, match=r"more than (the )?3071 .*environment variable ZOO_VIDEO_PIXELS sets another"):
        read(path)


def test_frames_that_become_too_large_are_not_decoded(tmp_path, monkeypatch):
    parts = [encode(tmp_path / "a.ts", grey_frames(6, size, size)).read_bytes() for size in (48, 96)]
    monkeypatch.setenv("ZOO_VIDEO_PIXELS", str(48 * 48))
    with pytest.raises(VideoError, match="cannot be read as a video"):
        read_video(b"".join(parts))


def test_clips_that_take_too_much_memory_are_refused_before_they_are_made(clip, monkeypatch):
    monkeypatch.setenv("ZOO_VIDEO_MEMORY", str(20 * 3 * 48 * 64))
    assert len(read_clips(clip, num_frames=4, num_clips=5)) == 5
    expected = (
        "frames of 64 x 48 pixels take .* GiB, more than the .* GiB that the environment variable ZOO_VIDEO_MEMORY"
    )
    with pytest.raises(VideoError, match=expected):
        read_clips(clip, num_frames=7, num_clips=3)
    with pytest.raises(VideoError, match=expected):
        read_frames(clip, [0, 1] * 11)
    with pytest.raises(VideoError, match=expected):
        read_video(clip, frame_rate=100)
    assert sum(1 for _ in iterate(clip, frame_rate=100)) > 100


@pytest.mark.parametrize("name", ["ZOO_VIDEO_PIXELS", "ZOO_VIDEO_MEMORY", "ZOO_VIDEO_SECONDS"])
@pytest.mark.parametrize("value", ["-1", "0", "many", "nan", "inf"])
def test_limit_that_is_no_number_is_named(clip, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=f"{name} should be a positive number, found '{value}'"):
        read_video(clip)
    assert Limits.from_environment({}) == Limits()


def test_clips_of_one_frame_take_the_memory_of_one(tmp_path):
    path = encode(tmp_path / "one.mp4", grey_frames(1))
    clips = read_clips(path)
    assert clips.shape == (5, 16, 3, 48, 64)
    assert clips.untyped_storage().nbytes() == 3 * 48 * 64
    assert read_frames_at(path, [0.0, 1.0]).frames.shape == (2, 3, 48, 64)


@pytest.mark.parametrize(("resize", "crop"), PRESETS)
@pytest.mark.parametrize("count", [1, 12, 100])
def test_frames_made_small_one_by_one_are_those_of_whole_clips(tmp_path, resize, crop, count):
    noise = np.random.default_rng(0).integers(0, 255, (count, 60, 90, 3), np.uint8)
    path = encode(tmp_path / "noise.mp4", noise)
    preset = VideoClassification(crop_size=crop, resize_size=resize)

    class OfThis(WeightsEnum):
        V1 = Weights(
            "https://localhost/none.pth",
            Preset("VideoClassification", {"crop_size": crop, "resize_size": resize}),
            {"categories": ["a", "b"]},
        )

    predictor = VideoPredictor(torch.nn.Identity(), OfThis.V1)
    inputs = predictor.preprocess(predictor.read([path]))
    expected = preset(read_clips(path))
    assert torch.equal(inputs, expected)
    assert inputs.stride() == expected.stride()


def test_preset_that_may_mix_frames_gets_whole_clips(clip):
    class Mean(torch.nn.Module):
        def forward(self, clips):
            assert clips.shape == (5, 16, 3, 48, 64)
            return (clips.float() - clips.float().mean((1, 2, 3, 4), keepdim=True)).transpose(1, 2)

    predictor = VideoPredictor(torch.nn.Identity(), ClipWeights.V1)
    predictor.transforms, predictor._takes_whole_clips = Mean(), True
    assert predictor.read([clip]).inputs.shape == (5, 3, 16, 48, 64)


def test_what_is_kept_of_a_video_does_not_depend_on_the_size_of_its_frames(tmp_path):
    path = encode(tmp_path / "large.mp4", grey_frames(4, 1080, 1920), options={"preset": "ultrafast"})
    decoded = VideoPredictor(torch.nn.Identity(), ClipWeights.V1, num_clips=2, num_frames=3).read([path])
    assert decoded.inputs.shape == (2, 3, 3, 112, 112)
    assert [picture.size for picture in decoded.shown] == [(SHOWN_SIDE, 288)] * 4


def test_each_frame_is_mapped_once_and_knows_its_places(clip):
    seen = []
    with FrameReader.open(clip) as reader:
        found = reader.map_clips(
            lambda frame, places: seen.append(list(places)) or frame.float().mean(),
            num_frames=3, frame_rate=10, num_clips=6,
        )  # fmt: skip
    assert len(found) == 18
    assert sorted(place for places in seen for place in places) == list(range(18))
    assert len(seen) < 18


def limited(code, *arguments, gibibytes=4, seconds=300):
    """Run Python in a process that may have so much memory."""
    return output_within(gibibytes, textwrap.dedent(code), *arguments, seconds=seconds)


@pytest.fixture(scope="module")
def huge(tmp_path_factory):
    """A few kilobytes with a frame of 8192 x 8192 pixels."""
    path = tmp_path_factory.mktemp("huge") / "huge.mkv"
    return encode(path, [np.zeros((8192, 8192, 3), np.uint8)], options={"preset": "ultrafast"})


def test_one_huge_frame_is_read_within_4_gibibytes(huge):
    assert huge.stat().st_size < 200_000
    code = """
        import sys
        from zoo_video.io import *
        from zoo_video.prediction import VideoPredictor
        from zoo_core import Preset, Weights, WeightsEnum
        import torch

        path = sys.argv[1]
        assert read_clips(path).shape == (5, 16, 3, 8192, 8192)

        class OfThis(WeightsEnum):
            V1 = Weights("https://localhost/none.pth", Preset("VideoClassification",
                {"crop_size": (112, 112), "resize_size": (128, 171)}), {"categories": ["a", "b"]})

        print(VideoPredictor(torch.nn.Identity(), OfThis.V1).read([path]).inputs.shape)
    """
    assert limited(code, huge) == "torch.Size([5, 3, 16, 112, 112])\n"


def test_too_little_memory_is_an_error_of_the_video(huge):
    code = """
        import sys
        from zoo_video.io import *

        try:
            read_clips(sys.argv[1], num_frames=1, num_clips=1)
        except VideoError as error:
            print(error)
    """
    assert "memory" in limited(code, huge, gibibytes=1)


@pytest.mark.slow
def test_folder_of_large_clips_is_predicted_within_4_gibibytes(tmp_path, publish):
    publish(get_model_weights("r3d_18").DEFAULT, r3d_18().state_dict())
    folder = tmp_path / "clips"
    folder.mkdir()
    first = encode(folder / "0.mp4", grey_frames(60, 1080, 1920), rate=30, options={"preset": "ultrafast"})
    for number in range(1, 24):
        (folder / f"{number}.mp4").hardlink_to(first)
    member = get_model_weights("r3d_18").DEFAULT
    code = """
        import sys
        from zoo_core import Weights, get_model_weights
        from zoo_core.cli import main

        member = get_model_weights("r3d_18").DEFAULT
        member._value_ = Weights(sys.argv.pop(2), member.transforms, member.meta)
        main(["predict", sys.argv[1], "--model", "r3d_18", "--topk", "1", "--quiet"])
    """
    assert limited(code, folder, member.url, seconds=600).count("%") == 24


def test_closing_in_the_middle_hangs_not_where_a_program_asked_for_ffmpegs_log(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (1080, 1920, 3), np.uint8)
    pictures = [np.roll(noise, 8 * number, 1) for number in range(12)]
    path = encode(tmp_path / "large.mp4", pictures, options={"preset": "ultrafast"})
    code = """
        import sys
        import av
        from zoo_video.io import *

        av.logging.set_level(av.logging.DEBUG)
        for _ in range(4):
            probe(sys.argv[1])
            frames = iterate(sys.argv[1])
            next(frames)
            frames.close()
            read_frames(sys.argv[1], [1])
        print("done")
    """
    assert limited(code, path, seconds=60) == "done\n"


class Noted:
    """Stands for a decoder or a container, and notes what is called."""

    def __init__(self, calls):
        self._calls = calls

    def __getattr__(self, name):
        return lambda: self._calls.append(name)


def test_decoder_is_idle_before_it_is_closed():
    video, calls = VideoFile.__new__(VideoFile), []
    video.codec = video.container = Noted(calls)
    video.close()
    assert calls == ["flush_buffers", "close"]
