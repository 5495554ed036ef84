"""Many at once: one download where locks work, right files also where they do nothing."""

import hashlib
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from servers import FileServer, Stalled
from zoo_core.files import Settings, file_of_url, resolve
from zoo_core.files.transfer._locks import locked

CONTENT = random.Random(3).randbytes(2 << 20)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = f"model-{SHA256[:8]}.pth"
PATH = f"/{NAME}"
ENTRY = "Model_Weights.V1"
BLOCK = 1 << 20

LOCKS = ["locks that work", "locks that do nothing"]

RESOLVE = """
import fcntl, hashlib, os, sys
from zoo_core.files import file_of_url, resolve
from zoo_core.files.transfer import _download, _locks
import filelock
_locks.PATIENCE = float(sys.argv[5])
if sys.argv[3] == "locks that do nothing":
    fcntl.flock = lambda *_: None
children = []
for _ in range(int(sys.argv[4])):
    child = os.fork()
    if child == 0:
        found = resolve(file_of_url(sys.argv[1], sys.argv[2]), progress=False)
        right = found.sha256 == hashlib.sha256(found.path.read_bytes()).hexdigest()
        os.write(1, b"found %s\\n" % (found.sha256 if right else "wrong").encode())
        os._exit(0)
    children.append(child)
os.write(1, b"%s\\n" % " ".join(map(str, children)).encode())
for child in children:
    status = os.waitpid(child, 0)[1]
    if status:
        os.write(2, b"%d ended with %d\\n" % (child, status))
"""


@pytest.fixture
def server():
    with FileServer({PATH: CONTENT}) as running:
        yield running


def processes(url: str, locks: str, count: int, patience: float = 60) -> subprocess.Popen[str]:
    """So many processes that resolve the file at once; the first line of their output has their numbers."""
    command = [sys.executable, "-c", RESOLVE, ENTRY, url, locks, str(count), str(patience)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def digests(running: subprocess.Popen[str]) -> list[str]:
    lines = running.communicate(timeout=60)[0].splitlines()
    return [line.removeprefix("found ") for line in lines if line.startswith("found ")]


def nothing_is_left() -> bool:
    return not list((Settings.from_environment().checkpoints / ".zoo" / "partial").iterdir())


@pytest.mark.parametrize("locks", LOCKS)
def test_sixteen_processes_at_once(server, locks):
    assert digests(processes(f"{server.url}{PATH}", locks, 16)) == [SHA256] * 16
    if locks == "locks that work":
        assert server.count(PATH) == 1
    assert nothing_is_left()


@pytest.mark.parametrize("locks", LOCKS)
def test_sixteen_threads_at_once(server, locks, monkeypatch):
    if locks == "locks that do nothing":
        monkeypatch.setattr("fcntl.flock", lambda *_: None)
    file, together = file_of_url(ENTRY, f"{server.url}{PATH}"), threading.Barrier(16)

    def run(_: int) -> bytes:
        together.wait()
        return resolve(file, progress=False).path.read_bytes()

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(run, range(16))) == {CONTENT}
    assert (server.count(PATH) == 1) is (locks == "locks that work")
    assert nothing_is_left()


def test_others_take_over_when_the_process_that_downloads_is_killed(server):
    server.fail(PATH, Stalled(1_500_000), times=1)
    first = processes(f"{server.url}{PATH}", LOCKS[0], 1)
    server.wait_for(PATH, bytes_sent=1_500_000)
    others = processes(f"{server.url}{PATH}", LOCKS[0], 4)
    time.sleep(0.5)
    _kill(int(first.stdout.readline()))
    assert digests(others) == [SHA256] * 4
    first.communicate(timeout=10)
    assert server.bytes_sent(PATH) - len(CONTENT) <= BLOCK
    assert nothing_is_left()


def test_process_that_holds_the_lock_and_does_nothing_is_not_waited_for_for_ever(server):
    server.fail(PATH, Stalled(1_000_000), times=1)
    first = processes(f"{server.url}{PATH}", LOCKS[0], 1)
    server.wait_for(PATH, bytes_sent=1_000_000)
    held = int(first.stdout.readline())
    _signal(held, signal.SIGSTOP)
    try:
        assert digests(processes(f"{server.url}{PATH}", LOCKS[0], 1, patience=0.3)) == [SHA256]
    finally:
        server.release()
        _signal(held, signal.SIGCONT)
    assert digests(first) == [SHA256]  # it went on with its own file
    assert (Settings.from_environment().checkpoints / NAME).read_bytes() == CONTENT
    assert nothing_is_left()


def test_lock_that_cannot_be_had_is_gone_without(tmp_path):
    (tmp_path / ".zoo").touch()  # in the way of the folder for locks
    with locked(NAME, tmp_path):
        done = True
    assert done


def _kill(process: int) -> None:
    _signal(process, signal.SIGKILL)


def _signal(process: int, number: int) -> None:
    import os

    os.kill(process, number)
