"""Filling mirrors, in a folder and on a Hub, and verifying them: the real Hub client against a server of ours."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest
import torch
import yaml
from click.testing import CliRunner
from huggingface_hub import ModelCard

from core.tiny_weights import V1, V2, published
from servers import Corrupted, FileServer, Hanging, HtmlPage, Stalled, Status, Truncated
from servers.repositories import blob_path
from zoo_core import get_model, get_weight, list_weights
from zoo_core.building import without_files
from zoo_core.cli import main
from zoo_core.errors import SourceError
from zoo_core.files import FileFact, Manifest, Settings, resolve
from zoo_core.files.sources._asked_once import forget_answers
from zoo_core.files.sources._hub_client import hub_errors_explained
from zoo_core.mirrors import FolderExport, HubPush
from zoo_core.mirrors._cards import config_of, entry_card

# The Hub's client uses its HTTP library in a way that the library advises against.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")

REPO = "lab/zoo-weights"
PROCESS = """
import sys
from zoo_core.cli import main
main(["mirror", *sys.argv[1:]])
"""
COMMIT = f"/api/models/{REPO}/commit/main"


def zoo(*arguments: object):
    forget_answers()  # as a new process
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def rows(result):
    return json.loads(result.stdout)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "mirror"


@pytest.fixture(params=["folder", "web server", "Hub"])
def any_mirror(request, tiny, folder, hub):
    """A mirror of each kind that holds the tiny weights: its address, and a function that changes one of its files."""
    if request.param == "Hub":
        assert zoo("mirror", "push", "--repo", REPO, V1, V2).exit_code == 0
        return f"hf://{REPO}", lambda path, content: hub.add_commit(REPO, {path: content})
    assert zoo("mirror", "export", folder, V1, V2).exit_code == 0

    def change(path, content):
        (folder / path).unlink()  # files of a mirror are read-only
        (folder / path).write_bytes(content)

    if request.param == "folder":
        return f"file://{folder}", change
    server = request.getfixturevalue("web_server")
    return f"{server.url}/mirror", change


@pytest.fixture
def web_server(tmp_path):
    with FileServer(tmp_path) as server:
        yield server


# export


def test_export_makes_a_mirror_that_needs_nothing_else(tiny, folder, upstream, monkeypatch):
    assert zoo("mirror", "export", folder, V1, V2).exit_code == 0
    first, second = tiny
    manifest = Manifest.parse((folder / "manifest.json").read_bytes(), "it")
    assert manifest.files[first.path] == FileFact(first.sha256, len(first.content))
    assert manifest.files[second.twin_path].twin_of == second.sha256
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {
        *manifest.files,
        "manifest.json",
        "README.md",
    }
    upstream.fail("*", Status(500))
    monkeypatch.setenv("ZOO_MIRRORS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", f"{folder}-caches")
    model = get_model("tiny", weights="V1", progress=False)
    assert all(torch.equal(value, first.state[name]) for name, value in model.state_dict().items())


def test_export_reports_the_digests_that_it_learnt(tiny, folder):
    lines = zoo("mirror", "export", folder, V1, V2).stdout.splitlines()
    assert lines == [f"{tiny[0].sha256}  {tiny[0].path}  learnt", f"{tiny[1].sha256}  {tiny[1].path}"]
    first, second = rows(zoo("mirror", "export", folder, V1, V2, "--json"))
    assert (first["learnt"], first["added"], first["bytes"]) == (True, False, len(tiny[0].content))
    assert not second["learnt"]


def test_export_that_is_run_again_fetches_only_what_is_missing(tiny, folder, upstream):
    zoo("mirror", "export", folder, V1)
    requests = len(upstream.requests)
    (folder / f"{V1}/config.json").unlink()
    assert zoo("mirror", "export", folder, V1).exit_code == 0
    assert (folder / f"{V1}/config.json").exists()
    assert len(upstream.requests) == requests
    zoo("mirror", "export", folder, V1, V2)
    assert upstream.count(f"/models/{tiny[0].name}") == upstream.count(f"/models/{tiny[1].name}") == 1


def test_export_replaces_a_file_that_has_become_wrong(tiny, folder):
    zoo("mirror", "export", folder, V1)
    (folder / tiny[0].path).chmod(0o644)
    (folder / tiny[0].path).chmod(0o644)
    (folder / tiny[0].path).write_bytes(tiny[0].content[:-1] + b"x")
    assert rows(zoo("mirror", "export", folder, V1, "--json"))[0]["added"]
    assert (folder / tiny[0].path).read_bytes() == tiny[0].content


@pytest.mark.parametrize("fault", [Status(404), Corrupted(), Truncated(100), HtmlPage()], ids=repr)
def test_failure_of_one_entry_leaves_the_others_and_nothing_half_done(tiny, folder, upstream, fault):
    upstream.fail(f"/models/{tiny[0].name}", fault)
    result = zoo("mirror", "export", folder, V1, V2)
    assert result.exit_code == 1
    assert "1 of 2 failed" in result.stderr
    assert V1 in result.stderr
    assert [path.name for path in folder.iterdir() if path.is_dir() and path.name != ".zoo"] == [V2]
    upstream.recover()
    assert zoo("mirror", "export", folder, V1, V2).exit_code == 0
    assert not (folder / ".zoo").exists()


def test_export_uses_files_that_are_here_and_leaves_them(tiny, folder, upstream, monkeypatch):
    path = resolve(get_weight(V1).file, progress=False).path
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert zoo("mirror", "export", folder, V1).exit_code == 0
    assert path.read_bytes() == (folder / tiny[0].path).read_bytes() == tiny[0].content


def test_export_without_safetensors_can_be_completed_later(tiny, folder):
    zoo("mirror", "export", folder, V1, "--no-safetensors")
    assert not (folder / tiny[0].twin_path).exists()
    assert not rows(zoo("mirror", "export", folder, V1, "--no-safetensors", "--json"))[0]["added"]
    zoo("mirror", "export", folder, V1)
    assert (folder / tiny[0].twin_path).exists()


def test_file_whose_contents_allow_no_twin_is_mirrored_with_the_reason(install, upstream, folder):
    from core.tiny_weights import family_of

    install(family=family_of(upstream, [file := published(V2, 2, odd=(1, 2))]))
    assert zoo("mirror", "export", folder, V2).exit_code == 0
    facts = Manifest.parse((folder / "manifest.json").read_bytes(), "it").files
    assert facts[file.path].without_twin == "odd is no tensor but a tuple"
    assert "odd is no tensor" in (folder / V2 / "README.md").read_text()
    assert not rows(zoo("mirror", "export", folder, V2, "--json"))[0]["added"]


def test_other_file_with_the_same_first_digits_is_not_taken_for_the_mirror_s(tiny, folder):
    """Two full digests that agree with the eight digits of the catalogue: nobody knows which is right."""
    zoo("mirror", "export", folder, V1)
    manifest = Manifest.parse((folder / "manifest.json").read_bytes(), "it")
    other = FileFact(tiny[0].sha256[:8] + "0" * 56, len(tiny[0].content))
    (folder / "manifest.json").write_bytes(manifest.with_files({tiny[0].path: other}).to_json())
    result = zoo("mirror", "export", folder, V1)
    assert result.exit_code == 1
    assert tiny[0].sha256 in result.stderr
    assert other.sha256 in result.stderr


def test_export_into_a_folder_whose_manifest_is_none_stops(tiny, folder):
    folder.mkdir()
    (folder / "manifest.json").write_text("{")
    result = zoo("mirror", "export", folder, V1)
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr


def test_dry_run_of_an_export_fetches_nothing(tiny, folder, upstream):
    result = zoo("mirror", "export", folder, V1, "--dry-run")
    assert result.stdout.startswith(f"{V1}  {tiny[0].name}")
    assert not upstream.requests
    assert not folder.exists()


def test_without_names_all_entries_are_meant(tiny, folder):
    files = rows(zoo("mirror", "export", folder, "--dry-run", "--json"))
    assert {row["weights"] for row in files} == {str(member) for member in list_weights()}


@pytest.mark.slow
def test_export_that_was_killed_goes_on_where_it_was(tiny, folder, upstream):
    path = f"/models/{tiny[1].name}"
    upstream.fail(path, Stalled(1000), times=1)
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS, "export", str(folder), V1, V2],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
    )
    upstream.wait_for(path, bytes_sent=1000, timeout=60)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert [found.name for found in folder.iterdir() if found.name.startswith("Tiny")] == [V1]
    upstream.recover()
    assert zoo("mirror", "export", folder, V1, V2).exit_code == 0
    assert (folder / tiny[1].path).read_bytes() == tiny[1].content
    assert upstream.count(f"/models/{tiny[0].name}") == 1
    assert not (folder / ".zoo").exists()


def test_two_exports_at_once_into_one_folder_wait_for_each_other(tiny, folder):
    settings = Settings.from_environment()

    def export_the_other():
        with FolderExport(folder, settings, progress=False) as second:
            second.add(get_weight(V2))

    other = threading.Thread(target=export_the_other)
    with FolderExport(folder, settings, progress=False) as first:
        other.start()
        other.join(0.3)
        assert other.is_alive()
        first.add(get_weight(V1))
    other.join(30)
    manifest = Manifest.parse((folder / "manifest.json").read_bytes(), "it")
    assert {tiny[0].path, tiny[1].path} <= manifest.files.keys()


# push


def test_push_makes_one_commit_an_entry_and_prints_the_pinned_mirror(tiny, hub):
    result = zoo("mirror", "push", "--repo", REPO, V1, V2)
    repository = hub.repositories[REPO]
    assert result.stdout.strip() == f"hf://{REPO}@{repository.refs['main']}"
    assert hub.count(COMMIT) == 2
    files = repository.find("main").files
    for file in tiny:
        names = {file.path, file.twin_path, f"{file.entry}/config.json", f"{file.entry}/README.md"}
        assert names <= files.keys()
        assert files[file.path].content == file.content
    manifest = Manifest.parse(files["manifest.json"].content, "it")
    stated = {path: (fact.sha256, fact.size) for path, fact in manifest.files.items()}
    found = {path: (files[path].sha256, len(files[path].content)) for path in manifest.files}
    assert stated == found


def test_push_tells_machines_what_was_added_and_what_failed(tiny, hub):
    hub.refused_objects.add(tiny[0].sha256)
    result = zoo("mirror", "push", "--repo", REPO, "--json", V1, V2)
    told = rows(result)
    assert result.exit_code == 1
    assert told["mirror"] == f"hf://{REPO}@{hub.repositories[REPO].refs['main']}"
    assert ([row["weights"] for row in told["added"]], told["failed"]) == ([V2], 1)


def test_pushed_mirror_is_used_pinned_from_its_twin_and_then_without_a_request(tiny, hub, upstream, monkeypatch):
    monkeypatch.setenv("ZOO_MIRRORS", zoo("mirror", "push", "--repo", REPO, V1).stdout.strip())
    monkeypatch.setenv("TORCH_HOME", f"{os.environ['TORCH_HOME']}-of-another")
    upstream.fail("*", Status(500))
    forget_answers()
    model = get_model("tiny", weights="V1", progress=False)
    assert all(torch.equal(value, tiny[0].state[name]) for name, value in model.state_dict().items())
    assert resolve(get_weight(V1).file).path.name.endswith(".safetensors")
    requests = len(hub.requests) + len(hub.storage.requests)
    forget_answers()
    get_model("tiny", weights="V1", progress=False)
    assert len(hub.requests) + len(hub.storage.requests) == requests


def test_push_that_is_run_again_uploads_only_what_is_missing(tiny, hub):
    zoo("mirror", "push", "--repo", REPO, V1)
    first = zoo("mirror", "push", "--repo", REPO, V1)
    assert (first.exit_code, hub.count(COMMIT)) == (0, 1)
    assert "1 of 1 entry there already" in first.stderr
    zoo("mirror", "push", "--repo", REPO, V1, V2)
    assert hub.count(COMMIT) == 2
    assert all(hub.storage.count(path, "PUT") == 1 for path in {request.path for request in hub.storage.requests})


def test_entry_with_a_file_that_is_not_as_stated_is_pushed_again(tiny, hub):
    zoo("mirror", "push", "--repo", REPO, V1)
    hub.add_commit(REPO, {tiny[0].path: b"x"})
    assert zoo("mirror", "push", "--repo", REPO, V1).exit_code == 0
    assert hub.repositories[REPO].find("main").files[tiny[0].path].content == tiny[0].content


def test_push_that_was_killed_goes_on_and_sends_no_large_file_twice(tiny, hub):
    second = blob_path(REPO, tiny[1].sha256)
    hub.storage.fail(second, Hanging(), method="PUT")
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS, "push", "--repo", REPO, V1, V2],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
    )
    hub.storage.wait_for(second, timeout=60)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert hub.count(COMMIT) == 1
    hub.storage.recover()
    assert zoo("mirror", "push", "--repo", REPO, V1, V2).exit_code == 0
    assert hub.count(COMMIT) == 2
    assert hub.storage.count(blob_path(REPO, tiny[0].sha256), "PUT") == 1


def test_commit_that_fails_is_made_again_without_sending_the_large_files(tiny, hub):
    hub.fail(COMMIT, Status(500), times=1)
    result = zoo("mirror", "push", "--repo", REPO, V1)
    assert result.exit_code == 1
    assert f"{V1}: hf://{REPO}: cannot be used" in result.stderr
    assert not result.stdout
    assert zoo("mirror", "push", "--repo", REPO, V1).exit_code == 0
    assert hub.storage.count(blob_path(REPO, tiny[0].sha256), "PUT") == 1


def test_two_pushes_at_once_keep_each_other_s_entries(tiny, hub):
    settings = Settings.from_environment()
    first = HubPush(REPO, settings, progress=False)
    first.create(private=False)
    second = HubPush(REPO, settings, progress=False)
    assert first.add(get_weight(V1)).is_new
    assert second.add(get_weight(V2)).is_new
    assert not second.add(get_weight(V1)).is_new
    manifest = Manifest.parse(hub.repositories[REPO].find("main").files["manifest.json"].content, "it")
    assert {tiny[0].path, tiny[1].path} <= manifest.files.keys()
    assert [request.status for request in hub.requests_for(COMMIT)] == [200, 412, 200]


def test_two_pushes_of_the_same_entry_make_one_commit(tiny, hub):
    settings = Settings.from_environment()
    first = HubPush(REPO, settings, progress=False)
    first.create(private=False)
    second = HubPush(REPO, settings, progress=False)
    for push in (first, second):
        push.add(get_weight(V1))
    assert hub.count(COMMIT) == 1
    assert first.address == second.address


def test_large_file_that_the_hub_refuses_fails_its_entry_alone(tiny, hub):
    hub.refused_objects.add(tiny[0].sha256)
    result = zoo("mirror", "push", "--repo", REPO, V1, V2)
    assert result.exit_code == 1
    assert f"{V1}: " in result.stderr
    assert "this object is refused" in result.stderr
    assert "1 of 2 failed, 1 pushed" in result.stderr
    files = hub.repositories[REPO].find("main").files
    assert (tiny[0].path in files, tiny[1].path in files) == (False, True)


def test_dry_run_of_a_push_creates_and_fetches_nothing(tiny, hub, upstream):
    zoo("mirror", "push", "--repo", REPO, V1)
    requests = len(upstream.requests)
    result = zoo("mirror", "push", "--repo", REPO, "--dry-run", V1, V2)
    assert result.stdout.split()[:2] == [V2, tiny[1].name]
    assert zoo("mirror", "push", "--repo", "lab/other", "--dry-run", V1).exit_code == 0
    assert (list(hub.repositories), len(upstream.requests), hub.count(COMMIT)) == ([REPO], requests, 1)


def test_private_repository_is_seen_with_its_token_alone(tiny, hub, monkeypatch):
    zoo("mirror", "push", "--repo", REPO, "--private", V1)
    assert hub.repositories[REPO].token == "hf_write"
    assert zoo("mirror", "verify", f"hf://{REPO}").exit_code == 0
    monkeypatch.delenv("HF_TOKEN")
    result = zoo("mirror", "verify", f"hf://{REPO}")
    assert result.exit_code == 1
    assert f"hf://{REPO} no such repository, or no access to it" in result.stderr


def test_push_without_the_right_to_write_is_one_error(tiny, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    result = zoo("mirror", "push", "--repo", REPO, V1)
    assert result.exit_code == 1
    assert f"hf://{REPO}" in result.stderr


def test_hub_that_stops_answering_costs_each_entry_one_line_and_no_wait(tiny, hub, monkeypatch, capfd):
    """The Hub's client would try six times, and say so twice each time."""
    mirror = HubPush(REPO, Settings.from_environment(), progress=False)
    mirror.create(private=False)
    hub.close()
    began = time.monotonic()
    for entry in (V1, V2):
        with pytest.raises(OSError, match=f"hf://{REPO}: cannot be reached"):
            mirror.add(get_weight(entry))
    assert time.monotonic() - began < 5
    assert capfd.readouterr().err == ""


def test_attempts_of_the_hub_s_client_are_not_printed(caplog):
    import huggingface_hub  # whose logger gets its level when it is imported

    logger = logging.getLogger(f"{huggingface_hub.__name__}.utils")
    with pytest.raises(SourceError, match="no answer"), hub_errors_explained():  # noqa: PT012 # a block is what it is for
        logger.warning("Retrying in 1s [Retry 1/5].")
        raise OSError("no answer")
    assert caplog.text == ""
    logger.warning("something else")
    assert "something else" in caplog.text


def test_push_to_another_endpoint_goes_there(tiny, hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert zoo("mirror", "push", "--repo", REPO, "--endpoint", hub.url, V1).exit_code == 0
    assert REPO in hub.repositories


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("--repo", "no-organisation"), 2), ((), 2), (("--repo", REPO, "no_such_model"), 2)],
    ids=["repository", "none", "name"],
)
def test_wrong_usage_is_told_apart_from_failure(hub, arguments, status):
    assert zoo("mirror", "push", *arguments).exit_code == status


def test_offline_nothing_is_pushed_nor_asked(tiny, hub, monkeypatch):
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert "offline" in zoo("mirror", "push", "--repo", REPO, V1).stderr
    assert "offline" in zoo("mirror", "verify", f"hf://{REPO}").stderr
    assert not hub.requests


def test_other_file_with_the_same_first_digits_is_not_pushed_over_the_repository_s(tiny, hub):
    """Two full digests that agree with the eight digits of the catalogue: nobody knows which is right."""
    zoo("mirror", "push", "--repo", REPO, V1)
    manifest = Manifest.parse(hub.repositories[REPO].find("main").files["manifest.json"].content, "it")
    other = FileFact(tiny[0].sha256[:8] + "0" * 56, len(tiny[0].content))
    hub.add_commit(REPO, {"manifest.json": manifest.with_files({tiny[0].path: other}).to_json()})
    result = zoo("mirror", "push", "--repo", REPO, V1)
    assert result.exit_code == 1
    assert tiny[0].sha256 in result.stderr
    assert other.sha256 in result.stderr
    assert hub.count(COMMIT) == 1


def test_repository_whose_manifest_contradicts_the_catalogue_is_not_pushed_to(tiny, hub):
    manifest = Manifest({tiny[0].path: FileFact("f" * 64, 1)})
    hub.add_repo(REPO, {"manifest.json": manifest.to_json(), tiny[0].path: b"x"})
    result = zoo("mirror", "push", "--repo", REPO, V1)
    assert result.exit_code == 1
    assert "contradicts the catalogue" in result.stderr
    assert hub.count(COMMIT) == 0


# verify


def test_mirror_that_is_as_stated_passes(any_mirror):
    address, _ = any_mirror
    for full in ([], ["--full"]):
        result = zoo("mirror", "verify", address, *full)
        assert (result.exit_code, result.stdout) == (0, "")
        assert "8 of 8 files as stated" in result.stderr


def test_verifying_downloads_no_file(any_mirror, hub, tiny, request):
    address, _ = any_mirror
    server = hub.storage if address.startswith("hf") else request.getfixturevalue("web_server")
    before = len(server.requests)
    assert zoo("mirror", "verify", address).exit_code == 0
    got = [each.path for each in server.requests[before:] if each.method == "GET"]
    assert [path for path in got if not path.endswith("manifest.json")] == []


def test_file_of_another_size_is_wrong(any_mirror, tiny):
    address, change = any_mirror
    change(tiny[0].path, tiny[0].content[:-1])
    result = zoo("mirror", "verify", address)
    assert result.exit_code == 1
    (bad,) = [line for line in result.stdout.splitlines() if tiny[0].path in line]
    assert "wrong" in bad
    assert f"expected {len(tiny[0].content):,}" in bad


def test_same_size_wrong_bytes_are_seen_on_a_hub_at_once_and_elsewhere_in_full(any_mirror, tiny):
    address, change = any_mirror
    change(tiny[1].twin_path, b"x" * len(resolve_twin(address, tiny[1])))
    assert zoo("mirror", "verify", address).exit_code == (1 if address.startswith("hf") else 0)
    bad = [row for row in rows(zoo("mirror", "verify", address, "--full", "--json")) if row["status"] != "ok"]
    assert [(row["file"], row["status"]) for row in bad] == [(tiny[1].twin_path, "wrong")]


def resolve_twin(address, file):
    """Return the bytes that a mirror has as a file's twin."""
    from zoo_core.files.sources._named import parse_mirror

    seen = parse_mirror(address).see(file.twin_path)
    return bytes(seen.size)


def test_entry_that_is_missing_is_named(any_mirror):
    address, _ = any_mirror
    result = zoo("mirror", "verify", address, "resnet18", V1)
    assert result.exit_code == 1
    assert "ResNet18_Weights.IMAGENET1K_V1/resnet18-f37072fd.pth  missing" in result.stdout
    assert V1 not in result.stdout
    assert "missing" in zoo("mirror", "verify", address, "--all").stdout


def test_manifest_that_contradicts_the_catalogue_is_wrong(any_mirror, tiny):
    address, change = any_mirror
    change("manifest.json", Manifest({tiny[0].path: FileFact("f" * 64, 1)}).to_json())
    result = zoo("mirror", "verify", address)
    assert result.exit_code == 1
    assert "contradicts the catalogue" in result.stdout


def test_manifest_that_is_none_is_wrong(any_mirror):
    address, change = any_mirror
    change("manifest.json", b"<!doctype html>")
    result = zoo("mirror", "verify", address, V1)
    assert result.exit_code == 1
    assert "manifest.json" in result.stdout


def test_mirror_without_a_manifest_is_compared_with_the_catalogue(tiny, web_server, tmp_path):
    (tmp_path / "flat").mkdir()
    for file in tiny:
        (tmp_path / "flat" / file.name).write_bytes(file.content)
    for address in (str(tmp_path / "flat"), f"{web_server.url}/flat"):
        assert zoo("mirror", "verify", address, V1, V2, "--full").exit_code == 0
    (tmp_path / "flat" / tiny[0].name).write_bytes(b"x")
    assert "expected " + tiny[0].sha256[:8] in zoo("mirror", "verify", tmp_path / "flat", V1, "--full").stdout


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/weights", "/no/such/folder", "hf://lab/absent"])
def test_mirror_that_is_not_there_is_one_reason(address, tiny, hub):
    result = zoo("mirror", "verify", address, V1)
    assert result.exit_code == 1
    assert result.stdout == ""
    first, last = result.stderr.splitlines()
    assert first.startswith(f"{address} ")
    assert last == "Error: 1 mirror not usable."


def test_mirrors_of_the_environment_are_verified_by_default(tiny, folder, monkeypatch):
    zoo("mirror", "export", folder, V1)
    monkeypatch.setenv("ZOO_MIRRORS", f"{folder},{folder}-absent")
    result = zoo("mirror", "verify")
    assert result.exit_code == 1
    assert f"{folder}-absent is not a folder here" in result.stderr


def test_entries_of_packages_that_are_not_here_are_counted(tiny, folder):
    zoo("mirror", "export", folder, V1)
    manifest = Manifest.parse((folder / "manifest.json").read_bytes(), "it")
    (folder / "manifest.json").write_bytes(
        manifest.with_files({"Other_Weights.V1/x.pth": FileFact("0" * 64)}).to_json()
    )
    result = zoo("mirror", "verify", folder)
    assert result.exit_code == 0
    assert "1 entry of no package that is installed here" in result.stderr


def test_without_any_mirror_verifying_is_wrong_usage():
    assert zoo("mirror", "verify").exit_code == 2


# what is in a mirror beside weights


def test_model_card_s_metadata_is_valid_and_states_metrics_licence_and_task():
    for member in list_weights():
        card = ModelCard(entry_card(member, {"a.pth": FileFact("0" * 64, 1)}))
        assert card.data.library_name == "zoo"
        assert card.data.license
        metrics = [v for values in member.meta["_metrics"].values() for v in values.values() if v == v]
        assert [each.metric_value for each in card.data.eval_results or []] == metrics


def test_cards_of_a_mirror_list_its_entries(tiny, folder):
    zoo("mirror", "export", folder, V1, V2)
    top = (folder / "README.md").read_text()
    assert isinstance(yaml.safe_load(top.split("---\n")[1]), dict)
    assert f"[{V1}]({V1}/README.md)" in top
    card = (folder / V1 / "README.md").read_text()
    for part in (tiny[0].sha256, "ImageClassification", "acc@5", "50.5", "Licence", tiny[0].name):
        assert part in card


def test_config_builds_the_model_and_names_every_argument_of_its_preset():
    config = json.loads(json.dumps(config_of(get_weight("ResNet18_Weights.DEFAULT"))))
    with without_files():
        model = get_model(config["architecture"], **config["arguments"])
    assert model.fc.out_features == len(config["categories"]) == 1000
    assert config["preprocessing"] == {
        "preset": "ImageClassification",
        "crop_size": [224],
        "resize_size": [256],
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "interpolation": "bilinear",
        "antialias": True,
    }


@pytest.mark.parametrize(
    "name",
    [
        "ResNet18_QuantizedWeights.DEFAULT",
        "FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.DEFAULT",
        "LRASPP_MobileNet_V3_Large_Weights.DEFAULT",
        "R3D_18_Weights.DEFAULT",
        "Raft_Small_Weights.DEFAULT",
        "ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1",
    ],
)
def test_config_of_any_task_is_what_the_builder_and_the_preset_take(name):
    member = get_weight(name)
    config = json.loads(json.dumps(config_of(member)))
    with without_files():
        model = get_model(config["architecture"], **config["arguments"])
    assert isinstance(model, torch.nn.Module)
    preset, arguments = config["preprocessing"].pop("preset"), config["preprocessing"]
    assert repr(member.transforms.func(**arguments)) == repr(member.transforms())
    assert preset == type(member.transforms()).__name__


def test_address_of_a_folder_with_a_space_can_be_used(tiny, tmp_path, monkeypatch):
    zoo("mirror", "export", tmp_path / "my mirror", V1)
    monkeypatch.setenv("ZOO_MIRRORS", f"file://{urllib.parse.quote(str(tmp_path / 'my mirror'))}")
    assert resolve(get_weight(V1).file, progress=False).path.name.endswith(".safetensors")
