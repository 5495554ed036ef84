"""Downloads that were cut off go on, in the same process and in another; what does not belong together is not used."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from servers import Corrupted, FileServer, HubServer, RangeIgnored, Stalled, Status, Truncated, WrongEtag
from zoo_core.errors import WeightsUnavailableError
from zoo_core.files import Settings, file_of_url, resolve, sha256_of
from zoo_core.files.transfer._owner_process import Owner
from zoo_core.files.transfer._partial import Origin, Partial, partials

CONTENT = random.Random(0).randbytes(3 << 20)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = f"model-{SHA256[:8]}.pth"
PATH = f"/{NAME}"
ENTRY = "Model_Weights.V1"
BLOCK = 1 << 20

FETCH = """
import sys
from zoo_core.files import _resolve, file_of_url, resolve
from zoo_core.files.transfer import _http
_http.TIMEOUT, _resolve.PAUSES = float(sys.argv[3]), ()
print(resolve(file_of_url(sys.argv[1], sys.argv[2]), progress=False).sha256)
"""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", ())


@pytest.fixture
def server():
    with FileServer({PATH: CONTENT}) as running:
        yield running


@pytest.fixture
def file(server):
    return file_of_url(ENTRY, f"{server.url}{PATH}")


def checkpoints() -> Path:
    return Settings.from_environment().checkpoints


def process(url: str, timeout: float = 20) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FETCH, ENTRY, url, str(timeout)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kept() -> int:
    """How many bytes the one partial has."""
    (partial,) = partials(checkpoints())
    return partial.size


def nothing_is_left() -> bool:
    return not list((checkpoints() / ".zoo" / "partial").iterdir())


def give_up(server, file, after: int) -> None:
    """Fail to fetch the file, with so many bytes of it here."""
    server.fail(PATH, Truncated(after), times=1)
    server.fail(PATH, Status(503), times=1)
    with pytest.raises(WeightsUnavailableError):
        resolve(file, progress=False)
    assert kept() == after


def leave_partial(file, content: bytes, size: int | None) -> None:
    """Leave what a process leaves that is interrupted after it has written so much."""
    partial = Partial(checkpoints(), NAME)
    partial.begin(Origin(file.url, '"1"', size))
    partial.write(content)
    partial.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)


def asked(server) -> list[tuple[str | None, int]]:
    """The ranges that were asked for, and how many bytes were sent."""
    return [(request.headers.get("range"), request.bytes_sent) for request in server.requests_for(PATH)]


def test_transfer_that_breaks_off_goes_on_at_once(server, file):
    server.fail(PATH, Truncated(after=1_000_000), times=1)
    assert resolve(file, progress=False).path.read_bytes() == CONTENT
    assert asked(server) == [(None, 1_000_000), ("bytes=1000000-", len(CONTENT) - 1_000_000)]
    assert nothing_is_left()


def test_transfer_that_keeps_breaking_off_is_given_up(server, file):
    server.fail(PATH, Truncated(after=1000))
    with pytest.raises(WeightsUnavailableError, match="broke off after 4,000 of 3,145,728"):
        resolve(file, progress=False)
    assert server.count(PATH) == 4


def test_next_try_asks_for_the_rest_of_the_same_version(server, file):
    give_up(server, file, after=1_000_000)
    assert resolve(file, progress=False).path.read_bytes() == CONTENT
    last = server.requests_for(PATH)[-1]
    assert (last.headers["range"], last.bytes_sent) == ("bytes=1000000-", len(CONTENT) - 1_000_000)
    assert last.headers["if-range"].startswith('"')
    assert nothing_is_left()


def test_file_that_is_complete_but_was_not_moved_into_place_is_not_asked_for(server, file):
    leave_partial(file, CONTENT, len(CONTENT))
    assert resolve(file, progress=False).path.read_bytes() == CONTENT
    assert not server.requests


def test_note_that_was_cut_off_goes_with_the_beginning_that_it_is_of(server, file):
    give_up(server, file, after=1_000_000)
    (beginning,) = partials(checkpoints())
    beginning.note_path.with_name(f"{beginning.note_path.name}.0123abcd.new").write_text('{"owner": {"mach')
    assert resolve(file, progress=False).path.read_bytes() == CONTENT
    assert nothing_is_left()


def test_another_version_on_the_server_is_fetched_from_its_beginning(server, file):
    other = file_of_url(ENTRY, f"{server.url}{PATH}")
    server.put(PATH, CONTENT[::-1])
    give_up(server, file, after=1_000_000)
    server.put(PATH, CONTENT)
    assert resolve(other, progress=False).path.read_bytes() == CONTENT
    assert server.requests_for(PATH)[-1].bytes_sent == len(CONTENT)


def test_server_that_knows_no_ranges_sends_all_of_it(server, file):
    give_up(server, file, after=1_000_000)
    server.fail(PATH, RangeIgnored())
    assert resolve(file, progress=False).path.read_bytes() == CONTENT


def test_server_that_says_another_version_in_a_partial_answer_is_asked_for_all(server, file):
    give_up(server, file, after=1_000_000)
    server.fail(PATH, WrongEtag('"other"'), times=1)
    assert resolve(file, progress=False).path.read_bytes() == CONTENT
    assert asked(server)[-1] == (None, len(CONTENT))


def test_version_without_a_strong_etag_or_date_is_fetched_from_its_beginning(server, file):
    server.fail(PATH, WrongEtag('W/"weak"'), times=1)
    with pytest.raises(KeyboardInterrupt), _interrupted_after(1_000_000):
        resolve(file, progress=False)
    assert nothing_is_left()


def test_beginning_with_wrong_bytes_is_thrown_away_and_all_is_fetched_again(server, file):
    server.fail(PATH, Corrupted(offset=500), times=1)
    with pytest.raises(KeyboardInterrupt), _interrupted_after(1_000_000):
        resolve(file, progress=False)
    assert kept() >= 1_000_000
    assert resolve(file, progress=False).path.read_bytes() == CONTENT
    assert [spec is None for spec, _ in asked(server)] == [True, False, True]
    assert not Settings.from_environment().quarantine.exists()


def test_beginning_longer_than_the_file_is_not_used(server, file):
    leave_partial(file, CONTENT + b"more", None)
    assert resolve(file, progress=False).path.read_bytes() == CONTENT


@pytest.mark.parametrize("share", [0.1, 0.6, 0.99])
def test_killed_process_is_gone_on_with(server, file, share):
    after = int(len(CONTENT) * share)
    server.fail(PATH, Stalled(after), times=1)
    running = process(file.url)
    server.wait_for(PATH, bytes_sent=after)
    _wait_until(lambda: kept() > max(0, after - BLOCK))
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=10)
    server.recover()
    again = process(file.url)
    assert again.communicate(timeout=30)[0].strip() == SHA256
    sent = sum(request.bytes_sent for request in server.requests_for(PATH))
    assert sent - len(CONTENT) <= BLOCK
    assert nothing_is_left()


def test_partial_of_a_process_that_runs_is_left_to_it(server, file):
    server.fail(PATH, Stalled(1_000_000), times=1)
    running = process(file.url)
    server.wait_for(PATH, bytes_sent=1_000_000)
    _wait_until(lambda: kept() > 0)
    (partial,) = partials(checkpoints())
    with Partial(checkpoints(), NAME) as mine:
        mine.resume(file.url, at_most=None)
        assert mine.count == 0
    assert partial.is_in_use
    server.release()
    assert running.communicate(timeout=30)[0].strip() == SHA256


def test_owner_is_not_mistaken_for_a_later_process_of_the_same_number():
    mine = Owner.this_process()
    assert mine.is_running(0)
    assert not Owner(mine.machine, mine.process, mine.started + 1).is_running(0)


def test_owner_on_another_machine_counts_as_ended_after_a_long_silence(monkeypatch):
    import time

    owner = Owner("elsewhere", 1, 1)
    assert owner.is_running(time.time() - 60)
    assert not owner.is_running(time.time() - 600)
    assert not owner.is_running(time.time() + 600)  # a clock was moved


def test_damaged_note_makes_a_partial_useless_and_nothing_worse(server, file):
    give_up(server, file, after=1_000_000)
    (partial,) = partials(checkpoints())
    for content in ("", "[]", "{}", json.dumps({"owner": {}, "origin": {}}), '{"owner": null, "origin": {"key": 1}}'):
        partial.note_path.write_text(content)
        os.utime(partial.bytes_path, (0, 0))
        assert [found.origin for found in partials(checkpoints())] == [None]
    assert resolve(file, progress=False).path.read_bytes() == CONTENT
    assert nothing_is_left()


def test_download_from_a_hub_goes_on_in_another_process_and_shows_the_storage_no_token(monkeypatch):
    nested = f"{ENTRY}/{NAME}"
    with HubServer() as hub:
        commit = hub.add_repo("org/zoo-weights", {nested: CONTENT}, token="hf_secret")
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("ZOO_MIRRORS", "hf://org/zoo-weights")
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        storage = hub.storage_path("org/zoo-weights", nested)
        hub.storage.fail(storage, Stalled(2_000_000), times=1)
        url = f"http://127.0.0.1:9/{NAME}"
        first = process(url, timeout=0.5)
        assert "no byte came" in first.communicate(timeout=30)[1]
        hub.recover()
        assert process(url).communicate(timeout=30)[0].strip() == SHA256
        requests = hub.storage.requests_for(storage)
    assert [request.headers.get("range", "").partition("=")[0] for request in requests] == ["", "bytes"]
    assert sum(request.bytes_sent for request in requests) - len(CONTENT) <= BLOCK
    assert not any("authorization" in request.headers for request in requests)
    folder = Settings.from_environment().hub_cache / "models--org--zoo-weights"
    assert (folder / "refs" / "main").read_text() == commit
    assert sha256_of(folder / "blobs" / SHA256) == SHA256
    assert (folder / "snapshots" / commit / nested).readlink() == Path("../../../blobs") / SHA256
    assert not list((folder / ".zoo" / "partial").iterdir())


class _interrupted_after:  # noqa: N801
    """Inside, a download is interrupted by the user once so many bytes are here."""

    def __init__(self, count: int) -> None:
        self.count, self.patch = count, pytest.MonkeyPatch()

    def __enter__(self) -> None:
        write = Partial.write

        def counted(partial: Partial, block: bytes) -> None:
            write(partial, block)
            if partial.count >= self.count:
                raise KeyboardInterrupt

        self.patch.setattr(Partial, "write", counted)

    def __exit__(self, *_: object) -> None:
        self.patch.undo()


def _wait_until(condition, seconds: float = 10) -> None:
    import time

    end = time.monotonic() + seconds
    while not _holds(condition):
        assert time.monotonic() < end
        time.sleep(0.01)


def _holds(condition) -> bool:
    try:
        return condition()
    except ValueError:  # there is no partial yet
        return False
