"""Pictures of predictions replace nothing but pictures that zoo has drawn of the same source."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image, PngImagePlugin

from zoo_core.cli import main
from zoo_core.images import read_image
from zoo_core.prediction._pictures import picture_drawn_from as drawn_from


def zoo(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo of the user's in a folder, `photos/a.png`."""
    path = tmp_path / "photos" / "a.png"
    path.parent.mkdir()
    Image.new("RGB", (28, 28), "red").save(path)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_photos_are_not_replaced_by_their_pictures_and_these_are_by_newer_ones(photo: Path) -> None:
    before = photo.read_bytes()
    for _ in range(2):
        zoo("predict", photo, "--save", photo.parent)
        assert photo.read_bytes() == before
        assert names(photo.parent) == ["a-2.png", "a.png"]
    assert drawn_from(photo.with_name("a-2.png")) == str(photo)


def test_a_second_run_replaces_pictures_and_one_of_other_sources_does_not(photo: Path, tmp_path: Path) -> None:
    drawn, other = tmp_path / "drawn", tmp_path / "other" / "a.png"
    other.parent.mkdir()
    Image.new("RGB", (400, 28)).save(other)
    zoo("predict", photo, "--save", drawn)
    Image.new("RGB", (500, 28)).save(photo)
    zoo("predict", photo, "--save", drawn)
    zoo("predict", other, "--save", drawn)
    zoo("predict", other, photo, "--save", drawn)
    assert [read_image(drawn / name).width for name in ("a.png", "a-2.png")] == [500, 400]
    assert [drawn_from(drawn / name) for name in ("a.png", "a-2.png")] == [str(photo), str(other)]


def make_text(path: Path) -> None:
    path.write_text("notes")


def make_other_picture(path: Path) -> None:
    Image.new("L", (8, 8)).save(path)


def make_picture_that_says_zoo_of_another(path: Path) -> None:
    facts = PngImagePlugin.PngInfo()
    facts.add_text("Software", "zoo")
    facts.add_itxt("Source", "another.jpg")
    Image.new("L", (8, 8)).save(path, pnginfo=facts)


def make_picture_of_another_program(path: Path) -> None:
    facts = PngImagePlugin.PngInfo()
    facts.add_text("Software", "paint")
    facts.add_itxt("Source", str(path.parent.parent / "photos" / "a.png"))
    Image.new("L", (8, 8)).save(path, pnginfo=facts)


def make_folder(path: Path) -> None:
    path.mkdir()


def make_link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere.png")


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    "make",
    [
        make_text,
        make_other_picture,
        make_picture_that_says_zoo_of_another,
        make_picture_of_another_program,
        make_folder,
        make_link_to_nothing,
        make_pipe,
    ],
)
def test_what_has_the_name_keeps_it(photo: Path, tmp_path: Path, make: Callable[[Path], None]) -> None:
    taken = tmp_path / "drawn" / "a.png"
    taken.parent.mkdir()
    make(taken)
    before = taken.lstat()
    zoo("predict", photo, "--save", taken.parent)
    after = taken.lstat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
    assert names(taken.parent) == ["a-2.png", "a.png"]
    assert drawn_from(taken.with_name("a-2.png")) == str(photo)


def test_a_link_to_a_photo_or_to_a_picture_is_neither_followed_nor_replaced(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "drawn").mkdir()
    zoo("predict", photo, "--save", tmp_path / "elsewhere")
    (tmp_path / "drawn" / "a.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    before = (tmp_path / "elsewhere" / "a.png").stat()
    zoo("predict", photo, "--save", tmp_path / "drawn")
    assert (tmp_path / "drawn" / "a.png").is_symlink()
    assert (tmp_path / "elsewhere" / "a.png").stat().st_mtime_ns == before.st_mtime_ns
    assert drawn_from(tmp_path / "drawn" / "a-2.png") == str(photo)


def test_other_names_of_a_picture_keep_the_older_one(photo: Path, tmp_path: Path) -> None:
    zoo("predict", photo, "--save", tmp_path / "drawn")
    os.link(tmp_path / "drawn" / "a.png", tmp_path / "kept.png")
    before = (tmp_path / "kept.png").read_bytes()
    Image.new("RGB", (60, 28)).save(photo)
    zoo("predict", photo, "--save", tmp_path / "drawn")
    assert (tmp_path / "kept.png").read_bytes() == before != (tmp_path / "drawn" / "a.png").read_bytes()


def test_a_file_system_that_ignores_case_loses_nothing(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There, making a link says that the name is taken, and looking at it finds the other file."""
    (tmp_path / "drawn").mkdir()
    (tmp_path / "drawn" / "A.PNG").write_text("the user's")
    link, look, replace = Path.hardlink_to, Path.lstat, Path.replace

    def real(path: Path) -> Path:
        same = {file.name.lower(): file for file in path.parent.iterdir()} if path.parent.is_dir() else {}
        return same.get(path.name.lower(), path)

    monkeypatch.setattr(Path, "hardlink_to", lambda self, target: link(real(self), target))
    monkeypatch.setattr(Path, "lstat", lambda self: look(real(self)))
    monkeypatch.setattr(Path, "replace", lambda self, target: replace(self, real(Path(target))))
    zoo("predict", photo, "--save", tmp_path / "drawn")
    assert (tmp_path / "drawn" / "A.PNG").read_text() == "the user's"
    assert names(tmp_path / "drawn") == ["A.PNG", "a-2.png"]


def test_where_there_are_no_links_nothing_is_replaced_either(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    before = photo.read_bytes()
    for _ in range(2):
        zoo("predict", photo, "--save", photo.parent)
        assert photo.read_bytes() == before
        assert names(photo.parent) == ["a-2.png", "a.png"]


def test_names_as_long_as_the_file_system_takes_have_pictures(photo: Path, tmp_path: Path) -> None:
    for letters in ("x" * 251, "é" * 125):
        photo.with_name(f"{letters}.png").write_bytes(photo.read_bytes())
    zoo("predict", photo.parent, "--save", photo.parent)
    assert len(names(photo.parent)) == 6


def test_a_name_that_is_no_utf_8_has_a_picture_that_is_known_again(photo: Path, tmp_path: Path) -> None:
    odd = photo.rename(photo.with_name(os.fsdecode(b"\xe9.png")))
    for _ in range(2):
        zoo("predict", odd, "--save", tmp_path / "drawn")
    assert len(names(tmp_path / "drawn")) == 1


def test_no_part_of_a_picture_is_left_where_drawing_fails(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(Image.Image, "save", full)
    result = CliRunner().invoke(main, ["predict", str(photo), "--save", str(tmp_path / "drawn")])
    assert (result.exit_code, "no room" in result.stderr) == (1, True)
    assert names(tmp_path / "drawn") == []
