"""Random schedules of faults: never a wrong byte, and no temporary file once the file is here."""

import contextlib
import hashlib
import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from core.users import user
from servers import (
    EVERY_PATH,
    Corrupted,
    Fault,
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
from zoo_core.files import Settings, file_of_url, resolve, unfinished
from zoo_core.files.sources._asked_once import forget_answers
from zoo_core.files.transfer._owner_process import Owner
from zoo_core.files.transfer._partial import Partial

CONTENT = random.Random(4).randbytes(200_000)
NAME = f"model-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"
ENTRY = "Model_Weights.V1"
NESTED = f"{ENTRY}/{NAME}"
REPO = "org/zoo-weights"


class KilledError(BaseException):
    """Stands for the end of the process in the middle of a write."""


def random_fault(rng: random.Random) -> Fault:
    place = rng.randrange(len(CONTENT))
    return rng.choice(  # type: ignore[return-value]
        [
            *(Status(code) for code in (403, 404, 500, 503)),
            Status(429, retry_after=rng.choice((0, 9))),
            Truncated(place),
            Truncated(place),
            Stalled(place),
            Corrupted(place),
            Corrupted(place),
            WrongEtag(),
            WrongEtag('W/"weak"'),
            RangeIgnored(),
            RedirectLoop(),
            HtmlPage(),
        ]
    )


@contextmanager
def impatient() -> Iterator[None]:
    """Inside, no answer is waited for: afterwards a busy machine's answers may take their time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo_core.files.transfer._http.TIMEOUT", 0.05)
        patch.setattr("zoo_core.files.sources._hub_client.ANSWER_TIMEOUT", 0.15)
        patch.setattr("zoo_core.files._resolve.PAUSES", (0.001,))
        patch.setattr("zoo_core.files._resolve.LONGEST_PAUSE", 0.01)
        yield


@contextmanager
def killed(at: int | None) -> Iterator[None]:
    """Inside, the process ends when so many bytes of a file are here, leaving all as it is then; `None` for never."""
    if at is None:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        write, leave, owner = Partial.write, Partial.__exit__, Owner.this_process()

        def write_some(partial: Partial, block: bytes) -> None:
            room = at - partial.count
            if room < len(block):
                write(partial, block[: max(room, 0)])
                raise KilledError
            write(partial, block)

        def leave_all(partial: Partial, kind: object, error: object, trace: object) -> None:
            if isinstance(error, KilledError):
                partial._digest.close()
                partial._file.close()
            else:
                leave(partial, kind, error, trace)  # type: ignore[arg-type]

        patch.setattr(Partial, "write", write_some)
        patch.setattr(Partial, "__exit__", leave_all)
        patch.setattr(Owner, "this_process", lambda: replace(owner, started=owner.started - 1))
        yield


@contextmanager
def disturbed(rng: random.Random) -> Iterator[None]:
    """Inside, somebody writes to the `.part` at some moment, sometimes; another user may try to."""
    what = rng.choice((None, None, "overwritten", "longer", "another", "by another user"))
    at, is_last = rng.randrange(len(CONTENT)), rng.random() < 0.5
    if what is None:
        yield
        return

    def disturb(partial: Partial) -> None:
        if what == "by another user":
            if os.geteuid() == 0 and partial.path.exists():
                with user(2), pytest.raises(PermissionError):
                    partial.path.open("r+b")
            return
        with contextlib.suppress(OSError):
            content = bytearray(partial.path.read_bytes()) or bytearray(b"x")
            content[at % len(content)] ^= 1
            if what == "another":
                partial.path.unlink()
            with partial.path.open("ab" if what == "longer" else "r+b" if what == "overwritten" else "xb") as file:
                file.write(content)

    with pytest.MonkeyPatch.context() as patch:
        write, close = Partial.write, Partial.close

        def write_and_disturb(partial: Partial, block: bytes) -> None:
            before = partial.count
            write(partial, block)
            if not is_last and before <= at < partial.count:
                disturb(partial)

        def close_and_disturb(partial: Partial) -> object:
            whole = close(partial)
            if is_last:
                partial.path.chmod(0o600)
                disturb(partial)
            return whole

        patch.setattr(Partial, "write", write_and_disturb)
        patch.setattr(Partial, "close", close_and_disturb)
        patch.setattr("zoo_core.files.store._verify.ALWAYS_READ_AGAIN", rng.choice((-1, 1 << 20)))
        yield


class Soak:
    """Servers that stay, and a cache of its own for each schedule."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.patch, self.outcomes = folder, patch, Counter[str]()

    def run(self, seed: int, hub: HubServer, mirror: FileServer, upstream: FileServer) -> None:
        rng, caches = random.Random(seed), self.folder / str(seed)
        self._use(caches, rng, hub, mirror)
        file = file_of_url(ENTRY, f"{upstream.url}/{NAME}", size=rng.choice((None, len(CONTENT))))
        self._spoil(rng)
        servers = (hub, hub.storage, mirror, upstream)
        for server in servers:
            for _ in range(rng.randrange(4)):
                server.fail(EVERY_PATH, random_fault(rng), times=rng.choice((1, 1, 2, None)))
        with impatient():
            for _ in range(rng.randrange(1, 4)):
                self._try(file, rng)
                self._damage_refs(rng)
        for server in servers:
            server.recover()
            server._released.clear()
        forget_answers()
        found = resolve(file, progress=False)
        assert found.path.read_bytes() == CONTENT
        assert not list(unfinished(Settings.from_environment()))
        left = [path for path in caches.rglob("*") if path.suffix in {".new", ".part"} or path.parent.name == "partial"]
        assert not left
        shutil.rmtree(caches)

    def _use(self, caches: Path, rng: random.Random, hub: HubServer, mirror: FileServer) -> None:
        """Take new caches, and some mirrors."""
        forget_answers()
        for name in ("TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME"):
            self.patch.setenv(name, str(caches / name))
        self.patch.setenv("HF_ENDPOINT", hub.url)
        mirrors = [f"hf://{REPO}", mirror.url, str(self.folder / "absent")]
        self.patch.setenv("ZOO_MIRRORS", ",".join(rng.sample(mirrors, rng.randrange(4))))

    def _spoil(self, rng: random.Random) -> None:
        """Put something wrong where the file will be, sometimes."""
        if rng.random() < 0.3:
            folder = Settings.from_environment().checkpoints
            folder.mkdir(parents=True)
            wrong = bytearray(CONTENT)
            wrong[rng.randrange(len(wrong))] ^= 1
            (folder / NAME).write_bytes(wrong[: rng.choice((0, 1000, len(wrong)))])

    def _damage_refs(self, rng: random.Random) -> None:
        """Let the Hub's cache say nonsense about the commit of a branch, sometimes."""
        for folder in Settings.from_environment().hub_cache.glob("models--*"):
            if rng.random() < 0.5:
                (folder / "refs").mkdir(exist_ok=True)
                nonsense = (b"", b"\xff\xfe", b"a\0b", b"../../..", b"x" * 5000, b"0" * 40)
                (folder / "refs" / "main").write_bytes(rng.choice(nonsense))
                self.outcomes["damaged"] += 1

    def _try(self, file: object, rng: random.Random) -> None:
        """Resolve; the process may end meanwhile, and a file that came may be changed afterwards."""
        try:
            with disturbed(rng), killed(rng.choice((None, rng.randrange(len(CONTENT))))):
                path = resolve(file, progress=False).path  # type: ignore[arg-type]
        except WeightsUnavailableError:
            self.outcomes["error"] += 1
        except KilledError:
            self.outcomes["killed"] += 1
        else:
            self.outcomes["file"] += 1
            assert path.read_bytes() == CONTENT
            if rng.random() < 0.3:
                target = path.resolve()
                target.chmod(0o644)
                with target.open("r+b") as file_there:
                    file_there.seek(rng.randrange(len(CONTENT) - 1))
                    file_there.write(os.urandom(1))


@pytest.mark.parametrize("count", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_random_schedules_of_faults_load_no_wrong_byte_and_leave_no_temporary_file(tmp_path, monkeypatch, count):
    soak = Soak(tmp_path, monkeypatch)
    with HubServer() as hub, FileServer({f"/{NAME}": CONTENT}) as upstream, FileServer({f"/{NAME}": CONTENT}) as mirror:
        hub.add_repo(REPO, {NESTED: CONTENT})
        for seed in range(count):
            try:
                soak.run(seed, hub, mirror, upstream)
            except BaseException as error:
                error.add_note(f"in the schedule with the seed {seed}")
                raise
    for outcome in ("file", "error", "killed"):
        assert soak.outcomes[outcome] > count // 10
    assert soak.outcomes["damaged"]
