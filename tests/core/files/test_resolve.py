"""Resolving a weights entry: where files are looked for, in which order, and what is never loaded."""

import base64
import hashlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from servers import Corrupted, FileServer, HtmlPage, HubServer, Status, Truncated
from zoo_core.errors import WeightsUnavailableError
from zoo_core.files import Settings, Verifier, file_of_url, find_local, resolve

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = f"model-{SHA256[:8]}.pth"
ENTRY = "Model_Weights.V1"
NESTED = f"{ENTRY}/{NAME}"


@pytest.fixture
def upstream():
    with FileServer({f"/{NAME}": CONTENT}) as server:
        yield server


@pytest.fixture
def file(upstream):
    return file_of_url(ENTRY, f"{upstream.url}/{NAME}")


@pytest.fixture
def nowhere():
    """The file, published where nobody answers."""
    return file_of_url(ENTRY, f"http://127.0.0.1:9/{NAME}")


@pytest.fixture
def hub(monkeypatch):
    with HubServer() as server:
        server.add_repo("org/zoo-weights", {NESTED: CONTENT})
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("ZOO_MIRRORS", "hf://org/zoo-weights")
        yield server


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.chmod(0o644)  # downloads are read-only
    path.write_bytes(content)
    return path


def checkpoints() -> Path:
    return Settings.from_environment().checkpoints


def test_file_is_downloaded_verified_and_kept_where_torchvision_keeps_it(file, upstream):
    found = resolve(file, progress=False)
    assert found.path == checkpoints() / NAME
    assert found.path.read_bytes() == CONTENT
    assert (found.sha256, found.verified, found.source) == (SHA256, "prefix", file.url)


def test_second_use_makes_no_request_and_no_hash(file, upstream, monkeypatch):
    resolve(file, progress=False)
    monkeypatch.setattr("zoo_core.files.store._stamps.sha256_of", lambda path: pytest.fail(f"{path} is hashed again"))
    assert resolve(file, progress=False).source == str(checkpoints())
    assert len(upstream.requests) == 1


def test_file_that_torchvision_downloaded_is_used(nowhere):
    put(checkpoints() / NAME)
    assert resolve(nowhere).path == checkpoints() / NAME


@pytest.mark.parametrize("inside", [NAME, NESTED])
def test_search_path_comes_first_and_is_used_in_place(file, upstream, tmp_path, monkeypatch, inside):
    path = put(tmp_path / "second" / inside)
    monkeypatch.setenv("ZOO_WEIGHTS_PATH", f"{tmp_path / 'first'}:{tmp_path / 'second'}")
    put(checkpoints() / NAME)
    assert resolve(file).path == path
    assert not upstream.requests


def test_wrong_file_in_the_search_path_is_passed_over_and_left_there(file, tmp_path, monkeypatch):
    wrong = put(tmp_path / "shared" / NAME, CONTENT[:-1] + b"x")
    monkeypatch.setenv("ZOO_WEIGHTS_PATH", str(tmp_path / "shared"))
    assert resolve(file, progress=False).path.read_bytes() == CONTENT
    assert wrong.exists()


def test_wrong_file_in_the_cache_is_quarantined_and_fetched_again(file):
    put(checkpoints() / NAME, CONTENT[:-1] + b"x")
    assert resolve(file, progress=False).path.read_bytes() == CONTENT
    (kept,) = Settings.from_environment().quarantine.iterdir()
    assert kept.read_bytes() == CONTENT[:-1] + b"x"


def test_file_that_changes_after_its_stamp_is_noticed(file):
    path = resolve(file, progress=False).path
    time.sleep(0.02)  # the file system's clock ticks
    put(path, CONTENT[:-1] + b"x")
    assert resolve(file, progress=False).path.read_bytes() == CONTENT


def test_unconfirmed_digits_behind_an_underscore_are_reported_and_the_file_is_used(caplog):
    with FileServer({"/model_00000000.pth": CONTENT}) as server:
        found = resolve(file_of_url(ENTRY, f"{server.url}/model_00000000.pth"), progress=False)
    assert found.verified == "unknown"
    assert SHA256 in caplog.text


def test_full_digest_is_said_to_be_one(upstream):
    from zoo_core.files import Digest

    file = file_of_url(ENTRY, f"{upstream.url}/{NAME}", Digest(SHA256))
    assert resolve(file, progress=False).verified == "full digest"


@pytest.mark.parametrize("inside", [NAME, NESTED])
def test_folder_mirror_is_asked_before_upstream(file, upstream, tmp_path, monkeypatch, inside):
    put(tmp_path / "mirror" / inside)
    monkeypatch.setenv("ZOO_MIRRORS", f"file://{tmp_path}/mirror")
    assert resolve(file, progress=False).path.read_bytes() == CONTENT
    assert not upstream.requests


@pytest.mark.parametrize("inside", [NAME, NESTED])
def test_http_mirror_is_asked_before_upstream(file, upstream, monkeypatch, inside):
    with FileServer({f"/weights/{inside}": CONTENT}) as mirror:
        monkeypatch.setenv("ZOO_MIRRORS", f"{mirror.url}/weights/")
        assert resolve(file, progress=False).source == f"{mirror.url}/weights/"
    assert not upstream.requests


def test_hub_mirror_fills_the_hugging_face_cache(file, upstream, hub):
    found = resolve(file, progress=False)
    assert found.source == "hf://org/zoo-weights"
    assert found.path.is_relative_to(Settings.from_environment().hub_cache)
    assert found.path.read_bytes() == CONTENT
    assert not upstream.requests


def test_file_in_the_hugging_face_cache_needs_no_request(file, hub):
    path = resolve(file, progress=False).path
    before = len(hub.requests)
    assert resolve(file, progress=False).path == path
    assert len(hub.requests) == before


def test_hub_mirror_with_wrong_bytes_is_quarantined_and_upstream_asked(file, hub):
    hub.add_commit("org/zoo-weights", {NESTED: CONTENT[:-1] + b"x"})
    found = resolve(file, progress=False)
    assert found.path == checkpoints() / NAME
    assert found.path.read_bytes() == CONTENT
    assert len(list(Settings.from_environment().quarantine.iterdir())) == 1
    assert resolve(file, progress=False).path == found.path


def test_cached_file_is_found_offline_when_the_hub_has_another_commit_by_now(nowhere, hub, monkeypatch):
    assert resolve(nowhere, progress=False).source == "hf://org/zoo-weights"
    commit = hub.add_commit("org/zoo-weights", {"Other_Weights.V1/other.pth": b"x"})
    refs = Settings.from_environment().hub_cache / "models--org--zoo-weights" / "refs" / "main"
    assert refs.read_text() != commit
    refs.write_text(commit)  # what fetching the other file does
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert resolve(nowhere, progress=False).path.read_bytes() == CONTENT


def test_file_that_was_right_for_another_commit_of_the_hub_s_stays(hub):
    other = CONTENT[:-1] + b"x"
    name = f"model-{SHA256[:8]}.pth"
    hub.add_commit("org/zoo-weights", {NESTED: other})
    import huggingface_hub

    settings = Settings.from_environment()
    path = huggingface_hub.hf_hub_download("org/zoo-weights", NESTED, cache_dir=settings.hub_cache, endpoint=hub.url)
    hub.add_commit("org/zoo-weights", {NESTED: CONTENT})
    refs = settings.hub_cache / "models--org--zoo-weights" / "refs" / "main"
    refs.write_text("0" * 40)
    assert resolve(file_of_url(ENTRY, f"http://127.0.0.1:9/{name}"), progress=False).path.read_bytes() == CONTENT
    assert Path(path).read_bytes() == other


def test_absent_hub_repository_is_passed_over_at_once(file, monkeypatch, hub):
    monkeypatch.setenv("ZOO_MIRRORS", "hf://org/absent")
    started = time.perf_counter()
    assert resolve(file, progress=False).source == file.url
    assert time.perf_counter() - started < 3


def test_unreachable_hub_is_asked_once_a_process(upstream, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("ZOO_MIRRORS", "hf://org/unreachable")
    started = time.perf_counter()
    for number in range(3):
        name = f"other{number}-{SHA256[:8]}.pth"
        upstream.put(f"/{name}", CONTENT)
        resolve(file_of_url(f"Other_Weights.V{number}", f"{upstream.url}/{name}"), progress=False)
    assert time.perf_counter() - started < 3


@pytest.mark.parametrize(
    "fault", [Status(403), Status(404), Status(500), Truncated(1000), Corrupted(), HtmlPage()], ids=repr
)
def test_failing_mirror_is_passed_over_and_nothing_wrong_is_kept(file, monkeypatch, fault):
    with FileServer({f"/{NESTED}": CONTENT, f"/{NAME}": CONTENT}) as mirror:
        mirror.fail(f"/{NESTED}", fault)
        mirror.fail(f"/{NAME}", fault)
        monkeypatch.setenv("ZOO_MIRRORS", mirror.url)
        found = resolve(file, progress=False)
    assert found.source == file.url
    assert found.path.read_bytes() == CONTENT
    assert not list((checkpoints() / ".zoo" / "partial").iterdir())


@pytest.mark.parametrize(
    "mirror", ["http://[bad/", "http://mirör.invalid/gewichte/", "https://host:port/", "http:///x"]
)
def test_mirror_that_cannot_be_asked_is_passed_over(file, monkeypatch, mirror):
    monkeypatch.setenv("ZOO_MIRRORS", mirror)
    assert resolve(file, progress=False).source == file.url


def test_mirror_may_have_a_path_that_people_can_read(nowhere, monkeypatch):
    with FileServer({f"/große modelle/{NESTED}": CONTENT}) as mirror:
        monkeypatch.setenv("ZOO_MIRRORS", f"{mirror.url}/große modelle/")
        assert resolve(nowhere, progress=False).path.read_bytes() == CONTENT


def test_folder_of_a_mirror_may_have_spaces_in_its_name(nowhere, tmp_path, monkeypatch):
    put(tmp_path / "my disk" / NAME)
    monkeypatch.setenv("ZOO_MIRRORS", f" {tmp_path / 'absent'} , {tmp_path / 'my disk'}\n")
    assert resolve(nowhere, progress=False).source == str(tmp_path / "my disk")


def test_password_goes_to_its_mirror_and_nowhere_else(file, upstream, monkeypatch, caplog):
    caplog.set_level("DEBUG")
    with FileServer({}) as mirror:
        monkeypatch.setenv("ZOO_MIRRORS", mirror.url.replace("://", "://me:p%40ss@"))
        assert resolve(file, progress=False).source == file.url
        sent = {request.headers.get("authorization") for request in mirror.requests}
        assert sent == {"Basic " + base64.b64encode(b"me:p@ss").decode()}
        monkeypatch.setenv("ZOO_WEIGHTS_PATH", "")
        file = file_of_url("Other.V1", f"http://127.0.0.1:9/{NAME.replace('model', 'other')}")
        with pytest.raises(WeightsUnavailableError) as caught:
            resolve(file, progress=False)
    assert mirror.url in str(caught.value)
    assert "ss@" not in str(caught.value) + caplog.text
    assert all("authorization" not in request.headers for request in upstream.requests)


def test_when_all_fail_one_error_lists_every_source_its_reason_and_what_to_do(nowhere, tmp_path, monkeypatch):
    with FileServer({}) as mirror:
        monkeypatch.setenv("ZOO_MIRRORS", f"{mirror.url},{tmp_path / 'absent'}")
        monkeypatch.setenv("ZOO_WEIGHTS_PATH", str(tmp_path / "shared"))
        with pytest.raises(WeightsUnavailableError) as caught:
            resolve(nowhere, progress=False)
    message = str(caught.value)
    places = [mirror.url, str(tmp_path / "absent"), nowhere.url, f"{tmp_path / 'shared'} (ZOO_WEIGHTS_PATH)"]
    reasons = ["HTTP 404", "is not a folder here", "Connection refused", "not there"]
    for part in [NAME, ENTRY, *places, *reasons, f"zoo download {ENTRY}"]:
        assert part in message


@pytest.mark.parametrize("variable", ["ZOO_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_makes_no_connection_and_says_so_at_once(file, upstream, monkeypatch, variable):
    monkeypatch.setenv(variable, "1")
    started = time.perf_counter()
    with pytest.raises(WeightsUnavailableError, match="offline"):
        resolve(file)
    assert time.perf_counter() - started < 0.5
    assert not upstream.requests


def test_offline_uses_what_is_here(file, monkeypatch):
    put(checkpoints() / NAME)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert resolve(file).path == checkpoints() / NAME


def test_mirror_of_unknown_form_is_an_error_that_lists_the_forms(file, monkeypatch):
    monkeypatch.setenv("ZOO_MIRRORS", "ftp://host/folder")
    with pytest.raises(ValueError, match="expected hf://"):
        resolve(file)


def test_folder_that_cannot_be_written_is_named_with_what_to_do(file, tmp_path, monkeypatch):
    (tmp_path / "in the way").touch()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "in the way"))
    with pytest.raises(WeightsUnavailableError, match="Set TORCH_HOME to a folder"):
        resolve(file, progress=False)


def test_file_inside_a_package_is_verified(tmp_path, monkeypatch):
    put(tmp_path / "a_package" / "__init__.py", b"")
    put(tmp_path / "a_package" / "weights" / NAME)
    monkeypatch.syspath_prepend(tmp_path)
    file = file_of_url(ENTRY, f"package:a_package/weights/{NAME}")
    assert resolve(file).source == "package a_package"
    put(tmp_path / "a_package" / "weights" / NAME, b"wrong")
    with pytest.raises(WeightsUnavailableError, match="wrong bytes"):
        resolve(file)


def test_find_local_tells_nothing_of_a_file_that_is_not_here(nowhere):
    reasons: dict[str, str] = {}
    assert find_local(nowhere, Settings.from_environment(), reasons) is None
    assert list(reasons.values()) == ["not there"]


PROCESS = """
import sys
from zoo_core.files import file_of_url, resolve
print(resolve(file_of_url(sys.argv[1], sys.argv[2]), progress=False).sha256)
"""


def test_eight_processes_cause_one_download_from_a_hub(hub):
    command = [sys.executable, "-c", PROCESS, ENTRY, f"http://127.0.0.1:9/{NAME}"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    assert [process.communicate(timeout=60)[0].strip() for process in processes] == [SHA256] * 8
    storage = hub.storage_path("org/zoo-weights", NESTED)
    assert (
        len([request for request in hub.storage.requests if request.path == storage and request.method == "GET"]) == 1
    )


def test_put_away_file_leaves_no_stamp(tmp_path):
    verifier = Verifier.of(Settings.from_environment())
    path = put(tmp_path / "file")
    verifier.stamps.sha256_of(path)
    verifier.put_away(path, NAME, SHA256)
    put(path)
    assert verifier.stamps.read(path) is None
