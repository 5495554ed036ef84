"""Frames of videos through models that take images, and drawn frames as a video."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from video.encoding import encode, grey, grey_frames
from zoo_core.cli import main
from zoo_video.frames import drawn_from, iterate_frames, write_frames

DIGITS = "shufflenet_v2_x0_5_digits"


def zoo(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["predict", *map(str, arguments)])


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder with a video of 25 frames, one a tenth of a second, and one that is none."""
    (tmp_path / "clips").mkdir()
    encode(tmp_path / "clips" / "a.mp4", grey_frames(25))
    (tmp_path / "clips" / "b.mp4").write_bytes(b"no video")
    return tmp_path / "clips"


def test_each_tenth_frame_is_read_with_its_number_and_time(clips: Path) -> None:
    frames = list(iterate_frames(clips / "a.mp4", every=10))
    assert [number for number, _, _ in frames] == [0, 10, 20]
    assert [time for _, time, _ in frames] == pytest.approx([0.0, 1.0, 2.0])
    for number, _, image in frames:
        assert image.convert("L").getpixel((30, 20)) == pytest.approx(grey(number), abs=6)
    with pytest.raises(ValueError, match="every is a number of frames"):
        next(iterate_frames(clips / "a.mp4", every=0))


def test_pictures_become_a_video_of_the_first_ones_size_in_their_time(tmp_path: Path) -> None:
    path = tmp_path / "drawn.mp4"
    video = write_frames(path, "clip.mov")
    for time, size in ((0.0, (33, 21)), (0.5, (33, 21)), (2.0, (66, 42))):
        video.add(Image.new("RGB", size, "red"), time)
    video.close()
    frames = list(iterate_frames(path))
    assert [time for _, time, _ in frames] == pytest.approx([0.0, 0.5, 2.0])
    assert {image.size for _, _, image in frames} == {(34, 22)}
    red, green, _ = frames[2][2].getpixel((10, 10))  # type: ignore[misc]
    assert red > 200 > 60 > green
    assert drawn_from(path) == "clip.mov"


def test_what_zoo_has_not_drawn_says_so(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(clips / "a.mp4")
    assert [drawn_from(path) for path in (clips / "a.mp4", clips / "b.mp4", clips, tmp_path / "link.mp4")] == [None] * 4


def test_frames_have_rows_and_their_video_is_drawn(clips: Path, tmp_path: Path) -> None:
    output, drawn = tmp_path / "rows.jsonl", tmp_path / "drawn"
    arguments = (clips, "--every", "10", "-o", output, "--save", drawn, "--no-optimize")
    result = zoo(*arguments)
    assert (result.exit_code, "1 of 5 inputs could not be read" in result.stderr) == (1, True)
    assert [str(row["source"]).removeprefix(f"{clips}/") for row in rows(output)] == [
        "a.mp4#frame=0",
        "a.mp4#frame=10",
        "a.mp4#frame=20",
        "a.mp4",
        "b.mp4",
    ]
    assert rows(output)[3]["frames"] == 3
    assert [image.height > 48 for _, _, image in iterate_frames(drawn / "a.mp4")] == [True] * 3
    again = zoo(*arguments)
    assert "nothing is left to do" in again.stderr
    assert [path.name for path in drawn.iterdir()] == ["a.mp4"]


def test_a_video_that_was_stopped_goes_on_and_is_drawn_as_a_whole(clips: Path, tmp_path: Path) -> None:
    output, drawn = tmp_path / "rows.jsonl", tmp_path / "drawn"
    arguments = (clips / "a.mp4", "--every", "10", "-o", output, "--no-optimize", "--save", drawn)
    assert zoo(*arguments).exit_code == 0
    whole = output.read_text()
    output.write_text("".join(line for line in whole.splitlines(keepends=True)[:2]))
    assert zoo(*arguments).exit_code == 0
    assert output.read_text() == whole
    assert len(list(iterate_frames(drawn / "a.mp4"))) == 3
    assert [path.name for path in drawn.iterdir()] == ["a.mp4"]  # it was zoo's own


def test_another_step_between_frames_is_another_run(clips: Path, tmp_path: Path) -> None:
    output = tmp_path / "rows.jsonl"
    assert zoo(clips / "a.mp4", "--every", "10", "-o", output).exit_code == 0
    other = zoo(clips / "a.mp4", "--every", "5", "-o", output)
    assert (other.exit_code, "every=10, and this run is" in other.stderr) == (2, True)


def test_only_models_that_take_single_images_take_frames(clips: Path) -> None:
    result = zoo(clips, "--every", "10", "--model", "r3d_18")
    assert result.exit_code == 2
    assert "every is for models that take single images: r3d_18 takes videos" in result.stderr


def test_what_to_install_is_said_where_videos_cannot_be_read(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "zoo_video.frames", raising=False)
    monkeypatch.setitem(sys.modules, "av", None)
    result = zoo(clips, "--every", "10")
    assert (result.exit_code, "pip install zoo-video" in result.stderr) == (2, True)
