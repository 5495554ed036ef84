"""Twenty thousand files, one per cent of them broken: a row each, in flat memory, through a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

FILES = 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    for number in range(FILES):
        path = folder / f"{number // 1000:02}" / f"{number:05}.png"
        path.parent.mkdir(exist_ok=True)
        if number % 100 == 0:
            path.write_bytes(b"broken")
        else:
            Image.new("L", (16, 16), number % 256).save(path)
    return folder


def resident(process):
    """Return the process's resident memory in MiB; none if it has just ended."""
    _, _, after = Path(f"/proc/{process.pid}/status").read_text().partition("VmRSS:")
    return int(after.split()[0]) / 1024 if after else None


def watch(process, output, until):
    """Wait until the file has so many rows, or the process ends; return the resident memory at every thousand rows."""
    sizes = {}
    while process.poll() is None:
        rows = output.read_bytes().count(b"\n") if output.exists() else 0
        if rows >= until:
            break
        if rows and (size := resident(process)) is not None:
            sizes.setdefault(rows // 1000, size)
        time.sleep(0.2)
    return sizes


@pytest.mark.slow
def test_every_file_gets_one_row_in_flat_memory_through_a_kill(folder, tmp_path):
    output = tmp_path / "results.jsonl"
    command = [sys.executable, "-m", "zoo_core.cli", "predict", str(folder), "-o", str(output), "--batch-size", "32"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as first:
        before = watch(first, output, until=9_000)
        os.kill(first.pid, signal.SIGKILL)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as second:
        after = watch(second, output, until=FILES + 1)
    assert second.returncode == 1
    rows = [json.loads(line) for line in output.read_bytes().splitlines()]
    assert len(rows) == len({row["source"] for row in rows}) == FILES
    assert sum("error" in row for row in rows) == FILES // 100
    for sizes in (before, after):
        assert len(sizes) > 3
        early, *_, late = list(sizes.values())[1:]
        assert late < 1.1 * early, sizes
