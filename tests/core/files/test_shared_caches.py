"""Caches that cannot be written, and caches that several users write: each works, or an error says what to do."""

import contextlib
import hashlib
import os
import random
import shutil
import stat
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.users import GROUP, as_root, public_folder, user
from servers import FileServer, HubServer, Stalled
from zoo_core.cli import main
from zoo_core.errors import WeightsUnavailableError
from zoo_core.files import Settings, file_of_url, quarantined, resolve
from zoo_core.files.transfer._partial import Origin, Partial, partials

CONTENT = random.Random(2).randbytes(300_000)
NAME = f"model-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
ENTRY = "Model_Weights.V1"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", ())


@pytest.fixture(scope="module")
def _imported():
    """What is imported late is here already: root's Python may be closed to others."""
    with public_folder() as folder, pytest.MonkeyPatch.context() as patch, HubServer() as hub:
        for name in ("TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME"):
            patch.setenv(name, str(folder / name))
        patch.setenv("HF_ENDPOINT", hub.url)
        hub.add_repo("org/zoo-weights", {f"{ENTRY}/{NAME}": CONTENT})
        for mirrors in ("hf://org/zoo-weights", "hf://org/absent"):
            patch.setenv("ZOO_MIRRORS", mirrors)
            with contextlib.suppress(WeightsUnavailableError):
                resolve(file_of_url(ENTRY, f"http://127.0.0.1:9/{NAME}"), progress=False)
            CliRunner().invoke(main, ["cache", "prune"])
            shutil.rmtree(folder / "HF_HOME", ignore_errors=True)


@pytest.fixture
def place(monkeypatch, _imported):
    """A folder for all users, with the caches inside."""
    with public_folder() as folder:
        monkeypatch.setenv("TORCH_HOME", str(folder / "torch"))
        monkeypatch.setenv("HF_HOME", str(folder / "huggingface"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield folder


@pytest.fixture
def server():
    with FileServer({f"/{NAME}": CONTENT}) as running:
        yield running


@pytest.fixture
def file(server):
    return file_of_url(ENTRY, f"{server.url}/{NAME}")


@pytest.fixture
def shared(place):
    """A folder for downloads that a group shares."""
    folder = Settings.from_environment().checkpoints
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        os.chown(folder, 0, GROUP)
    folder.chmod(0o2775)
    return folder


def with_unreadable_file(folder: Path) -> Path:
    """Make a folder with the file in it, which nobody but root may read."""
    folder.mkdir()
    (folder / NAME).write_bytes(CONTENT)
    (folder / NAME).chmod(0o000)
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# Caches that cannot be written


def test_file_in_a_read_only_cache_is_used(place, file, server):
    with user():
        resolve(file, progress=False)
        folder = Settings.from_environment().checkpoints
        for path in (folder / ".zoo", folder, place / "torch" / "hub"):
            path.chmod(0o555)
        assert resolve(file, progress=False).path == folder / NAME
    assert len(server.requests) == 1


def test_read_only_cache_without_the_file_says_what_to_set(place, file):
    with user():
        folder = Settings.from_environment().checkpoints
        folder.mkdir(parents=True)
        folder.chmod(0o555)
        with pytest.raises(WeightsUnavailableError, match=f"{folder} cannot be written.*Set TORCH_HOME to a folder"):
            resolve(file, progress=False)
        assert not list(folder.iterdir())


def test_wrong_file_in_a_read_only_cache_is_never_loaded_and_the_error_names_it(place, file):
    with user():
        folder = Settings.from_environment().checkpoints
        folder.mkdir(parents=True)
        (folder / NAME).write_bytes(CONTENT[::-1])
        folder.chmod(0o555)
        with pytest.raises(WeightsUnavailableError, match="has wrong bytes"):
            resolve(file, progress=False)
    assert [path.name for path in folder.iterdir()] == [NAME]
    assert not list(quarantined(Settings.from_environment()))


def test_home_that_cannot_be_written_costs_a_hash_a_load_and_nothing_else(place, file, server, monkeypatch):
    (place / "cache").mkdir()
    (place / "cache").chmod(0o555)
    with user():
        for _ in range(2):
            assert resolve(file, progress=False).path.read_bytes() == CONTENT
    assert len(server.requests) == 1
    assert not list((place / "cache").iterdir())


def test_hub_s_files_arrive_where_only_its_cache_can_be_written(place, monkeypatch, server):
    (place / "torch").mkdir()
    (place / "torch").chmod(0o555)
    with HubServer() as hub:
        hub.add_repo("org/zoo-weights", {f"{ENTRY}/{NAME}": CONTENT})
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", "hf://org/zoo-weights")
        with user():
            found = resolve(file_of_url(ENTRY, f"http://127.0.0.1:9/{NAME}"), progress=False)
            assert found.path.read_bytes() == CONTENT
    assert not list((place / "torch").iterdir())


def test_search_path_that_cannot_be_read_is_passed_over(place, file, monkeypatch):
    folder = with_unreadable_file(place / "weights")
    monkeypatch.setenv("ZOO_WEIGHTS_PATH", str(folder))
    with user():
        assert resolve(file, progress=False).source == file.url


def test_mirror_s_file_that_cannot_be_read_is_passed_over_and_named(place, file, monkeypatch):
    folder = with_unreadable_file(place / "mirror")
    monkeypatch.setenv("ZOO_MIRRORS", str(folder))
    with user():
        assert resolve(file, progress=False).source == file.url
        absent = file_of_url("Other.V1", f"http://127.0.0.1:9/{NAME}")
        (place / "empty").mkdir()
        monkeypatch.setenv("TORCH_HOME", str(place / "empty"))
        with pytest.raises(WeightsUnavailableError, match=rf"{folder}: cannot be read: .*Permission denied"):
            resolve(absent, progress=False)


def test_folder_that_must_not_be_entered_is_passed_over(place, file, monkeypatch):
    for name in ("hub", "mirror", "weights"):
        (place / name / "inside").mkdir(parents=True)
        (place / name).chmod(0o000)
    monkeypatch.setenv("HF_HUB_CACHE", str(place / "hub" / "inside"))
    monkeypatch.setenv("ZOO_WEIGHTS_PATH", str(place / "weights" / "inside"))
    monkeypatch.setenv("ZOO_MIRRORS", f"hf://org/zoo-weights,{place / 'mirror' / 'inside'}")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with user():
        assert resolve(file, progress=False).source == file.url


# Caches that several users write


def test_download_is_readable_for_whom_the_folder_is_and_writable_for_nobody(place, file, shared):
    with user(umask=0o077):
        path = resolve(file, progress=False).path
    assert mode(path) == 0o444


def test_folder_that_is_private_stays_so(place, file):
    with user(umask=0o077):
        path = resolve(file, progress=False).path
    assert mode(path.parent) == 0o700
    assert mode(path) == 0o400


def test_file_that_is_mapped_by_models_cannot_be_overwritten_by_mistake(place, file):
    with user():
        path = resolve(file, progress=False).path
        with pytest.raises(PermissionError):
            path.open("r+b")


@as_root
def test_two_users_with_closed_masks_share_a_cache(place, file, server, shared):
    server.put("/other-00000000.pth", b"other")
    with user(1, umask=0o077):
        resolve(file, progress=False)
    with user(2, umask=0o077):
        assert resolve(file, progress=False).path.read_bytes() == CONTENT
        assert len(server.requests) == 1
        (shared / NAME).unlink()
        assert resolve(file, progress=False).path.read_bytes() == CONTENT
    with user(1, umask=0o077):
        assert resolve(file, progress=False).path.read_bytes() == CONTENT
    assert not list(partials(shared))
    assert len(server.requests) == 2


@as_root
def test_lock_file_of_another_user_that_cannot_be_opened_is_no_obstacle(place, file, shared):
    with user(1):
        resolve(file, progress=False)
        (shared / ".zoo" / "locks" / f"{NAME}.lock").chmod(0o600)
        (shared / NAME).unlink()
    with user(2):
        assert resolve(file, progress=False).path.read_bytes() == CONTENT


@as_root
def test_beginning_that_another_user_has_left_and_nobody_else_may_read_is_left_alone(place, file, shared, server):
    with user(1, umask=0o077):
        left = Partial(shared, NAME)
        left.begin(Origin(file.url, '"1"'))
        left.write(CONTENT[:1000])
        left.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    with user(2):
        assert resolve(file, progress=False).path.read_bytes() == CONTENT
    assert "range" not in server.requests[0].headers


@as_root
def test_wrong_file_of_another_user_is_replaced_where_the_folder_allows_it(place, file, shared):
    with user(1):
        (shared / NAME).write_bytes(CONTENT[::-1])
    with user(2):
        assert resolve(file, progress=False).path.read_bytes() == CONTENT


@as_root
def test_prune_says_what_it_may_not_remove(place, shared):
    with user(1):
        left = Partial(shared, NAME)
        left.begin(Origin("http://127.0.0.1:9/", '"1"'))
        left.write(b"half")
        left.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        (shared / ".zoo" / "partial").chmod(0o755)
    with user(2):
        result = CliRunner().invoke(main, ["cache", "prune"])
    assert result.exit_code == 1
    assert "somebody else's?" in result.stderr
    assert left.path.exists()


@as_root
def test_running_download_of_another_user_is_left_to_it(place, file, shared, server):
    server.fail(f"/{NAME}", Stalled(1000), times=1)
    with user(1):
        thread = threading.Thread(target=resolve, args=(file,), kwargs={"progress": False})
        thread.start()
        server.wait_for(f"/{NAME}", bytes_sent=1000)
    with user(2):
        assert CliRunner().invoke(main, ["cache", "prune"]).stdout == ""
    server.release()
    thread.join()
    assert (shared / NAME).read_bytes() == CONTENT
