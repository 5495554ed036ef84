"""What type checkers know of the functions that predict."""

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[3] / "packages"
SCRIPT = """
import io
from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import numpy
import torch
from PIL import Image

import zoo_core
from zoo_core.prediction import Prediction

assert_type(zoo_core.predict("photos", model="resnet50", topk=1), list[Prediction])
assert_type(zoo_core.stream(["a.png"], model="resnet50"), Iterator[Prediction])
assert_type(zoo_core.predict.stream("photos", model="resnet50", batch_size=32), Iterator[Prediction])
zoo_core.predict("photos")
zoo_core.predict(Image.new("RGB", (4, 4)), model="resnet50")
zoo_core.predict([numpy.zeros((4, 4)), torch.zeros(3, 4, 4), b"bytes", Path("a.png")], model="resnet50")
zoo_core.predict([("a.png", b"bytes")], model="raft_small")
assert_type(zoo_core.load_predictor("resnet50")(io.BytesIO()), list[Prediction])
assert_type(zoo_core.predict("photos")[0].draw(), Image.Image)
zoo_core.predict.stream("photos", model=50)  # error
zoo_core.stream(3, model="resnet50")  # error
"""


@pytest.mark.slow
def test_predicting_is_typed_all_at_once_and_streamed(tmp_path, monkeypatch):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    monkeypatch.setenv("MYPYPATH", ":".join(map(str, PACKAGES.glob("*/src"))))
    options = ["--strict", "--follow-imports=silent", "--no-error-summary", f"--cache-dir={tmp_path / 'cache'}"]
    call = [sys.executable, "-m", "mypy", *options, script.name]
    found = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path)
    lines = {int(line.split(":")[1]) for line in found.stdout.splitlines() if ": error:" in line}
    expected = {number for number, line in enumerate(SCRIPT.splitlines(), 1) if line.endswith("# error")}
    assert lines == expected, found.stdout + found.stderr
