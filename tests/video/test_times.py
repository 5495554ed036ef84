"""Times and sizes as recordings, slides and concatenations have them."""

import warnings
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from PIL import Image

from video.encoding import encode, grey, grey_frames
from video.table import CASES, COUNT, EACH, numbers_of
from zoo_video.io import VideoError, iterate, probe, read_clips, read_frames, read_frames_at, read_video
from zoo_video.io._decoding import Timeline


def case(name, folder):
    """Write one of the table's files."""
    (found,) = [each for each in CASES if str(each) == name]
    return found.write(folder)


def number(frames):
    """Return which of the grey frames these are."""
    known = torch.tensor([grey(each) for each in range(12)])
    return (frames.float().mean((1, 2, 3))[:, None] - known).abs().argmin(1).tolist()


@pytest.mark.parametrize("name", ["ts libx264 bf=2", "ts mpeg2video bf=2", "mpg mpeg2video bf=2"])
def test_recording_that_begins_between_key_frames_begins_with_the_first_that_can_be_decoded(tmp_path, name):
    path = case(name, tmp_path)
    content = path.read_bytes()
    unit = 188 if path.suffix == ".ts" else 2048
    path.write_bytes(content[int(len(content) * 0.35) // unit * unit :])
    with warnings.catch_warnings(action="ignore"):
        video = read_video(path)
        numbers = numbers_of(video.frames)
        assert 0 < numbers[0] < 30
        assert numbers == list(range(numbers[0], COUNT))
        assert video.times.tolist() == pytest.approx([each / 25 for each in range(len(numbers))], abs=2e-3)
        assert numbers_of(read_frames(path, [0, 3]).frames) == [numbers[0], numbers[3]]
        assert numbers_of(read_frames_at(path, [0.0, 0.121]).frames) == [numbers[0], numbers[3]]
        assert numbers_of(read_video(path, start=0.4).frames) == numbers[10:]


@pytest.mark.parametrize("name", ["ts libx264 bf=2", "mpg mpeg2video bf=2"])
def test_times_of_recordings_one_after_the_other_go_on(tmp_path, name):
    path = case(name, tmp_path)
    path.write_bytes(path.read_bytes() * 2)
    with warnings.catch_warnings(record=True, action="always") as caught:
        video = read_video(path)
    expected = "has times that fall, after 1.560 s: they are counted on from there"
    assert any(expected in str(each.message) for each in caught)
    assert numbers_of(video.frames) == [*range(COUNT), *range(COUNT)]
    assert (video.times.diff() > 0).all()
    with warnings.catch_warnings(action="ignore"):
        assert numbers_of(read_frames(path, [COUNT + 5]).frames) == [5]
        assert numbers_of(read_frames_at(path, [video.times[COUNT + 7]]).frames) == [7]
        assert numbers_of(read_video(path, start=video.times[COUNT + 30].item()).frames) == list(range(30, COUNT))


def test_a_time_that_is_guessed_too_early_is_counted_on_and_the_files_own_go_on():
    stated = [0, 1, 2, 1, 2, 5, 6]  # those of the fourth and fifth frame are guesses
    video = SimpleNamespace(format="mpeg", rate=Fraction(25), time_base=Fraction(1, 25), codec=SimpleNamespace())
    timeline = Timeline(video)  # which has no `warn`: nothing is wrong with the file
    times = [timeline.time_of(SimpleNamespace(pts=time)) for time in stated]
    assert times == [number / 25 for number in range(7)]


@pytest.mark.parametrize("seconds", [1, 15, 3600])
@pytest.mark.parametrize("name", ["slow.mkv", "slow.mp4", "slow.webm"])
def test_slow_video_begins_at_0_and_any_of_its_frames_is_found(tmp_path, seconds, name):
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    times = [number * seconds for number in range(6)]
    options = {"bf": "2"} if codec == "libx264" else {}
    path = encode(tmp_path / name, grey_frames(6), codec=codec, times=times, options=options)
    video = read_video(path)
    assert video.times.tolist() == times
    assert number(video.frames) == list(range(6))
    assert number(read_frames_at(path, [0.0, seconds * 2.5, seconds * 4]).frames) == [0, 2, 4]
    assert number(read_video(path, start=seconds * 1.5).frames) == [2, 3, 4, 5]


def slides_gif(path):
    pictures = [Image.new("L", (64, 48), grey(each)) for each in range(3)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[100, 100, 60_000])


def slides_webm(path):
    encode(path, grey_frames(3), codec="libvpx-vp9", times=[0.0, 0.1, 0.2])
    content = bytearray(path.read_bytes())
    position = content.index(b"\x44\x89\x88") + 3  # the duration, in milliseconds
    content[position : position + 8] = np.array(60_000, ">f8").tobytes()
    path.write_bytes(content)


def slides_mov(path):
    encode(path, grey_frames(3), codec="png", pixel_format="rgb24", times=[0.0, 30.0, 90.0])


@pytest.mark.parametrize("write", [slides_gif, slides_webm, slides_mov])
def test_slides_that_are_shown_for_long_are_whole(tmp_path, write):
    path = tmp_path / f"slides.{write.__name__[7:]}"
    write(path)
    with warnings.catch_warnings(action="error"):
        assert number(read_video(path).frames) == [0, 1, 2]
        assert read_clips(path, num_frames=2, num_clips=2).shape == (2, 2, 3, 48, 64)


def test_palette_of_an_avi_is_there_wherever_reading_begins(tmp_path):
    path = case("avi rawvideo", tmp_path)
    assert numbers_of(read_frames(path, [30, 7]).frames) == [30, 7]
    assert numbers_of(read_clips(path, num_frames=1, num_clips=2).flatten(0, 1)) == [0, 39]
    assert numbers_of(read_video(path, start=1.0).frames)[0] == 25


@pytest.fixture(params=["h264", "ts"])
def growing(request, tmp_path):
    """A stream of frames of 64 x 48 pixels, then of 128 x 96."""
    parts = [
        encode(tmp_path / f"part.{request.param}", grey_frames(6, height, width)).read_bytes()
        for height, width in ((48, 64), (96, 128))
    ]
    path = tmp_path / f"growing.{request.param}"
    path.write_bytes(b"".join(parts))
    return path


def test_frames_of_another_size_are_brought_to_that_of_the_first(growing):
    with warnings.catch_warnings(record=True, action="always") as caught:
        video = read_video(growing)
        clips = read_clips(growing, num_frames=4, num_clips=2)
        assert {tuple(frame.image.shape) for frame in iterate(growing)} == {(3, 48, 64)}
        late = read_frames(growing, [11])
    expected = "has frames of several sizes: those of 128 x 96 pixels are brought to the first one's, 64 x 48"
    assert any(expected in str(each.message) for each in caught)
    assert number(video.frames) == [*range(6), *range(6)]
    assert clips.shape == (2, 4, 3, 48, 64)
    torch.testing.assert_close(late.frames[0], video.frames[11])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_title_that_is_not_in_utf_8_hinders_nothing(tmp_path, name):
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Xxxxx"
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for picture in grey_frames(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    content = path.read_bytes()
    assert b"Xxxxx" in content
    path.write_bytes(content.replace(b"Xxxxx", b"\xe9t\xe9\xff\xfe"))
    assert len(read_video(path).frames) == 3
    assert probe(path).width == 64


def test_times_that_leap_are_not_filled_without_end(tmp_path, monkeypatch):
    path = encode(tmp_path / "leap.mkv", grey_frames(3), times=[0.0, 0.1, 40_000.0])
    assert read_video(path).times.tolist() == [0.0, 0.1, 40_000.0]
    monkeypatch.setattr("zoo_video.io._stream.MOST_REPEATED", 100)
    with pytest.raises(ValueError, match="shows one frame for more than 10 s, which may be damage"):
        for _ in iterate(path, frame_rate=10):
            pass


def test_frames_that_avi_leaves_out_keep_their_time(tmp_path):
    times = [0.0, 0.1, 0.4, 0.5, 0.6, 0.7]
    path = encode(
        tmp_path / "a.avi", grey_frames(6), codec="mjpeg", pixel_format="yuvj420p", times=[0, 0.1, 0.4, 0.5, 0.6, 0.7]
    )
    video = read_video(path)
    assert number(video.frames) == list(range(6))
    assert video.times.tolist() == pytest.approx(times)
    assert number(read_frames_at(path, [0.3, 0.55]).frames) == [1, 3]
    assert number(read_frames(path, [2, 5]).frames) == [2, 5]


SIZED = {"mkv", "webm", "avi", "flv", "gif", "wmv", "ts", "mts", "mjpeg", "mpg", "mp4"}


@pytest.mark.parametrize("share", [0.55, 0.9])
@pytest.mark.parametrize("case", [each for each in EACH if each.values[0].suffix in SIZED])
def test_file_that_is_cut_off_is_called_damaged_and_a_whole_one_is_not(tmp_path, case, share):
    path = case.write(tmp_path)
    with warnings.catch_warnings(action="error"):
        assert len(read_video(path).frames) == COUNT
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    for read in (read_video, read_clips):
        with warnings.catch_warnings(record=True, action="always") as caught:
            try:
                frames = read(path)
            except VideoError:  # what says where the frames are is not there
                continue
        assert any("is damaged after" in str(each.message) for each in caught)
        if read is read_video:
            assert numbers_of(frames.frames)[:-3] == list(range(len(frames.frames) - 3))


def test_stream_that_appears_in_the_middle_of_a_file_hinders_nothing(tmp_path):
    path = case("flv libx264 bf=2", tmp_path)
    content = path.read_bytes()
    sound = b"\x08\0\0\x02\0\0\0\0\0\0\0\x2e\xff" + (13).to_bytes(4, "big")
    path.write_bytes(content + sound * 3 + content[-4:])
    with warnings.catch_warnings(action="ignore"):
        for _ in range(20):
            assert numbers_of(read_video(path).frames) == list(range(COUNT))
            assert numbers_of(read_frames(path, [COUNT - 1]).frames) == [COUNT - 1]
