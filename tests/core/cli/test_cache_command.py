"""`zoo cache`: what is here, whether it is right, and what may go."""

import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zoo_core import Weights, get_weight
from zoo_core.cli import main
from zoo_core.files import Settings, Verifier, sha256_of
from zoo_core.files.sources._hub_cache import CacheEntry
from zoo_core.files.transfer._partial import Origin, Partial

MEMBER = get_weight("ResNet18_Weights.IMAGENET1K_V1")


def zoo(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["cache", *arguments])


def settings() -> Settings:
    return Settings.from_environment()


def put(folder: Path, name: str, content: bytes = b"x") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def put_weights(folder: Path | None = None) -> Path:
    return put(folder or settings().checkpoints, MEMBER.file.name)


@pytest.fixture
def right(monkeypatch, tmp_path):
    """A small file that is what its entry says."""
    content = b"small weights"
    digest = sha256_of(put(tmp_path, "small", content))
    weights = Weights(f"http://127.0.0.1:9/small-{digest[:8]}.pth", MEMBER.transforms, MEMBER.meta)
    monkeypatch.setattr(MEMBER, "_value_", weights)
    return put(settings().checkpoints, MEMBER.file.name, content)


# ls


def test_ls_tells_size_and_path_of_what_nobody_has_verified():
    path = put_weights()
    assert json.loads(zoo("ls", "--json").stdout) == [
        {"weights": [str(MEMBER)], "bytes": 1, "verified": None, "source": None, "path": str(path)}
    ]
    assert "not yet" in zoo("ls").stdout


def test_ls_tells_when_a_file_was_verified_and_where_it_came_from(right):
    stamps = Verifier.of(settings()).stamps
    stamps.write(right, sha256_of(right), right.stat(), "hf://org/zoo-weights")
    (row,) = json.loads(zoo("ls", "--json").stdout)
    assert row["source"] == "hf://org/zoo-weights"
    assert row["verified"].startswith(time.strftime("%Y-%m-%d ", time.gmtime()))


def test_ls_shows_a_file_that_two_entries_use_once(right, monkeypatch):
    other = get_weight("ResNet34_Weights.IMAGENET1K_V1")
    monkeypatch.setattr(other, "_value_", Weights(MEMBER.url, other.transforms, other.meta))
    (row,) = json.loads(zoo("ls", "--json").stdout)
    assert row["weights"] == [str(MEMBER), str(other)]


# verify


def test_verify_hashes_in_full_whatever_the_stamp_says(right):
    Verifier.of(settings()).stamps.sha256_of(right)
    assert zoo("verify").exit_code == 0
    before = right.stat()
    put(right.parent, right.name, b"wrong weights")
    stamp = next((settings().state / "verified").iterdir())
    note = json.loads(stamp.read_text())
    status = right.stat()
    note |= {"mtime_ns": status.st_mtime_ns, "ctime_ns": status.st_ctime_ns, "inode": status.st_ino}
    stamp.write_text(json.dumps(note))  # as if the change had left no trace
    assert before.st_size == status.st_size
    assert Verifier.of(settings()).stamps.read(right) is not None
    result = zoo("verify")
    assert (result.exit_code, "WRONG" in result.stdout) == (1, True)


def test_verify_of_a_name_leaves_the_others_alone(right):
    assert zoo("verify", "ResNet34_Weights.IMAGENET1K_V1").stdout == ""
    assert str(right) in zoo("verify", "resnet18").stdout
    assert zoo("verify", "resnet180").exit_code == 2


def test_verify_makes_no_connection(monkeypatch):
    monkeypatch.setenv("ZOO_MIRRORS", "hf://org/zoo-weights,http://127.0.0.1:9/")
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection"))
    put_weights()
    assert zoo("verify").exit_code == 1


def test_verify_of_what_is_not_here_fails_and_says_so():
    result = zoo("verify", "resnet18")
    assert result.exit_code == 1
    assert f"Not here: {MEMBER}" in result.stderr


# prune


def abandoned_partial() -> list[Path]:
    partial = Partial(settings().checkpoints, "model.pth")
    partial.begin(Origin("http://127.0.0.1:9/model.pth", '"1"'))
    partial.write(b"half")
    partial.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    return [partial.path, partial.path.with_suffix(".json")]


def test_prune_removes_quarantine_and_partial_files_and_nothing_else():
    left = [put(settings().quarantine, "bad"), *abandoned_partial()]
    kept = put_weights()
    result = zoo("prune")
    assert sorted(result.stdout.split()) == sorted(map(str, left))
    assert [path.exists() for path in [*left, kept]] == [False, False, False, True]


def test_prune_removes_what_writes_that_were_cut_off_have_left():
    partial_folder = settings().checkpoints / ".zoo" / "partial"
    left = [put(partial_folder, "model.json.new"), put(settings().state / "verified", "a.json.0.new")]
    assert zoo("prune").stdout == ""
    for path in left:
        os.utime(path, (0, 0))
    zoo("prune")
    assert not any(path.exists() for path in left)


@pytest.mark.parametrize(("option", "kept"), [("--partials", [True, False]), ("--quarantine", [False, True])])
def test_prune_of_one_kind_leaves_the_other(option, kept):
    left = [put(settings().quarantine, "bad"), abandoned_partial()[0]]
    zoo("prune", option)
    assert [path.exists() for path in left] == kept


def test_prune_never_touches_what_a_running_download_writes():
    with Partial(settings().checkpoints, "model.pth") as partial:
        partial.begin(Origin("http://127.0.0.1:9/model.pth", '"1"'))
        partial.write(b"half")
        os.utime(partial.path, (0, 0))  # however long it has been silent
        assert zoo("prune").stdout == ""
        assert partial.path.exists()


def test_prune_of_an_empty_name_removes_nothing():
    kept = put_weights()
    result = zoo("prune", "--name", "")
    assert result.exit_code == 2
    assert "expected a pattern, found nothing; for all files, write '*'" in " ".join(result.stderr.split())
    assert kept.exists()


def test_prune_of_wrong_files_removes_only_those(right):
    wrong = put(settings().checkpoints, get_weight("ResNet34_Weights.IMAGENET1K_V1").file.name)
    assert zoo("prune", "--wrong", "--dry-run").stdout.strip() == str(wrong)
    assert wrong.exists()
    zoo("prune", "--wrong")
    assert (wrong.exists(), right.exists()) == (False, True)


@pytest.mark.parametrize("pattern", ["resnet18", "ResNet18_Weights.*", "resnet18-*.pth"])
def test_prune_by_name_takes_models_entries_and_files(pattern):
    named, other = put_weights(), put(settings().checkpoints, get_weight("ResNet34_Weights.DEFAULT").file.name)
    zoo("prune", "--name", pattern)
    assert (named.exists(), other.exists()) == (False, True)


def test_prune_by_age_counts_from_the_last_use():
    used, unused = put_weights(), put(settings().checkpoints, get_weight("ResNet34_Weights.DEFAULT").file.name)
    for path in (used, unused):
        os.utime(path, (0, 0))
    Verifier.of(settings()).stamps.sha256_of(used)
    os.utime(used, (0, 0))  # as on a file system that keeps no time of access
    zoo("prune", "--older-than", "1")
    assert (used.exists(), unused.exists()) == (True, False)


def test_prune_by_name_and_age_removes_what_fulfils_both():
    old, new = put_weights(), put(settings().checkpoints, get_weight("ResNet34_Weights.DEFAULT").file.name)
    os.utime(old, (0, 0))
    assert zoo("prune", "--name", "resnet*", "--older-than", "1", "--dry-run").stdout.strip() == str(old)
    assert new.exists()


def linked(shared: Path, content: bytes = b"x") -> tuple[Path, Path]:
    """Put a file somewhere else, and a link to it where downloads are kept."""
    theirs = put(shared, MEMBER.file.name, content)
    link = settings().checkpoints / theirs.name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(theirs)
    return theirs, link


def test_prune_removes_a_link_and_leaves_the_file_elsewhere_that_it_leads_to(tmp_path):
    theirs, link = linked(tmp_path / "shared")
    assert "1 file, 0.0 MiB removed" in zoo("prune", "--name", "resnet18").output
    assert (theirs.read_bytes(), link.is_symlink()) == (b"x", False)


def test_wrong_bytes_behind_a_link_are_kept_for_a_look_and_stay_where_they_are(tmp_path):
    theirs, link = linked(tmp_path / "shared", b"wrong")
    assert CliRunner().invoke(main, ["info", str(MEMBER)]).exit_code == 0
    assert (theirs.read_bytes(), link.is_symlink()) == (b"wrong", False)
    assert [path.read_bytes() for path in settings().quarantine.iterdir()] == [b"wrong"]


def test_prune_leaves_no_name_without_contents_in_the_cache_of_a_hub(monkeypatch):
    monkeypatch.setenv("ZOO_MIRRORS", "hf://org/zoo-weights")
    repository = settings().hub_cache / "models--org--zoo-weights"
    for commit in ("a" * 40, "b" * 40):
        entry = CacheEntry(repository, commit, MEMBER.file.paths_in_mirror[0], "etag")
        entry.keep(b"x")
    other = CacheEntry(repository, entry.commit, "README.md", "other")
    other.keep(b"y")
    entry.remember("main")
    assert zoo("prune", "--name", "resnet18").stdout.strip() == str(entry.pointer)
    assert {path for path in repository.rglob("*") if not path.is_dir()} == {
        other.blob,
        other.pointer,
        repository / "refs" / "main",
    }


def test_prune_never_touches_the_search_path(tmp_path, monkeypatch):
    shared, cached = put_weights(tmp_path / "shared"), put_weights()
    monkeypatch.setenv("ZOO_WEIGHTS_PATH", str(tmp_path / "shared"))
    zoo("prune", "--older-than", "0", "--name", "*", "--wrong")
    assert (shared.exists(), cached.exists()) == (True, False)
