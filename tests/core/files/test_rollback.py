"""A mirror that goes back to a manifest which it had replaced is noticed."""

import hashlib
import json
import random

import pytest

from servers import FileServer, HubServer
from zoo_core.errors import SourceError
from zoo_core.files import Settings, file_of_url, resolve
from zoo_core.files.manifests import _history
from zoo_core.files.manifests._history import check_not_older
from zoo_core.files.sources._asked_once import forget_answers
from zoo_core.files.sources._named import parse_mirror

OLD, NEW = (random.Random(seed).randbytes(20_000) for seed in (6, 7))
NAME = f"model-{hashlib.sha256(NEW).hexdigest()[:8]}.pth"
ENTRY = "Model_Weights.V1"
NESTED = f"{ENTRY}/{NAME}"
REPO = "org/weights"


def manifest_of(content: bytes) -> bytes:
    files = {"other.pth": {"sha256": hashlib.sha256(content).hexdigest()}}
    return json.dumps({"format": "zoo-manifest", "version": 1, "files": files}).encode()


@pytest.fixture(params=["Hub", "web server"])
def mirror(request, monkeypatch):
    """A mirror, and the function that gives it a manifest."""
    if request.param == "Hub":
        with HubServer() as hub:
            hub.add_repo(REPO, {NESTED: NEW})
            monkeypatch.setenv("HF_ENDPOINT", hub.url)
            yield f"hf://{REPO}", lambda content: hub.add_commit(REPO, {"manifest.json": content})
    else:
        with FileServer({f"/{NAME}": NEW}) as server:
            yield server.url, lambda content: server.put("/manifest.json", content)


def ask(mirror):
    forget_answers()  # as the next process does
    return parse_mirror(mirror).manifest(Settings.from_environment())


def test_older_manifest_is_noticed_and_the_next_source_asked(mirror, monkeypatch):
    url, give = mirror
    for content in (OLD, NEW, NEW):
        give(manifest_of(content))
        assert ask(url).files
    give(manifest_of(OLD))
    with pytest.raises(SourceError, match="has an older manifest than when it was last asked") as caught:
        ask(url)
    with FileServer({f"/{NAME}": NEW}) as upstream:
        monkeypatch.setenv("ZOO_MIRRORS", url)
        file = file_of_url(ENTRY, f"{upstream.url}/{NAME}")
        assert resolve(file, progress=False).source == file.url
    (path,) = (word for word in str(caught.value).split() if word.endswith(".seen"))
    (Settings.from_environment().state / "manifests" / path.rpartition("/")[2]).unlink()
    assert ask(url).files  # what its message says to do
    give(manifest_of(b"newer"))
    assert ask(url).files


def test_what_was_last_seen_stays_what_counts_without_a_connection(mirror, monkeypatch):
    url, give = mirror
    for content in (OLD, NEW, OLD):
        give(manifest_of(content))
        forget_answers()
        try:
            ask(url)
        except SourceError:
            here = parse_mirror(url).manifest_here(Settings.from_environment())
            assert here.files["other.pth"].sha256 == hashlib.sha256(NEW).hexdigest()
            return
    raise AssertionError("the older manifest was taken")


def test_mirror_that_is_pinned_may_be_older_than_its_branch(monkeypatch):
    with HubServer() as hub:
        first = hub.add_repo(REPO, {"manifest.json": manifest_of(OLD)})
        hub.add_commit(REPO, {"manifest.json": manifest_of(NEW)})
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for name in (f"hf://{REPO}@{first}", f"hf://{REPO}", f"hf://{REPO}@{first}"):
            assert ask(name).files


def test_memory_of_manifests_is_bounded_and_its_damage_harmless(tmp_path, monkeypatch):
    monkeypatch.setattr(_history, "REMEMBERED", 3)
    for number in range(6):
        check_not_older(tmp_path, "mirror", b"%d" % number)
    (path,) = (tmp_path / "manifests").iterdir()
    assert len(path.read_text().splitlines()) == 3
    with pytest.raises(SourceError, match="older"):
        check_not_older(tmp_path, "mirror", b"4")
    check_not_older(tmp_path, "another mirror", b"4")
    path.write_bytes(b"\xff\x00garbage\n")
    check_not_older(tmp_path, "mirror", b"4")
    assert len(path.read_text().splitlines()) == 1


def test_folder_that_cannot_be_written_remembers_nothing(tmp_path):
    (tmp_path / "manifests").write_bytes(b"")
    check_not_older(tmp_path, "mirror", b"1")
