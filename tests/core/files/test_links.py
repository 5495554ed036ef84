"""Links that somebody puts into a shared cache: nothing behind them is read, changed, deleted or shown to others."""

import hashlib
import os
import random
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.users import GROUP, as_root, public_folder, user
from servers import FileServer
from zoo_core.cli import main
from zoo_core.errors import WeightsUnavailableError
from zoo_core.files import Settings, Verifier, file_of_url, quarantined, resolve, unfinished
from zoo_core.files.store import _quarantine
from zoo_core.files.transfer._locks import locked
from zoo_core.files.transfer._partial import Origin, Partial

CONTENT = random.Random(7).randbytes(30_000)
NAME = f"model-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
ENTRY = "Model_Weights.V1"


@pytest.fixture(autouse=True)
def _upstream_alone(monkeypatch):
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", ())
    monkeypatch.setenv("ZOO_MIRRORS", "")


@pytest.fixture
def file():
    with FileServer({f"/{NAME}": CONTENT}) as server:
        yield file_of_url(ENTRY, f"{server.url}/{NAME}")


@pytest.fixture
def folder():
    """The folder for downloads, which a group shares."""
    path = Settings.from_environment().checkpoints
    path.mkdir(parents=True)
    path.chmod(0o2775)
    return path


@pytest.fixture
def home(tmp_path):
    """Somebody's own folder, with things in it that look like zoo's."""
    path = tmp_path / "home"
    for inside in (path, path / "partial", path / "locks"):
        inside.mkdir(mode=0o700)
        for name in ("precious.part", "precious.json", "precious.new", f"{NAME}.lock", f"{NAME}.0123.part"):
            (inside / name).write_bytes(b"precious")
            os.utime(inside / name, (0, 0))
    return path


def state(folder: Path) -> dict[str, object]:
    """Return all that could have been changed in a folder."""
    return {
        str(path): (stat.S_IMODE(path.stat().st_mode), path.read_bytes() if path.is_file() else None)
        for path in (folder, *folder.rglob("*"))
    }


@pytest.mark.parametrize("where", [".zoo", ".zoo/partial", ".zoo/locks"])
@pytest.mark.parametrize("target", [".", "partial", "new"])
def test_link_in_place_of_a_folder_of_zoo_s_own_is_not_followed(file, folder, home, where, target):
    (folder / where).parent.mkdir(exist_ok=True)
    (folder / where).symlink_to(home / target)
    before = state(home)
    try:
        assert resolve(file, progress=False).path.read_bytes() == CONTENT
    except WeightsUnavailableError as error:
        assert "remove it" in str(error)  # noqa: PT017 # the other places work
    assert not [path for path in unfinished(Settings.from_environment()) if path.name.startswith("precious")]
    assert CliRunner().invoke(main, ["cache", "prune"]).exit_code == 0
    assert state(home) == before
    (folder / where).unlink()
    assert resolve(file, progress=False).path.read_bytes() == CONTENT


def test_link_that_comes_in_place_of_the_folder_meanwhile_has_nothing_deleted_behind_it(folder, home):
    partial = Partial(folder, NAME)
    partial.begin(Origin("https://host/", '"1"'))
    left = partial._leftover()
    (folder / ".zoo").rename(folder / "moved")
    (folder / ".zoo").symlink_to(home)
    (home / "partial" / partial.path.name).write_bytes(b"precious")
    before = state(home)
    left.remove()
    partial._file.close()
    assert state(home) == before


def test_new_folders_have_the_permissions_of_the_folder_for_downloads(file, folder):
    resolve(file, progress=False)
    for path in (folder / ".zoo", folder / ".zoo" / "partial", folder / ".zoo" / "locks"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o2775


@pytest.mark.parametrize("make", [Path.symlink_to, Path.hardlink_to])
def test_link_in_place_of_a_lock_is_not_emptied(file, folder, home, make, monkeypatch):
    """Nor by a filelock before 3.20.1, which opens what the link names."""
    (folder / ".zoo" / "locks").mkdir(parents=True)
    make(folder / ".zoo" / "locks" / f"{NAME}.lock", home / "precious.new")
    monkeypatch.setattr("filelock.FileLock", lambda path, **_: pytest.fail(f"{path} is opened"))
    with locked(NAME, folder):
        pass
    assert resolve(file, progress=False).path.read_bytes() == CONTENT
    assert (home / "precious.new").read_bytes() == b"precious"


def test_pipe_in_place_of_a_lock_stops_nobody(file, folder):
    (folder / ".zoo" / "locks").mkdir(parents=True)
    os.mkfifo(folder / ".zoo" / "locks" / f"{NAME}.lock")
    assert resolve(file, progress=False).path.read_bytes() == CONTENT


@as_root
def test_colleague_s_link_to_a_private_file_makes_it_readable_for_nobody(file, monkeypatch):
    with public_folder() as place:
        monkeypatch.setenv("TORCH_HOME", str(place / "torch"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        shared = Settings.from_environment().checkpoints
        shared.mkdir(parents=True)
        os.chown(shared, 0, GROUP)
        shared.chmod(0o2775)
        with user(1, umask=0o022):
            secret = place / "secret"
            secret.write_bytes(b"secret")
            secret.chmod(0o600)
        with user(2):
            (shared / NAME).symlink_to(secret)
        with user(1, umask=0o022):
            assert resolve(file, progress=False).path.read_bytes() == CONTENT
            assert secret.read_bytes() == b"secret"
            (kept,) = quarantined(Settings.from_environment())
        with user(2), pytest.raises(PermissionError):
            kept.read_bytes()
        assert (stat.S_IMODE(kept.parent.stat().st_mode), stat.S_IMODE(kept.stat().st_mode)) == (0o700, 0o600)


# The quarantine


def put_away(folder: Path, number: int, size: int = 10) -> Path | None:
    path = folder / "wrong"
    path.write_bytes(b"x" * size)
    verifier = Verifier.of(Settings.from_environment())
    kept = verifier.put_away(path, "model.pth", f"{number:064}"[::-1])
    if kept is not None:
        os.utime(kept, (number, number))
    return kept


def test_quarantine_keeps_the_last_files_of_many(folder, monkeypatch):
    monkeypatch.setattr(_quarantine, "MOST_FILES", 3)
    kept = [put_away(folder, number) for number in range(1, 8)]
    assert list(quarantined(Settings.from_environment())) == sorted(filter(None, kept[-3:]))


def test_quarantine_keeps_no_more_bytes_than_are_allowed_but_the_last_file_always(folder, monkeypatch):
    monkeypatch.setattr(_quarantine, "MOST_BYTES", 100)
    kept = [put_away(folder, number, 40) for number in range(1, 5)]
    assert list(quarantined(Settings.from_environment())) == sorted(filter(None, kept[-2:]))
    assert list(quarantined(Settings.from_environment())) != [last := put_away(folder, 9, 400)]
    assert list(quarantined(Settings.from_environment())) == [last]


def test_quarantine_s_own_links_are_removed_and_what_they_point_to_stays(folder, home, monkeypatch):
    monkeypatch.setattr(_quarantine, "MOST_FILES", 1)
    quarantine = Settings.from_environment().quarantine
    quarantine.mkdir(parents=True)
    (quarantine / "link").symlink_to(home / "precious.new")
    (quarantine / "folder").symlink_to(home)
    for name in ("link", "folder"):
        os.utime(quarantine / name, (0, 0), follow_symlinks=False)
    before = state(home)
    assert list(quarantined(Settings.from_environment())) == [quarantine / "folder", quarantine / "link"]
    kept = put_away(folder, 1)
    assert list(quarantine.iterdir()) == [kept]
    assert state(home) == before


def test_link_in_place_of_the_quarantine_is_not_followed(file, folder, home):
    quarantine = Settings.from_environment().quarantine
    quarantine.parent.mkdir(parents=True)
    quarantine.symlink_to(home)
    before = state(home)
    assert put_away(folder, 1) is None
    (folder / NAME).write_bytes(b"wrong")
    assert resolve(file, progress=False).path.read_bytes() == CONTENT
    assert CliRunner().invoke(main, ["cache", "prune"]).exit_code == 0
    assert state(home) == before


def test_quarantine_of_earlier_versions_becomes_private(folder):
    quarantine = Settings.from_environment().quarantine
    quarantine.mkdir(parents=True, mode=0o755)
    put_away(folder, 1)
    assert stat.S_IMODE(quarantine.stat().st_mode) == 0o700


def test_hub_s_folder_that_is_a_link_has_nothing_pruned_behind_it(home, monkeypatch):
    monkeypatch.setenv("ZOO_MIRRORS", "hf://org/weights")
    cache = Settings.from_environment().hub_cache
    cache.mkdir(parents=True)
    (cache / "models--org--weights").symlink_to(home)
    before = state(home)
    assert list(unfinished(Settings.from_environment())) == []
    assert state(home) == before
