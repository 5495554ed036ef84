"""Whatever goes wrong with a source ends in the right bytes from another, or in one error that names all and why."""

import hashlib
import os
import random
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from servers import (
    Corrupted,
    Delayed,
    FileServer,
    HtmlPage,
    HubServer,
    RangeIgnored,
    RedirectLoop,
    Stalled,
    Status,
    Truncated,
    WrongEtag,
)
from zoo_core.errors import WeightsUnavailableError
from zoo_core.files import Settings, Stamps, Verifier, file_of_url, resolve

CONTENT = random.Random(1).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = f"model-{SHA256[:8]}.pth"
ENTRY = "Model_Weights.V1"
NESTED = f"{ENTRY}/{NAME}"
REPO = "org/zoo-weights"

FAULTS = {
    Status(403): "HTTP 403 Forbidden",
    Status(404): "HTTP 404 Not Found",
    Status(429, retry_after=3600): "HTTP 429 Too Many Requests; it asks to come back in 3600 s",
    Status(500): "HTTP 500 Internal Server Error",
    Status(503): "HTTP 503 Service Unavailable",
    Truncated(0): "broke off after 0 of 300,000 bytes",
    Truncated(1000): "broke off after",
    Stalled(1000): "no byte came",
    Stalled(0): "no byte came",
    Delayed(): "no byte came",
    Corrupted(): "wrong bytes",
    Corrupted(299_999): "wrong bytes",
    HtmlPage(): "a web page in place of the file",
    RedirectLoop(): "redirects in a circle",
}
"""What a server may do, and how its failure is called."""
HARMLESS = [WrongEtag(), WrongEtag('W/"weak"'), RangeIgnored()]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr("zoo_core.files.transfer._http.TIMEOUT", 0.3)
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", ())


def settings() -> Settings:
    return Settings.from_environment()


def temporary_files() -> list[Path]:
    """What downloads keep until they have finished, in any cache."""
    folders = (settings().checkpoints, settings().hub_cache)
    found = [path for folder in folders for path in folder.rglob("*")]
    return [path for path in found if path.suffix == ".new" or path.parent.name == "partial"]


def unpublished() -> object:
    """The file, published where nobody answers."""
    return file_of_url(ENTRY, f"http://127.0.0.1:9/{NAME}")


@pytest.mark.parametrize("fault", [*FAULTS, *HARMLESS], ids=repr)
def test_mirror_that_fails_is_passed_over_at_once(fault, monkeypatch):
    with FileServer({f"/{NAME}": CONTENT}) as mirror, FileServer({f"/{NAME}": CONTENT}) as upstream:
        mirror.fail(f"/{NAME}", fault)
        monkeypatch.setenv("ZOO_MIRRORS", mirror.url)
        started = time.perf_counter()
        found = resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)
        assert time.perf_counter() - started < 2
        assert found.source == (mirror.url if fault in HARMLESS else f"{upstream.url}/{NAME}")
    assert found.path.read_bytes() == CONTENT
    assert not temporary_files()


@pytest.mark.parametrize(("fault", "reason"), FAULTS.items(), ids=map(repr, FAULTS))
def test_when_all_fail_the_error_names_each_source_and_its_reason(fault, reason, monkeypatch):
    with FileServer({f"/{NAME}": CONTENT}) as mirror, FileServer({f"/{NAME}": CONTENT}) as upstream:
        for server in (mirror, upstream):
            server.fail(f"/{NAME}", fault)
        monkeypatch.setenv("ZOO_MIRRORS", mirror.url)
        with pytest.raises(WeightsUnavailableError) as caught:
            resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)
    lines = str(caught.value).splitlines()
    for source in (mirror.url, f"{upstream.url}/{NAME}"):
        (line,) = [line for line in lines if line.strip().startswith(f"{source}: ")]
        assert reason in line
    assert not (settings().checkpoints / NAME).exists()


@pytest.mark.parametrize("where", ["hub", "storage"])
@pytest.mark.parametrize("fault", [*FAULTS, *HARMLESS], ids=repr)
def test_hub_that_fails_is_passed_over_at_once(fault, where, monkeypatch):
    with HubServer() as hub, FileServer({f"/{NAME}": CONTENT}) as upstream:
        hub.add_repo(REPO, {NESTED: CONTENT})
        server, path = (
            (hub, hub.resolve_path(REPO, NESTED)) if where == "hub" else (hub.storage, hub.storage_path(REPO, NESTED))
        )
        server.fail(path, fault)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}")
        monkeypatch.setattr("zoo_core.files.sources._hub_client.ANSWER_TIMEOUT", 0.3)
        started = time.perf_counter()
        found = resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)
        assert time.perf_counter() - started < 3
    assert found.path.read_bytes() == CONTENT
    assert not temporary_files()


def test_connection_refused_and_host_without_an_address_are_named(monkeypatch):
    monkeypatch.setenv("ZOO_MIRRORS", "http://127.0.0.1:9/,http://no-such-host.invalid/")
    with pytest.raises(WeightsUnavailableError) as caught:
        resolve(unpublished(), progress=False)
    assert "Connection refused" in str(caught.value)
    assert "the tests know no host" in str(caught.value)


def test_server_that_accepts_no_connection_holds_nobody_up(monkeypatch):
    monkeypatch.setattr("zoo_core.files.transfer._http.CONNECT_TIMEOUT", 0.2)
    monkeypatch.setattr("zoo_core.files.transfer._http.TIMEOUT", 20)
    with socket.socket() as deaf, FileServer({f"/{NAME}": CONTENT}) as upstream, socket.socket() as first:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)  # its queue is full with the first
        first.connect(deaf.getsockname())
        with socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(deaf.getsockname())
            monkeypatch.setenv("ZOO_MIRRORS", f"http://127.0.0.1:{deaf.getsockname()[1]}/")
            started = time.perf_counter()
            assert resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False).path.exists()
            assert time.perf_counter() - started < 2


def test_file_of_another_size_is_refused_before_it_is_read():
    with FileServer({f"/{NAME}": CONTENT * 10}) as upstream:
        file = file_of_url(ENTRY, f"{upstream.url}/{NAME}", size=len(CONTENT))
        with pytest.raises(WeightsUnavailableError, match="another file: 3,000,000 bytes, expected 300,000"):
            resolve(file, progress=False)


# Failures that pass


def test_source_that_fails_for_a_moment_is_asked_again_when_no_other_has_the_file(monkeypatch):
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", (0.01, 0.01))
    with FileServer({f"/{NAME}": CONTENT}) as upstream:
        upstream.fail(f"/{NAME}", Status(503), times=1)
        upstream.fail(f"/{NAME}", Status(429, retry_after=0), times=1)
        assert resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False).path.read_bytes() == CONTENT
        assert upstream.count(f"/{NAME}") == 3


def test_source_that_is_asked_again_is_asked_for_the_rest(monkeypatch):
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", (0.01,))
    with FileServer({f"/{NAME}": CONTENT}) as upstream:
        upstream.fail(f"/{NAME}", Stalled(200_000), times=1)
        resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)
        assert [each.headers.get("range") for each in upstream.requests] == [None, "bytes=200000-"]


@pytest.mark.parametrize("what", ["repository", "manifest", "file"])
def test_hub_that_is_busy_for_a_moment_is_asked_again(monkeypatch, what):
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", (0.01, 0.01))
    with HubServer() as hub:
        hub.add_repo(REPO, {NESTED: CONTENT})
        path = {
            "repository": f"/api/models/{REPO}/revision/main",
            "manifest": hub.resolve_path(REPO, "manifest.json"),
            "file": hub.resolve_path(REPO, NESTED),
        }[what]
        hub.fail(path, Status(429, retry_after=0), times=1)
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}")
        assert resolve(unpublished(), progress=False).path.read_bytes() == CONTENT
        assert hub.count(path) >= 2


def test_source_that_will_not_have_the_file_in_a_moment_is_not_asked_again(monkeypatch):
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", (0.01, 0.01))
    with FileServer({}) as upstream, pytest.raises(WeightsUnavailableError, match="HTTP 404"):
        resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)
    assert upstream.count(f"/{NAME}") == 1


@pytest.mark.parametrize("seconds", [6, 3600])
def test_nobody_waits_long_for_a_source(monkeypatch, seconds):
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", (0.01, 0.01))
    with FileServer({f"/{NAME}": CONTENT}) as upstream:
        upstream.fail(f"/{NAME}", Status(429, retry_after=seconds))
        started = time.perf_counter()
        with pytest.raises(WeightsUnavailableError, match=f"come back in {seconds} s"):
            resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)
        assert time.perf_counter() - started < 1
        assert upstream.count(f"/{NAME}") == 1


def test_time_to_come_back_may_be_a_date(monkeypatch):
    with FileServer({f"/{NAME}": CONTENT}) as upstream:
        late = Status(503).apply(None, None).with_headers(Retry_After="Wed, 21 Oct 2099 07:28:00 GMT")
        upstream.answer = lambda request: late
        with pytest.raises(WeightsUnavailableError, match=r"come back in \d{9,} s"):
            resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)


# Disks

KEEP = """
import resource, sys
from zoo_core.files import file_of_url, resolve
import zoo_core.files.transfer._http, zoo_core.files.transfer._download, filelock, concurrent.futures
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    resolve(file_of_url(sys.argv[1], sys.argv[2]), progress=False)
except OSError as error:
    print(error)
"""


def test_disk_that_is_full_in_the_middle_is_named_with_what_to_do_and_nothing_is_left():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    with FileServer({f"/{NAME}": CONTENT}) as upstream:
        command = [sys.executable, "-c", KEEP, ENTRY, f"{upstream.url}/{NAME}", "100000"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{settings().checkpoints} has no room" in done.stdout
    assert "Make room, or set TORCH_HOME" in done.stdout
    assert not temporary_files()
    assert not (settings().checkpoints / NAME).exists()


def test_file_that_is_larger_than_the_room_on_the_disk_is_not_begun(monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("usage", (), {"free": len(CONTENT) - 1}))
    with (
        FileServer({f"/{NAME}": CONTENT}) as upstream,
        pytest.raises(WeightsUnavailableError, match="300,000 bytes are needed, 299,999 are free"),
    ):
        resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)
    assert not temporary_files()


def test_disk_that_is_full_for_one_source_is_not_filled_by_the_next(monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("usage", (), {"free": 0}))
    with FileServer({f"/{NAME}": CONTENT}) as mirror, FileServer({f"/{NAME}": CONTENT}) as upstream:
        monkeypatch.setenv("ZOO_MIRRORS", mirror.url)
        with pytest.raises(WeightsUnavailableError, match="has no room"):
            resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)
        assert not upstream.requests


@pytest.mark.parametrize("size", [0, 1000])
def test_wrong_file_that_does_not_fit_into_the_quarantine_is_dropped(monkeypatch, size):
    def full(source, target):
        Path(target).write_bytes(bytes(size))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zoo_core.files.store._verify._move", full)
    with (
        FileServer({f"/{NAME}": CONTENT[::-1]}) as upstream,
        pytest.raises(WeightsUnavailableError, match="wrong bytes"),
    ):
        resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)
    assert not list(settings().quarantine.iterdir())
    assert not temporary_files()


def test_the_same_wrong_bytes_are_kept_once(monkeypatch):
    with FileServer({f"/{NAME}": CONTENT[::-1]}) as upstream:
        for _ in range(3):
            with pytest.raises(WeightsUnavailableError, match="wrong bytes"):
                resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)
    assert len(list(settings().quarantine.iterdir())) == 1


def test_links_that_do_not_work_leave_the_file_itself_in_the_hugging_face_cache(monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "symlink", refuse)
    with HubServer() as hub:
        hub.add_repo(REPO, {NESTED: CONTENT})
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}")
        found = resolve(unpublished(), progress=False)
        assert not found.path.is_symlink()
        assert found.path.read_bytes() == CONTENT
        before = len(hub.requests)
        assert resolve(unpublished(), progress=False).path == found.path
        assert len(hub.requests) == before
    assert not temporary_files()


def test_contents_that_came_with_another_revision_are_not_downloaded_again(monkeypatch):
    with HubServer() as hub:
        first = hub.add_repo(REPO, {NESTED: CONTENT})
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}@{first}")
        resolve(unpublished(), progress=False)
        second = hub.add_commit(REPO, {"other.txt": b"x"})
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}@{second}")
        assert second in str(resolve(unpublished(), progress=False).path)
        assert hub.storage.count(hub.storage_path(REPO, NESTED)) == 1


@pytest.mark.parametrize("etag", ['"../../../../escaped"', '"a/b"', '".."'])
def test_answer_of_a_hub_never_becomes_a_path_out_of_the_cache(monkeypatch, tmp_path, etag):
    with HubServer() as hub:
        hub.add_repo(REPO, {NESTED: CONTENT})
        hub.fail(hub.resolve_path(REPO, NESTED), WrongEtag(etag))
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", f"hf://{REPO}")
        with pytest.raises(WeightsUnavailableError, match="strange ETag"):
            resolve(unpublished(), progress=False)
    assert not list(tmp_path.rglob("*escaped*"))


# Clocks


@pytest.mark.parametrize("years", [-10, 10])
def test_clock_that_was_moved_makes_no_stamp_wrong(monkeypatch, years):
    now = time.time()
    with FileServer({f"/{NAME}": CONTENT}) as upstream:
        file = file_of_url(ENTRY, f"{upstream.url}/{NAME}")
        path = resolve(file, progress=False).path
        monkeypatch.setattr(time, "time", lambda: now + years * 365 * 86_400)
        stamps = Stamps(settings().state / "verified")
        assert stamps.read(path) == SHA256
        path.chmod(0o644)
        path.write_bytes(CONTENT[::-1])
        os.utime(path, (now + years * 365 * 86_400,) * 2)
        assert stamps.read(path) is None
        assert resolve(file, progress=False).path.read_bytes() == CONTENT


def test_change_that_hides_behind_the_old_time_of_modification_is_noticed():
    with FileServer({f"/{NAME}": CONTENT}) as upstream:
        file = file_of_url(ENTRY, f"{upstream.url}/{NAME}")
        path = resolve(file, progress=False).path
        before = path.stat()
        path.chmod(0o644)
        path.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert resolve(file, progress=False).path.read_bytes() == CONTENT


def test_file_that_changes_between_its_last_byte_and_its_stamp_is_not_stamped(monkeypatch):
    """The digest is that of the bytes that came; the stamp must not be of another state."""
    into_its_place = Path.replace

    def disturbed(self: Path, target: Path) -> Path:
        result = into_its_place(self, target)
        if Path(target).name == NAME:
            time.sleep(0.02)
            result.chmod(0o644)
            result.write_bytes(CONTENT[::-1])
        return result

    monkeypatch.setattr(Path, "replace", disturbed)
    with (
        FileServer({f"/{NAME}": CONTENT}) as upstream,
        pytest.raises(WeightsUnavailableError, match="although it came right"),
    ):
        resolve(file_of_url(ENTRY, f"{upstream.url}/{NAME}"), progress=False)
    assert Verifier.of(settings()).stamps.read(settings().checkpoints / NAME) in {
        None,
        hashlib.sha256(CONTENT[::-1]).hexdigest(),
    }
