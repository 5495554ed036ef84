"""Where a small file of zoo's own is expected, anything may be: it is passed over with its reason, and at once."""

import hashlib
import json
import os
import random
from pathlib import Path

import pytest

from servers import FileServer, HubServer
from zoo_core.errors import ManifestError, SourceError
from zoo_core.files import Manifest, Settings, file_of_url, read_lock, resolve
from zoo_core.files.manifests._on_disk import manifest_if_here, read_manifest
from zoo_core.files.manifests._small_file import read_small_file
from zoo_core.files.sources._named import parse_mirror

CONTENT = random.Random(5).randbytes(20_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = f"model-{SHA256[:8]}.pth"
ENTRY = "Model_Weights.V1"
NESTED = f"{ENTRY}/{NAME}"
REPO = "org/weights"
SURROGATE = json.dumps({"format": "zoo-manifest", "version": 1, "files": {"\ud800.pth": {"sha256": "0" * 64}}}).encode()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def not_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00" * 10)


ODD = [pipe, device, folder, loop, large, not_text]


@pytest.fixture
def good():
    """Where the file is published."""
    with FileServer({f"/{NAME}": CONTENT}) as server:
        yield file_of_url(ENTRY, f"{server.url}/{NAME}")


@pytest.mark.parametrize("odd", ODD)
def test_manifest_of_a_folder_that_is_something_else_is_passed_over_with_its_reason(good, monkeypatch, tmp_path, odd):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    odd(mirror / "manifest.json")
    monkeypatch.setenv("ZOO_MIRRORS", str(mirror))
    assert resolve(good, progress=False).source == good.url
    with pytest.raises(SourceError, match=r"the manifest of .* cannot be read"):
        parse_mirror(str(mirror)).manifest(Settings.from_environment())


@pytest.mark.parametrize("odd", ODD)
def test_manifest_in_a_cache_that_is_something_else_is_left_aside_and_logged(tmp_path, caplog, odd):
    odd(tmp_path / "manifest.json")
    assert not manifest_if_here(tmp_path / "manifest.json", "the manifest").files
    assert "cannot be read" in caplog.text


@pytest.mark.parametrize("odd", [pipe, device, folder])
def test_lock_file_that_is_something_else_is_refused(tmp_path, odd):
    odd(tmp_path / "zoo.lock")
    with pytest.raises(ManifestError):
        read_lock(tmp_path / "zoo.lock")


def test_manifest_that_is_not_there_is_none(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "no", tmp_path / "file" / "manifest.json", tmp_path / ("x" * 300)):
        assert not read_manifest(path, "the manifest").files


@pytest.mark.parametrize("odd", [pipe, device])
def test_what_is_no_regular_file_is_not_read(tmp_path, odd):
    odd(tmp_path / "file")
    with pytest.raises(OSError, match="Not a regular file"):
        read_small_file(tmp_path / "file", 100)


def test_small_file_that_grows_while_it_is_read_is_read_no_further(monkeypatch, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(100))
    assert read_small_file(path, 100) == bytes(100)
    status = path.stat()
    path.write_bytes(bytes(200))
    monkeypatch.setattr(os, "fstat", lambda _: status)
    with pytest.raises(OSError, match="grows"):
        read_small_file(path, 100)


@pytest.mark.parametrize("odd", ODD)
def test_damaged_note_of_a_branch_is_passed_over_with_its_reason(good, monkeypatch, caplog, odd):
    check_damaged_note(good, monkeypatch, caplog, odd)


@pytest.mark.parametrize("text", ["", "..", "../../../..", "/etc", "a/b", "\x00", "x" * 300, "\ud800", "\x1b[2J", "."])
def test_note_of_a_branch_that_names_no_commit_is_passed_over(good, monkeypatch, caplog, text):
    def write(path: Path) -> None:
        path.write_bytes(text.encode("utf-8", "surrogatepass"))

    check_damaged_note(good, monkeypatch, caplog, write)


def check_damaged_note(good, monkeypatch, caplog, damage):
    with HubServer() as hub:
        hub.add_repo(REPO, {NESTED: CONTENT})
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}")
        path = resolve(good, progress=False).path
        note = Settings.from_environment().hub_cache / "models--org--weights" / "refs" / "main"
        note.unlink()
        damage(note)
        monkeypatch.setenv("ZOO_OFFLINE", "1")
        assert resolve(good, progress=False).path == path
        assert str(note) in caplog.text
        assert all(line.isprintable() for line in caplog.text.splitlines())


def test_note_under_the_name_of_a_commit_does_not_lead_to_another(good, monkeypatch):
    with HubServer() as hub:
        pinned = hub.add_repo(REPO, {NESTED: CONTENT})
        other = hub.add_commit(REPO, {NESTED: CONTENT[::-1]})
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}@{pinned}")
        path = resolve(good, progress=False).path
        refs = Settings.from_environment().hub_cache / "models--org--weights" / "refs"
        refs.mkdir(exist_ok=True)
        (refs / pinned).write_text(other)
        monkeypatch.setenv("ZOO_OFFLINE", "1")
        assert resolve(good, progress=False).path == path


def test_path_with_half_of_a_character_makes_no_manifest(good, monkeypatch, tmp_path):
    with pytest.raises(ManifestError, match="half of a character"):
        Manifest.parse(SURROGATE, "the manifest")
    with FileServer({"/manifest.json": SURROGATE}) as mirror:
        (tmp_path / "manifest.json").write_bytes(SURROGATE)
        monkeypatch.setenv("ZOO_MIRRORS", f"{mirror.url},{tmp_path}")
        assert resolve(good, progress=False).source == good.url


@pytest.mark.parametrize(
    "fact",
    [
        {"sha256": "0" * 64, "without_twin": "\udfff"},
        {"sha256": "0" * 64, "bytes": 2**63},
        {"sha256": "0" * 64, "bytes": True},
        {"sha256": "\ud800" * 64},
    ],
)
def test_facts_that_could_not_be_written_again_make_no_manifest(fact):
    document = {"format": "zoo-manifest", "version": 1, "files": {"a.pth": fact}}
    with pytest.raises(ManifestError):
        Manifest.parse(json.dumps(document).encode(), "the manifest")
