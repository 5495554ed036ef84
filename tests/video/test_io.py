"""Reading videos that the tests encode themselves."""

import io
import warnings
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from video.encoding import encode, grey, grey_frames, turn
from zoo_core.errors import MediaError
from zoo_video.io import (
    FrameReader,
    VideoError,
    VideoWarning,
    clip_times,
    iterate,
    probe,
    read_clips,
    read_frames,
    read_frames_at,
    read_video,
)

FORMATS = [("libx264", "a.mp4"), ("mpeg4", "a.avi"), ("libvpx-vp9", "a.webm"), ("libx264", "a.mkv"), ("mpeg4", "a.mov")]


def levels(frames):
    """Return the grey level of each frame."""
    return frames.float().mean((1, 2, 3)).tolist()


def numbers(frames):
    """Return which of the grey frames these are."""
    known = [grey(number) for number in range(12)]
    return [min(range(12), key=lambda number: abs(known[number] - level)) for level in levels(frames)]


@pytest.fixture
def clip(tmp_path):
    """Twelve frames, 10 a second, with a key frame at every fifth."""
    return encode(tmp_path / "clip.mp4", grey_frames(12), options={"g": "5", "bf": "2"})


@pytest.mark.parametrize(("codec", "name"), FORMATS)
def test_frames_come_in_order_with_their_times_from_every_codec(tmp_path, codec, name):
    video = read_video(encode(tmp_path / name, grey_frames(12), codec=codec))
    assert (video.frames.shape, video.frames.dtype) == ((12, 3, 48, 64), torch.uint8)
    assert numbers(video.frames) == list(range(12))
    assert video.times.tolist() == pytest.approx([number / 10 for number in range(12)], abs=2e-3)


@pytest.mark.parametrize(("height", "width"), [(47, 65), (17, 33), (2, 2)])
def test_frames_of_odd_sizes_are_whole(tmp_path, height, width):
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, width // 2 :] = 255
    path = encode(tmp_path / "odd.mkv", [pixels] * 3, codec="libx264", pixel_format="yuv444p")
    frames = read_video(path).frames
    assert frames.shape == (3, 3, height, width)
    torch.testing.assert_close(frames[0].permute(1, 2, 0), torch.from_numpy(pixels), rtol=0, atol=6)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_turned_video_comes_upright(tmp_path, quarters):
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:16, :16] = 255  # upper left
    path = turn(encode(tmp_path / "turned.mp4", [pixels] * 2), quarters)
    frames = read_video(path).frames
    expected = torch.rot90(torch.from_numpy(pixels).permute(2, 0, 1), quarters, (1, 2))
    assert frames.shape[1:] == expected.shape
    torch.testing.assert_close(frames[0], expected, rtol=0, atol=12)
    assert (probe(path).height, probe(path).width) == expected.shape[1:]


def test_times_of_a_variable_frame_rate_are_the_files(tmp_path):
    times = [0.0, 0.1, 0.15, 0.7, 0.71, 2.0]
    path = encode(tmp_path / "variable.mkv", grey_frames(6), times=times)
    assert read_video(path).times.tolist() == pytest.approx(times, abs=2e-3)
    sampled = read_video(path, frame_rate=5)
    assert numbers(sampled.frames) == [0, 2, 2, 2, 4, 4, 4, 4, 4, 4, 5]
    assert sampled.times.tolist() == pytest.approx([number / 5 for number in range(11)])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"start": 0.3, "end": 0.6}, [3, 4, 5]),
        ({"start": 0.35}, [4, 5, 6, 7, 8, 9, 10, 11]),
        ({"start": 0.95}, [10, 11]),
        ({"end": 0.1}, [0]),
        ({"end": 99.0}, list(range(12))),
        ({"start": 0.45, "end": 1.0, "frame_rate": 5}, [4, 6, 8]),
        ({"frame_rate": 20, "end": 0.3}, [0, 0, 1, 1, 2, 2]),
        ({"frame_rate": 20, "start": 1.0}, [10, 10, 11, 11]),
        ({"frame_rate": 3}, [0, 3, 6, 10]),
        ({"frame_rate": 0.1}, [0]),
    ],
)
def test_part_of_a_video_is_the_part_that_was_asked_for(clip, arguments, expected):
    assert numbers(read_video(clip, **arguments).frames) == expected


@pytest.mark.parametrize("indices", [[0], [11], [4, 5, 6], [11, 0, 7], [3, 3], list(range(12))])
def test_frames_are_read_by_number_in_any_order(clip, indices):
    video = read_frames(clip, indices)
    assert numbers(video.frames) == indices
    assert video.times.tolist() == pytest.approx([number / 10 for number in indices], abs=2e-3)


def test_frames_are_read_by_time_as_they_are_shown(clip):
    assert numbers(read_frames_at(clip, [0.0, 0.19, 0.2, 5.0, -1.0]).frames) == [0, 1, 2, 11, 0]


def test_frame_that_there_is_not_is_an_error_that_says_how_many_there_are(clip):
    with pytest.raises(ValueError, match="has 12 frames, numbered from 0: found the number 12"):
        read_frames(clip, [3, 12])


def test_clips_are_spread_over_the_video(clip):
    clips = read_clips(clip, num_frames=3, frame_rate=10, num_clips=3)
    assert clips.shape == (3, 3, 3, 48, 64)
    assert [numbers(frames) for frames in clips] == [[0, 1, 2], [4, 5, 6], [9, 10, 11]]


def test_short_video_repeats_its_last_frame(tmp_path):
    path = encode(tmp_path / "one.mp4", grey_frames(1))
    assert numbers(read_video(path).frames) == [0]
    assert read_clips(path, num_frames=16, num_clips=2).shape == (2, 16, 3, 48, 64)


@pytest.mark.parametrize("argument", ["num_frames", "frame_rate", "num_clips"])
def test_clips_of_nothing_are_refused(argument):
    arguments = {"num_frames": 2, "frame_rate": 1.0, "num_clips": 2, argument: 0}
    with pytest.raises(ValueError, match=f"{argument} should be positive"):
        clip_times(1.0, **arguments)


@pytest.mark.parametrize(
    "arguments",
    [{"start": -1.0}, {"start": float("nan")}, {"start": 1.0, "end": 1.0}, {"frame_rate": 0.0}],
)
def test_ranges_that_make_no_sense_are_refused_at_once(arguments):
    with pytest.raises(ValueError, match="found"):
        iterate("not even there.mp4", **arguments)


def test_what_is_made_of_frames_at_times_is_kept_in_the_order_of_the_times(clip):
    times = [0.71, 0.3, 0.32, 99.0, -1.0]
    asked = []

    def keep(frame, places):
        asked.extend(places)
        return levels(frame[None])[0]

    with FrameReader.open(clip) as reader:
        assert reader.map_times(keep, times) == levels(reader.by_time(times).frames)
    assert sorted(asked) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("as_source", [str, Path.read_bytes, lambda path: io.BytesIO(path.read_bytes())])
def test_paths_bytes_and_open_files_are_sources(clip, as_source):
    assert len(read_video(as_source(clip)).frames) == 12
    assert len(read_frames(as_source(clip), [7]).frames) == 1


def test_audio_is_ignored(tmp_path):
    assert numbers(read_video(encode(tmp_path / "a.mp4", grey_frames(5), audio=True)).frames) == [0, 1, 2, 3, 4]


def test_probe_tells_what_the_file_says(clip):
    info = probe(clip)
    assert (info.width, info.height, info.num_frames, info.codec) == (64, 48, 12, "h264")
    assert info.frame_rate == pytest.approx(10, rel=0.02)
    assert info.duration == pytest.approx(1.2, abs=0.11)


def write_audio(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux([*stream.encode(frame), *stream.encode()])


@pytest.mark.parametrize("read", [read_video, probe, read_clips, lambda path: read_frames(path, [0])])
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_text("<html>no video</html>" * 50), "cannot be read as a video"),
        (lambda path: path.mkdir(), "is a folder"),
        (write_audio, "has no video stream; it holds audio"),
    ],
    ids=["empty", "page", "folder", "audio"],
)
def test_what_is_no_video_is_an_error_that_names_the_file(tmp_path, read, make, expected):
    path = tmp_path / "broken.wav"
    make(path)
    with pytest.raises(VideoError, match=expected) as caught:
        read(path)
    assert "broken.wav" in str(caught.value)
    assert isinstance(caught.value, MediaError)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        read_video(tmp_path / "absent.mp4")


def test_video_without_an_index_at_its_end_is_no_video(clip):
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 3])
    with pytest.raises(VideoError, match="cannot be read as a video"):
        read_video(clip)


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv"])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_truncated_video_gives_the_frames_that_are_there(tmp_path, name, share):
    noise = np.random.default_rng(0).integers(0, 255, (40, 48, 64, 3), np.uint8)
    path = encode(tmp_path / name, noise, container_options={"movflags": "faststart"} if name == "cut.mp4" else {})
    with warnings.catch_warnings(action="error"):
        assert len(read_video(path).frames) == 40
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.warns(VideoWarning, match=r"cut.m... is damaged after \d+ frames"):
        frames = read_video(path).frames
    assert 40 * share - 10 < len(frames) < 40 * share + 4


def test_range_without_frames_is_an_error(clip):
    with pytest.raises(VideoError, match="no frames from 50 s to its end"):
        read_video(clip, start=50.0)


@pytest.mark.slow
def test_ten_thousand_frames_take_no_more_memory_than_a_hundred(tmp_path):
    path = encode(tmp_path / "long.mp4", grey_frames(10_000, 96, 96), options={"preset": "ultrafast"})
    sizes = []
    for count, _ in enumerate(iterate(path), start=1):
        if count % 1000 == 100:
            sizes.append(resident())
    assert count == 10_000
    assert max(sizes[1:]) < sizes[1] + 8, sizes


def resident():
    """Return this process's resident memory in MiB."""
    fields = Path("/proc/self/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) / 1024
