"""What is hashed is the file that gets the name, whoever writes to it meanwhile."""

import hashlib
import mmap
import os
import random
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.users import GROUP, as_root, public_folder, user
from servers import FileServer, Stalled
from zoo_core.errors import WeightsUnavailableError
from zoo_core.files import Settings, Verifier, file_of_url, resolve
from zoo_core.files.store._resolved_file import ResolvedFile
from zoo_core.files.transfer._partial import Origin, Partial, partials

CONTENT = random.Random(6).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = f"model-{SHA256[:8]}.pth"
ENTRY = "Model_Weights.V1"


@pytest.fixture(autouse=True)
def _upstream_alone(monkeypatch):
    monkeypatch.setattr("zoo_core.files._resolve.PAUSES", ())
    monkeypatch.setenv("ZOO_MIRRORS", "")


@pytest.fixture(params=["read again", "not read again"])
def again(request, monkeypatch):
    """Small files are always read again; large ones where somebody else may have written."""
    if request.param == "not read again":
        monkeypatch.setattr("zoo_core.files.store._verify.ALWAYS_READ_AGAIN", -1)


@pytest.fixture
def server():
    with FileServer({f"/{NAME}": CONTENT, "/model.pth": CONTENT}) as running:
        yield running


def checkpoints() -> Path:
    folder = Settings.from_environment().checkpoints
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(b"wrong")


def overwrite_and_hide(path: Path) -> None:
    status = path.stat()
    overwrite(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def make_anew(path: Path) -> None:
    """Put another file in its place, with the same size and times."""
    status = path.stat()
    path.unlink()
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def link_elsewhere(path: Path) -> None:
    path.unlink()
    (path.parent.parent.parent / "elsewhere").write_bytes(CONTENT[::-1])
    path.symlink_to("../../elsewhere")


WRITERS = [overwrite, overwrite_and_hide, append, make_anew, link_elsewhere]


def resolve_with(
    monkeypatch: pytest.MonkeyPatch, writer: Callable[[Path], None], moment: str, url: str
) -> ResolvedFile:
    """Resolve, while somebody else writes to the `.part`: among the bytes, behind the last, or before the rename."""
    close, write, done = Partial.close, Partial.write, set[Partial]()

    def closed(partial: Partial) -> object:
        if moment == "behind the last byte":
            writer(partial.path)
        whole = close(partial)
        if moment == "before the rename":
            partial.path.chmod(0o600)
            writer(partial.path)
        return whole

    def written(partial: Partial, block: bytes) -> None:
        write(partial, block)
        if moment == "among the bytes" and not done:
            done.add(partial)
            writer(partial.path)

    monkeypatch.setattr(Partial, "close", closed)
    monkeypatch.setattr(Partial, "write", written)
    return resolve(file_of_url(ENTRY, url), progress=False)


@pytest.mark.usefixtures("again")
@pytest.mark.parametrize("name", [NAME, "model.pth"], ids=["with digits", "without"])
@pytest.mark.parametrize("moment", ["among the bytes", "behind the last byte", "before the rename"])
@pytest.mark.parametrize("writer", WRITERS)
def test_partial_that_somebody_writes_to_never_gets_stamped_as_what_came(monkeypatch, server, writer, moment, name):
    try:
        found = resolve_with(monkeypatch, writer, moment, f"{server.url}/{name}")
    except WeightsUnavailableError as error:
        assert "although it came right" in str(error) or "cannot be written" in str(error)  # noqa: PT017
    else:  # what was appended is overwritten again
        assert (writer, moment) == (append, "among the bytes")
        assert found.path.read_bytes() == CONTENT
    monkeypatch.undo()
    monkeypatch.setenv("ZOO_MIRRORS", "")
    assert resolve(file_of_url(ENTRY, f"{server.url}/{name}"), progress=False).path.read_bytes() == CONTENT


@pytest.mark.usefixtures("again")
def test_file_replaced_as_it_gets_its_name_is_not_stamped(monkeypatch, server):
    into_its_place = Path.replace

    def disturbed(self: Path, target: Path) -> Path:
        result = into_its_place(self, target)
        if Path(target).name == NAME:
            make_anew(result)
        return result

    monkeypatch.setattr(Path, "replace", disturbed)
    with pytest.raises(WeightsUnavailableError, match="although it came right"):
        resolve(file_of_url(ENTRY, f"{server.url}/{NAME}"), progress=False)


def test_large_file_that_nobody_can_have_written_to_is_hashed_once(monkeypatch, server):
    monkeypatch.setattr("zoo_core.files.store._verify.ALWAYS_READ_AGAIN", -1)
    hashed = []
    monkeypatch.setattr("zoo_core.files.store._stamps.sha256_of", lambda path: hashed.append(path) or SHA256)
    resolve(file_of_url(ENTRY, f"{server.url}/{NAME}"), progress=False)
    assert not hashed


@as_root
def test_colleague_cannot_open_what_is_being_written(server, monkeypatch):
    server.fail(f"/{NAME}", Stalled(1000), times=1)
    with public_folder() as place:
        monkeypatch.setenv("TORCH_HOME", str(place))
        monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        folder = checkpoints()
        os.chown(folder, 0, GROUP)
        folder.chmod(0o2775)
        with user(1, umask=0o002):
            partial = Partial(folder, NAME)
            partial.write(b"half")
        with user(2):
            for mode in ("rb", "r+b", "ab"):
                with pytest.raises(PermissionError):
                    partial.path.open(mode)
        assert stat.S_IMODE(partial.path.stat().st_mode) == 0o600
        whole = partial.close()
        assert (whole.is_certain, stat.S_IMODE(whole.path.stat().st_mode)) == (False, 0o444)  # root is not its owner


# Files that are here


@pytest.fixture
def here(server):
    """The file, in place and stamped."""
    return resolve(file_of_url(ENTRY, f"{server.url}/{NAME}"), progress=False).path


@pytest.mark.parametrize(
    ("mode", "owner", "group", "is_hashed"),
    [
        (0o444, 0, 0, False),
        (0o644, 0, 0, False),
        (0o664, 0, 0, False),  # the group of the same number is the owner's own
        (0o664, 0, GROUP, True),
        (0o666, 0, 0, True),
        (0o644, 54321, 54321, True),
        (0o444, 54321, 54321, False),
    ],
)
@as_root
def test_file_is_hashed_at_every_load_if_others_may_write_to_it(here, monkeypatch, mode, owner, group, is_hashed):
    here.chmod(mode)
    os.chown(here, owner, group)
    stamps, hashed = Verifier.of(Settings.from_environment()).stamps, []
    stamps.sha256_of(here)
    monkeypatch.setattr("zoo_core.files.store._stamps.sha256_of", lambda path: hashed.append(path) or SHA256)
    stamps.sha256_of(here)
    assert bool(hashed) == is_hashed


def test_change_through_a_map_of_a_file_that_others_may_write_to_is_noticed(here, server):
    here.chmod(0o666)
    with here.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[0] = CONTENT[0]  # from here on, no write changes the file's time
        time.sleep(0.02)
        resolve(file_of_url(ENTRY, f"{server.url}/{NAME}"), progress=False)
        mapped[5] ^= 1
        found = resolve(file_of_url(ENTRY, f"{server.url}/{NAME}"), progress=False)
        assert found.path.read_bytes() == CONTENT
    assert len(server.requests) == 2


# What was left over


def leave(folder: Path, content: bytes, url: str, *, size: int | None = None) -> Path:
    left = Partial(folder, NAME)
    left.begin(Origin(url, '"1"', size))
    left.write(content)
    left.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    return left.path


def test_note_without_bytes_blocks_nothing(server):
    url = f"{server.url}/{NAME}"
    leave(checkpoints(), b"x", url).unlink()
    assert resolve(file_of_url(ENTRY, url), progress=False).path.read_bytes() == CONTENT
    assert not list(partials(checkpoints()))


@pytest.mark.parametrize(("known", "announced"), [(None, len(CONTENT)), (len(CONTENT), None), (None, None)])
def test_partial_longer_than_the_file_blocks_nothing(server, known, announced):
    url = f"{server.url}/{NAME}"
    leave(checkpoints(), CONTENT + b"more", url, size=announced)
    assert resolve(file_of_url(ENTRY, url, size=known), progress=False).path.read_bytes() == CONTENT


def test_partial_longer_than_the_file_is_not_gone_on_with(server):
    url = f"{server.url}/{NAME}"
    leave(checkpoints(), CONTENT + b"more", url, size=len(CONTENT))
    resolve(file_of_url(ENTRY, url), progress=False)
    assert [request.headers.get("range") for request in server.requests] == [None]


@pytest.mark.parametrize(
    "note",
    ["[" * 100_000, '{"owner": null, "origin": {"key": "", "validator": "", "size": 1e999}}', "x" * 10_000_000],
    ids=["deep", "infinite", "long"],
)
def test_damaged_note_blocks_nothing(server, note):
    url = f"{server.url}/{NAME}"
    leave(checkpoints(), b"x", url).with_suffix(".json").write_text(note)
    assert resolve(file_of_url(ENTRY, url), progress=False).path.read_bytes() == CONTENT


@pytest.mark.parametrize("suffix", [".json", ".part"])
def test_pipe_among_partials_blocks_nothing(server, suffix):
    url = f"{server.url}/{NAME}"
    path = leave(checkpoints(), b"x", url).with_suffix(suffix)
    path.unlink()
    os.mkfifo(path)
    assert resolve(file_of_url(ENTRY, url), progress=False).path.read_bytes() == CONTENT


@pytest.mark.parametrize("suffix", [".json", ".part"])
@pytest.mark.parametrize("target", ["/dev/zero", "private"])
def test_link_among_partials_is_not_read(server, tmp_path, suffix, target):
    url = f"{server.url}/{NAME}"
    path = leave(checkpoints(), CONTENT[:1000], url).with_suffix(suffix)
    private = path.rename(tmp_path / "private")
    private.chmod(0o600)
    path.symlink_to(tmp_path / target)
    assert resolve(file_of_url(ENTRY, url), progress=False).path.read_bytes() == CONTENT
    assert "range" not in server.requests[0].headers


@as_root
def test_beginning_that_others_could_write_to_is_not_gone_on_with(server):
    url = f"{server.url}/{NAME}"
    leave(checkpoints(), CONTENT[:1000], url).chmod(0o660)
    assert resolve(file_of_url(ENTRY, url), progress=False).path.read_bytes() == CONTENT
    assert "range" not in server.requests[0].headers
