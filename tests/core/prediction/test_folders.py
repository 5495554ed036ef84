"""Whatever is in a folder has its row, and the others go on; what is there under several names comes once a name."""

import json
import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from core.users import public_folder, user
from zoo_core.cli import main
from zoo_core.prediction import Failure, Prediction, Predictor, Source, find_sources, image_files, stream


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one image in it and one in its subfolder, and one elsewhere."""
    for name in ("photos/a.png", "photos/inner/b.png", "elsewhere/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (12, 12), 7).save(tmp_path / name)
    return tmp_path / "photos"


def found(*paths: Path, media: str = "images") -> dict[str, str | None]:
    """Return the sources by their names from the parent folder on, with their problems."""
    start = f"{paths[0].parent}/"
    return {str(source).replace(start, ""): source.problem for source in find_sources(paths, media)}  # type: ignore[arg-type]


def rows(*arguments: object) -> dict[str, str]:
    """Predict; return which inputs have which error, or none."""
    result = CliRunner().invoke(main, ["predict", *map(str, arguments), "--json", "--quiet"])
    assert result.exit_code == 1, result.stderr
    return {Path(row["source"]).name: row.get("error", "") for row in json.loads(result.stdout)}


def test_a_link_to_itself_and_one_to_nothing_have_their_rows(folder: Path) -> None:
    (folder / "self.png").symlink_to("self.png")
    (folder / "lost.png").symlink_to("nowhere.png")
    (folder / "lost folder").symlink_to("nowhere")
    (folder / "self").symlink_to("self")
    (folder / "notes.txt").symlink_to("nowhere.txt")
    errors = rows(folder)
    assert list(errors) == ["a.png", "b.png", "lost folder", "lost.png", "self", "self.png"]
    assert [name for name, error in errors.items() if not error] == ["a.png", "b.png"]
    assert "this link cannot be followed: No such file or directory." in errors["lost.png"]
    assert "this link cannot be followed: Too many levels of symbolic links." in errors["self.png"]


def test_links_that_are_given_by_name_have_their_rows_too(folder: Path) -> None:
    (folder / "self.png").symlink_to("self.png")
    (folder / "lost.png").symlink_to("nowhere.png")
    assert [bool(error) for error in rows(folder / "self.png", folder / "a.png", folder / "lost.png").values()] == [
        True,
        False,
        True,
    ]


def test_what_is_no_file_is_not_waited_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(folder / "pipe.png")
    (folder / "device.png").symlink_to("/dev/zero")
    monkeypatch.chdir(folder)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.png")
        errors = rows(folder)
    assert errors["pipe.png"].endswith("pipe.png: this is a named pipe, and no file.")
    assert "a device" in errors["device.png"]
    assert "a socket" in errors["socket.png"]
    assert (errors["a.png"], errors["b.png"]) == ("", "")


def test_a_folder_under_the_name_of_an_image_is_a_folder(folder: Path) -> None:
    (folder / "album.png").mkdir()
    Image.new("L", (8, 8)).save(folder / "album.png" / "d.png")
    assert "photos/album.png/d.png" in found(folder)


def test_linked_folders_are_followed_once(folder: Path) -> None:
    (folder / "first").symlink_to(folder.parent / "elsewhere")
    (folder / "second").symlink_to(folder.parent / "elsewhere")
    assert list(found(folder)) == ["photos/a.png", "photos/first/c.png", "photos/inner/b.png"]


def test_circles_end_and_files_come_under_their_own_names(folder: Path) -> None:
    (folder / "again").symlink_to(folder)
    (folder / "above").symlink_to(folder.parent)
    (folder / "an inner").symlink_to(folder / "inner")
    (folder.parent / "elsewhere" / "back").symlink_to(folder)
    assert list(found(folder)) == ["photos/a.png", "photos/above/elsewhere/c.png", "photos/inner/b.png"]


def test_a_link_to_a_folder_that_is_given_is_followed(folder: Path) -> None:
    (folder.parent / "link").symlink_to(folder)
    assert list(found(folder.parent / "link")) == ["link/a.png", "link/inner/b.png"]
    assert len(found(folder, folder.parent / "link")) == 4


def test_a_file_under_two_names_has_two_rows(folder: Path) -> None:
    (folder / "link.png").symlink_to(folder / "a.png")
    os.link(folder / "a.png", folder / "same.png")
    assert found(folder) == dict.fromkeys(["photos/a.png", "photos/inner/b.png", "photos/link.png", "photos/same.png"])


class Reading(Predictor[bytes, bytes]):
    """Gives a failure without a reason for every file that can be read."""

    def read(self, paths: Sequence[Path]) -> bytes:
        return paths[0].read_bytes()

    def preprocess(self, decoded: bytes) -> bytes:
        return decoded

    def predict(self, inputs: Sequence[bytes], sources: Sequence[str]) -> list[Prediction]:
        return [Failure(source, "") for source in sources]


def test_closed_folders_and_files_have_their_rows() -> None:
    with public_folder() as top:
        for name in ("a.png", "closed/b.png", "listed/c.png", "z.png"):
            (top / name).parent.mkdir(exist_ok=True)
            (top / name).touch()
        (top / "through").symlink_to(top / "closed" / "inner")
        (top / "z.png").chmod(0)
        (top / "closed").chmod(0)
        (top / "listed").chmod(0o744)
        with user():
            errors = {Path(row.source).name: row.summary() for row in stream(Reading(), find_sources([top]))}
            given = find_sources([top / "closed", top / "closed" / "b.png", top / "a.png"])
            assert [bool(row.summary()) for row in stream(Reading(), given)] == [True, True, False]
    assert errors.pop("a.png") == ""
    assert set(errors) == {"closed", "c.png", "through", "z.png"}
    assert all("Permission denied" in error for error in errors.values())
    assert errors["closed"].endswith("closed: this folder cannot be listed: Permission denied.")


def test_a_folder_that_vanishes_while_it_is_listed_has_its_row(folder: Path) -> None:
    sources = find_sources([folder])
    next(sources)
    (folder / "inner" / "b.png").unlink()
    (folder / "inner").rmdir()
    (gone,) = sources
    assert str(gone) == str(folder / "inner")
    assert gone.problem == "this folder cannot be listed: No such file or directory."


def test_names_that_are_no_utf_8_have_their_rows(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    Image.new("L", (12, 12)).save(folder / name)
    result = CliRunner().invoke(main, ["predict", str(folder), "--json", "--quiet"])
    assert result.exit_code == 0
    assert name in {Path(row["source"]).name for row in json.loads(result.stdout)}


def test_lines_of_pixels_are_predicted_on(folder: Path) -> None:
    Image.new("L", (2000, 1)).save(folder / "line.png")
    Image.new("L", (1, 2000)).save(folder / "column.png")
    result = CliRunner().invoke(main, ["predict", str(folder), "--quiet"])
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 4)


def test_pairs_have_the_reason_of_their_file_and_closed_folders_are_none(folder: Path) -> None:
    (folder / "b.png").symlink_to("nowhere.png")
    os.mkfifo(folder / "c.png")
    pairs = found(folder, media="image pairs")
    assert list(pairs) == ["photos/a.png -> photos/b.png", "photos/b.png -> photos/c.png"]
    first, second = pairs.values()
    assert first == f"{folder / 'b.png'}: this link cannot be followed: No such file or directory."
    assert second == f"{first}; {folder / 'c.png'}: this is a named pipe, and no file."


def test_a_name_that_does_not_exist_is_still_an_error_of_its_own(folder: Path) -> None:
    sources = find_sources([folder / "a.png", folder / "absent.png"])
    assert next(sources) == Source((folder / "a.png",))
    with pytest.raises(FileNotFoundError, match=r"There is no file or folder .*absent\.png"):
        next(sources)


def test_formats_of_registered_openers_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "d.heic").touch()
    assert "photos/d.heic" not in found(folder)
    monkeypatch.setattr("zoo_core.prediction._sources.image_suffixes", lambda: frozenset({".heic"}), raising=True)
    assert list(found(folder)) == ["photos/d.heic"]


def test_image_files_says_what_cannot_be_read(folder: Path) -> None:
    (folder / "lost.png").symlink_to("nowhere.png")
    with pytest.raises(OSError, match=r"lost\.png: this link cannot be followed"):
        list(image_files([folder]))


def test_folders_may_be_as_deep_as_names_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for _ in range(1400):  # a path has 4,096 bytes at most
        os.mkdir("dd")  # noqa: PTH102 # relative to where we are
        os.chdir("dd")
    Path("e.png").touch()
    os.chdir(folder)
    try:
        sources = list(find_sources([folder]))
    finally:
        subprocess.run(["rm", "-r", "dd"], cwd=folder, check=True)  # shutil goes less deep
    assert "File name too long" in next(source.problem for source in sources if source.problem)
    assert [source.paths[0].name for source in sources if not source.problem] == ["a.png", "b.png"]
