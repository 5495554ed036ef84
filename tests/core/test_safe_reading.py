"""Reading a checkpoint runs no code, takes no memory that the file does not pay for, and gives what was verified."""

import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from zoo_core.building import load_checkpoint
from zoo_core.checkpoints import LONGEST_HEADER, read_state_dict
from zoo_core.errors import CheckpointError
from zoo_core.files import ResolvedFile, Settings, file_of_url, resolve, sha256_of

STATE = {"weight": torch.arange(300_000, dtype=torch.float32).reshape(1000, 300), "bias": torch.ones(1000)}


class Calls:
    """Pickled as a call of `os.system`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def write(path: Path, form: str) -> Path:
    if form == "safetensors":
        save_file(STATE, path.with_suffix(".safetensors"))
        return path.with_suffix(".safetensors")
    torch.save(STATE, path.with_suffix(".pth"), _use_new_zipfile_serialization=form == "zip")
    return path.with_suffix(".pth")


def safetensors_file(path: Path, header: object, data: bytes = b"", *, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def resolved(path: Path) -> ResolvedFile:
    """The file as it is resolved from a cache."""
    name = f"model-{sha256_of(path)[:8]}{path.suffix}"
    checkpoints = Settings.from_environment().checkpoints
    checkpoints.mkdir(parents=True, exist_ok=True)
    path.rename(checkpoints / name)
    return resolve(file_of_url("Model_Weights.V1", f"http://127.0.0.1:9/{name}"), progress=False)


# What the file holds is never run


@pytest.mark.parametrize("form", ["zip", "older"])
def test_pickle_that_calls_os_system_is_refused_and_nothing_is_run(tmp_path, form):
    path = tmp_path / "evil.pth"
    torch.save({"weight": Calls(tmp_path / "run")}, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(CheckpointError, match=r"evil\.pth"):
        read_state_dict(path)
    assert not (tmp_path / "run").exists()


def test_the_same_pickle_runs_where_nothing_refuses_it(tmp_path):
    """The test above would notice."""
    torch.save({"weight": Calls(tmp_path / "run")}, tmp_path / "evil.pth")
    torch.load(tmp_path / "evil.pth", weights_only=False)
    assert (tmp_path / "run").exists()


@pytest.mark.parametrize("form", ["zip", "older", "safetensors"])
def test_damaged_file_is_an_error_of_one_kind_or_reads_as_tensors(tmp_path, form):
    damaged = write(tmp_path / "damaged", form)
    whole, rng = damaged.read_bytes(), random.Random(1)
    outcomes = set()
    for _ in range(150):
        place = rng.choice((rng.randrange(2000), len(whole) - rng.randrange(1, 2000)))
        damaged.write_bytes(whole[:place] + rng.randbytes(rng.randrange(4)) + whole[place + rng.randrange(4) :])
        outcomes.add(_error_of(damaged))
    assert outcomes == {CheckpointError, None}


# Safetensors with bad headers


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (b"not JSON", b""),
        ([1, 2], b""),
        ({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}, b"1234"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}, b"1234"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, b"1234"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}}, b"1234"),
        ({"a": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 4]}}, b"1234"),
        ({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}, b"1234"),
        ({"a": {"dtype": "X9", "shape": [1], "data_offsets": [0, 4]}}, b"1234"),
        ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"12345678"),
        ({"a": {"shape": [1]}}, b""),
        ({"a": 1}, b""),
    ],
    ids=lambda value: str(value)[:60],
)
def test_safetensors_with_a_bad_header_is_refused(tmp_path, header, data):
    with pytest.raises(CheckpointError, match=r"file\.safetensors"):
        read_state_dict(safetensors_file(tmp_path / "file.safetensors", header, data))


READ = """
import resource, sys, time
from pathlib import Path
from zoo_core.checkpoints import read_state_dict
from zoo_core.errors import CheckpointError
read_state_dict(Path(sys.argv[1]))
for path in sys.argv[2:]:
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    try:
        read_state_dict(Path(path))
        sys.exit("read")
    except CheckpointError:
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.perf_counter() - started)
"""


def test_safetensors_with_a_huge_header_is_refused_in_a_moment_and_little_memory(tmp_path):
    billion = safetensors_file(
        tmp_path / "a", b'{"0":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},', length=60 * 10**9
    )
    os.truncate(billion, 60 * 10**9)  # room for a billion keys; sparse
    entries = b",".join(b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,9]}' % n for n in range(290_000))
    assert 0.9 * LONGEST_HEADER < len(entries) < LONGEST_HEADER
    longest = safetensors_file(tmp_path / "b", b"{" + entries + b"}")
    too_long = safetensors_file(tmp_path / "c", b"{" + 4 * (entries + b",") + entries + b"}")
    files = [path.rename(path.with_suffix(".safetensors")) for path in (billion, too_long, longest)]
    command = [sys.executable, "-c", READ, write(tmp_path / "good", "safetensors"), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [tuple(map(float, line.split())) for line in done.stdout.splitlines()]
    assert len(lines) == 3
    for kibibytes, seconds in lines[:2]:
        assert kibibytes < 10_000
        assert seconds < 1
    assert lines[2][0] < 400_000
    assert lines[2][1] < 5


# What was read is what was verified


def test_file_that_changed_after_it_was_verified_and_before_it_is_read_is_refused(tmp_path):
    found = resolved(write(tmp_path / "model", "zip"))
    _flip(found.path, offset=found.path.stat().st_size // 2, keep_times=True)
    with pytest.raises(CheckpointError, match="was changed while it was read"), found.unchanged() as path:
        read_state_dict(path)


def test_file_that_changes_while_it_is_read_is_refused(tmp_path):
    found = resolved(write(tmp_path / "model", "zip"))
    with pytest.raises(CheckpointError, match="was changed while it was read"):
        _load_while(found, lambda path: _flip(path, offset=path.stat().st_size // 2, keep_times=True))


def test_error_that_a_change_has_caused_says_so(tmp_path):
    found = resolved(write(tmp_path / "model", "older"))
    with pytest.raises(CheckpointError, match="was changed while it was read") as caught:
        _load_while(found, lambda path: _make_writable(path).write_bytes(b"something else"))
    assert "cannot be read" in str(caught.value.__cause__)


def test_error_of_another_cause_stays_what_it_was(tmp_path):
    found = resolved(write(tmp_path / "model", "zip"))
    with pytest.raises(KeyError), found.unchanged():
        raise KeyError


@pytest.mark.parametrize("form", ["zip", "older", "safetensors"])
@pytest.mark.parametrize("change", ["replaced", "deleted"])
def test_file_that_is_replaced_or_deleted_after_the_load_does_not_change_the_model(tmp_path, form, change):
    found = resolved(write(tmp_path / "model", form))
    model = torch.nn.Linear(300, 1000)
    with found.unchanged() as path:
        load_checkpoint(model, read_state_dict(path), source="test")
    if change == "replaced":
        (tmp_path / "other").write_bytes(bytes(found.path.stat().st_size))
        (tmp_path / "other").replace(found.path)
    else:
        found.path.unlink()
    assert torch.equal(model.weight, STATE["weight"])
    assert torch.equal(model.bias, STATE["bias"])


@pytest.mark.parametrize("form", ["zip", "older", "safetensors"])
def test_without_mapping_even_overwriting_in_place_does_not_change_the_model(tmp_path, form, monkeypatch):
    monkeypatch.setenv("ZOO_MMAP", "0")
    found = resolved(write(tmp_path / "model", form))
    model = torch.nn.Linear(300, 1000)
    with found.unchanged() as path:
        load_checkpoint(model, read_state_dict(path), source="test")
    with found.path.open("r+b") as file:
        file.write(bytes(found.path.stat().st_size))
    assert torch.equal(model.weight, STATE["weight"])
    assert torch.equal(model.bias, STATE["bias"])


def test_writer_that_never_stops_never_gets_a_wrong_tensor_through(tmp_path, monkeypatch):
    """With files read at once, whatever a load returns is right: all others are refused."""
    monkeypatch.setenv("ZOO_MMAP", "0")
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    found = resolved(write(tmp_path / "model", "zip"))
    whole, stop = found.path.read_bytes(), threading.Event()
    place = whole.index(STATE["weight"].numpy().tobytes()[400_000:400_064])

    def disturb() -> None:
        while not stop.is_set():
            for byte in (whole[place] ^ 0xFF, whole[place]):
                with contextlib.suppress(FileNotFoundError), found.path.open("r+b") as file:
                    file.seek(place)
                    file.write(bytes([byte]))
                time.sleep(0.002)

    writer = threading.Thread(target=disturb)
    writer.start()
    results = []
    try:
        for _ in range(40):
            results.append(_load(found.path))
            found.path.write_bytes(whole)
    finally:
        stop.set()
        writer.join()
    assert None in results
    assert all(state is None or torch.equal(state["weight"], STATE["weight"]) for state in results)


def _load_while(found: ResolvedFile, change) -> None:
    """Read a file, change it, and read it again."""
    with found.unchanged() as path:
        read_state_dict(path)
        change(path)
        read_state_dict(path)


def _error_of(path: Path) -> type[Exception] | None:
    try:
        read_state_dict(path)
    except Exception as error:  # noqa: BLE001 # which one is the question
        return type(error)
    return None


def _load(path: Path):
    try:
        again = resolve(file_of_url("Model_Weights.V1", f"http://127.0.0.1:9/{path.name}"))
        with again.unchanged() as path:
            return read_state_dict(path)
    except (CheckpointError, OSError):
        return None


def _flip(path: Path, offset: int, *, keep_times: bool) -> None:
    """Change one byte in place; afterwards size and time of modification are what they were."""
    before = path.stat()
    with _make_writable(path).open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0xFF]))
    if keep_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _make_writable(path: Path) -> Path:
    path.chmod(0o644)
    return path
