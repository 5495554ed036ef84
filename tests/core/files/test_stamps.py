"""Stamps: a verified file is hashed once, and again as soon as it may have changed."""

import os

import pytest

from zoo_core.files import Stamps, sha256_of


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "weights.pth"
    file.write_bytes(b"0123456789")
    return file


@pytest.fixture
def hashed(monkeypatch):
    """The paths that have been hashed."""
    paths = []
    monkeypatch.setattr("zoo_core.files.store._stamps.sha256_of", lambda path: paths.append(path) or sha256_of(path))
    return paths


def test_file_is_hashed_once(tmp_path, path, hashed):
    stamps = Stamps(tmp_path / "stamps")
    assert stamps.sha256_of(path) == stamps.sha256_of(path) == sha256_of(path)
    assert hashed == [path]


def test_changed_file_is_hashed_again(tmp_path, path, hashed):
    stamps = Stamps(tmp_path / "stamps")
    before = stamps.sha256_of(path)
    path.write_bytes(b"0123456780")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert stamps.sha256_of(path) != before
    assert hashed == [path, path]


def test_stamp_of_another_path_does_not_count(tmp_path, path, hashed):
    stamps = Stamps(tmp_path / "stamps")
    stamps.sha256_of(path)
    moved = path.rename(tmp_path / "other.pth")
    stamps.sha256_of(moved)
    assert hashed == [path, moved]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sha256": 3}', "null"])
def test_damaged_stamp_is_as_good_as_none(tmp_path, path, hashed, content):
    stamps = Stamps(tmp_path / "stamps")
    stamps.sha256_of(path)
    for stamp in stamps.folder.iterdir():
        stamp.write_text(content)
    assert stamps.sha256_of(path) == sha256_of(path)
    assert len(hashed) == 2


def test_file_that_changes_while_it_is_hashed_gets_no_stamp(tmp_path, path, monkeypatch):
    def hash_and_change(path):
        digest = sha256_of(path)
        path.write_bytes(b"another content")
        return digest

    stamps = Stamps(tmp_path / "stamps")
    monkeypatch.setattr("zoo_core.files.store._stamps.sha256_of", hash_and_change)
    stamps.sha256_of(path)
    assert stamps.read(path) is None


def test_folder_that_cannot_be_written_costs_a_hash_and_nothing_else(tmp_path, path, hashed):
    blocked = tmp_path / "file in the way"
    blocked.touch()
    stamps = Stamps(blocked / "stamps")
    assert stamps.sha256_of(path) == stamps.sha256_of(path) == sha256_of(path)
    assert hashed == [path, path]


@pytest.mark.parametrize("change", ["contents", "another file"])
def test_file_that_changed_since_it_was_hashed_gets_no_stamp(tmp_path, path, change):
    stamps, before = Stamps(tmp_path / "stamps"), path.stat()
    if change == "another file":
        path.rename(tmp_path / "kept")  # so that the number of its inode is not given away again
    path.write_bytes(b"012345678X")
    os.utime(path, ns=(0, before.st_mtime_ns + (change == "contents")))
    stamps.write(path, "0" * 64, before, "a source")
    assert stamps.read(path) is None
