"""`ZOO_REQUIRE=full`: nothing is fetched or loaded of which the full digest is not known."""

import hashlib

import pytest

from servers import FileServer
from zoo_core.errors import WeightsUnavailableError
from zoo_core.files import Digest, FileFact, Manifest, Settings, file_of_url, learn_digests, resolve

CONTENT = b"weights" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = f"model-{SHA256[:8]}.pth"
ENTRY = "Model_Weights.V1"


@pytest.fixture(autouse=True)
def _required(monkeypatch):
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", ())
    monkeypatch.setenv("ZOO_MIRRORS", "")
    monkeypatch.setenv("ZOO_REQUIRE", "full")


@pytest.fixture
def server():
    with FileServer({f"/{NAME}": CONTENT, "/model.pth": CONTENT, "/model_00000000.pth": CONTENT}) as running:
        yield running


@pytest.mark.parametrize("name", [NAME, "model.pth", "model_00000000.pth"])
def test_file_without_a_full_digest_is_not_even_asked_for(server, name):
    with pytest.raises(WeightsUnavailableError, match=r"ZOO_REQUIRE=full wants the full SHA-256(.|\n)*zoo lock"):
        resolve(file_of_url(ENTRY, f"{server.url}/{name}"), progress=False)
    assert not server.requests


@pytest.mark.parametrize("name", [NAME, "model.pth"])
def test_file_without_a_full_digest_that_is_here_is_refused_and_left_alone(server, monkeypatch, name):
    file = file_of_url(ENTRY, f"{server.url}/{name}")
    monkeypatch.delenv("ZOO_REQUIRE")
    path = resolve(file, progress=False).path
    monkeypatch.setenv("ZOO_REQUIRE", "full")
    with pytest.raises(WeightsUnavailableError, match="ZOO_REQUIRE=full"):
        resolve(file, progress=False)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("name", [NAME, "model.pth"])
def test_full_digest_of_the_catalogue_is_enough(server, name):
    assert resolve(file_of_url(ENTRY, f"{server.url}/{name}", Digest(SHA256)), progress=False).verified == "full digest"


def test_full_digest_of_a_named_mirror_is_enough(tmp_path, monkeypatch):
    (tmp_path / ENTRY).mkdir()
    (tmp_path / ENTRY / NAME).write_bytes(CONTENT)
    (tmp_path / "manifest.json").write_bytes(Manifest({f"{ENTRY}/{NAME}": FileFact(SHA256, len(CONTENT))}).to_json())
    monkeypatch.setenv("ZOO_MIRRORS", str(tmp_path))
    assert resolve(file_of_url(ENTRY, f"http://127.0.0.1:9/{NAME}"), progress=False).verified == "full digest"


def test_lock_file_is_enough_and_can_be_written_meanwhile(server, tmp_path, monkeypatch):
    file = file_of_url(ENTRY, f"{server.url}/{NAME}")
    lock = tmp_path / "zoo.lock"
    lock.write_bytes(learn_digests([file], Settings.from_environment(), progress=False).to_json())
    monkeypatch.setenv("ZOO_LOCK", str(lock))
    assert resolve(file, progress=False).verified == "full digest"


@pytest.mark.parametrize("value", ["ful", "1", "prefix"])
def test_value_that_means_nothing_is_an_error(monkeypatch, value):
    monkeypatch.setenv("ZOO_REQUIRE", value)
    with pytest.raises(ValueError, match=r"ZOO_REQUIRE is .*expected 'full'"):
        Settings.from_environment()


@pytest.mark.parametrize("value", ["", " ", "FULL", " full\n"])
def test_value_is_read_as_other_settings_are(value):
    assert Settings.from_environment({"ZOO_REQUIRE": value, "HOME": "/"}).requires_full == bool(value.strip())
