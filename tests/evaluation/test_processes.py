"""Several processes, and one that is killed: every sample is counted once, and the record is the same."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

import zoo_digits
from zoo_evaluation import EvaluationJob, Record

SAMPLES = sorted((Path(str(zoo_digits.__file__)).parent / "samples").glob("*.png"))
RUN = """
import sys, time
from zoo_evaluation import EvaluationJob
from zoo_evaluation.tasks.classification import ClassificationEvaluation as Kind
row = Kind.row
def slow(*arguments):
    time.sleep(float(sys.argv[3]))
    return row(*arguments)
Kind.row = slow
EvaluationJob(model="shufflenet_v2_x0_5_digits", dataset=sys.argv[1], output=sys.argv[2]).run()
"""


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """22 images, some of them turned upside down, so that the model errs."""
    root = tmp_path_factory.mktemp("data") / "digits"
    for path in SAMPLES:
        (root / path.stem).mkdir(parents=True)
        image = Image.open(path)
        image.save(root / path.stem / "a.png")
        image.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(root / path.stem / "b.png")
    (root / "six" / "c.png").write_bytes(b"no image")
    (root / "six" / "d.png").write_bytes((root / "six" / "b.png").read_bytes())
    return root


@pytest.fixture(scope="module")
def alone(digits, tmp_path_factory):
    return content(job(digits, tmp_path_factory.mktemp("alone")).run())


def job(digits, folder, **more):
    return EvaluationJob(model="shufflenet_v2_x0_5_digits", dataset=digits, output=folder, **more)


def content(record):
    found = record.to_dict()
    assert found.pop("timing")["date"]
    return json.dumps(found, sort_keys=True)


def start(digits, folder, pause=0.0, **environment):
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", RUN, str(digits), str(folder), str(pause)]
    return subprocess.Popen(command, env=os.environ | threads | environment)


def rows(folder):
    return [json.loads(line)["source"] for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]


def test_what_failed_is_tried_again_by_one_process_alone(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match=r"retry is for one process.*start it without torchrun, with the same output"):
        job(digits, tmp_path, retry=True)


@pytest.mark.parametrize(("device", "own"), [("cuda", "cuda:1"), ("cuda:0", "cuda:0"), ("cpu", "cpu")])
def test_processes_that_torchrun_starts_have_a_gpu_each(digits, tmp_path, monkeypatch, device, own):
    assert job(digits, tmp_path, device=device)._own_device == device
    for name, value in (("RANK", "3"), ("WORLD_SIZE", "4"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert job(digits, tmp_path, device=device)._own_device == own
    assert job(digits, tmp_path, device=device, shard=(1, 2))._own_device == device


@pytest.mark.parametrize("count", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_processes_that_torchrun_starts_give_the_record_of_one(digits, alone, tmp_path, monkeypatch, count):
    others = [start(digits, tmp_path, RANK=str(rank), WORLD_SIZE=str(count)) for rank in range(1, count)]
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", str(count))
    record = job(digits, tmp_path).run()
    assert [other.wait(120) for other in others] == [0] * len(others)
    assert content(record) == content(Record.from_json(tmp_path / "record.json")) == alone
    assert len(rows(tmp_path)) == len(set(rows(tmp_path))) == 22
    assert len(list(tmp_path.glob("*.jsonl"))) == count


def test_shards_meet_in_the_folder_and_the_last_one_gives_the_record(digits, alone, tmp_path):
    assert job(digits, tmp_path, shard=(2, 2)).run() is None
    assert not (tmp_path / "record.json").exists()
    with pytest.raises(ValueError, match="lacks the predictions of 11 of 22 samples"):
        job(digits, tmp_path).recompute()
    assert content(job(digits, tmp_path, shard=(1, 2)).run()) == alone
    assert len(rows(tmp_path)) == len(set(rows(tmp_path))) == 22


def test_a_run_that_is_killed_goes_on_to_the_same_record(digits, alone, tmp_path):
    process = start(digits, tmp_path, pause=0.2)
    lines = tmp_path / "predictions.jsonl"
    deadline = time.monotonic() + 120
    while not lines.exists() or lines.read_bytes().count(b"\n") < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    with lines.open("ab") as file:  # what a kill in the middle of a write leaves
        file.write(b'{"source": "six/')
    assert 3 <= len(lines.read_bytes().splitlines()) < 22
    record = job(digits, tmp_path).run()
    assert content(record) == alone
    assert 0 < record.timing["predicted"] < 20
    assert len(rows(tmp_path)) == len(set(rows(tmp_path))) == 22
