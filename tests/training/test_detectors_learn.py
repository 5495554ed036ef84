"""Detectors learn drawn shapes by `zoo train`, each in minutes; and every detector can be trained."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shapes_dataset import write_shapes
from zoo_core import get_model_weights, list_models
from zoo_training import train

PACKAGE = Path(__file__).parent / "shapes_package"
DETECTORS = list_models("zoo_detection")


@pytest.fixture(scope="module")
def many_shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shapes")
    write_shapes(root, scenes=200, held_out=40)
    return root


def zoo(*arguments: str) -> dict[str, Any]:
    """Call the command in another process, with the small detectors installed; return what it prints."""
    path = os.pathsep.join([str(PACKAGE), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "zoo_core.cli", *arguments, "--json"],
        env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "least", "more"),
    [
        ("maskrcnn_shapes", {"box_map": 45, "mask_map": 45}, ("--epochs", "8", "--lr", "0.002")),
        ("keypointrcnn_shapes", {"box_map": 45, "kp_map": 40}, ("--epochs", "8", "--lr", "0.002")),
        ("ssdlite_shapes", {"box_map": 25}, ("--epochs", "8", "--lr", "0.003")),
    ],
)
def test_it_finds_shapes_that_it_has_not_seen(
    many_shapes: Path, tmp_path: Path, model: str, least: dict[str, float], more: tuple[str, ...]
):
    folder = str(tmp_path / "run")
    run = zoo("train", str(many_shapes), "--model", model, "--weights", "none", "-o", folder, "--workers", "0", *more)
    assert all(run["metrics"][name] > value for name, value in least.items()), run["metrics"]
    measured = zoo("evaluate", folder, str(many_shapes))
    found = {metric["name"]: metric["value"] for metric in measured["metrics"]}
    assert all(found[name] == pytest.approx(run["metrics"][name]) for name in least)


@pytest.mark.slow
@pytest.mark.parametrize("model", DETECTORS)
def test_every_detector_is_trained_and_saved(shapes: Path, tmp_path: Path, model: str):
    sizes = {} if model.startswith("ssd") else {"min_size": 64, "max_size": 64}
    recipe = {"epochs": 1, "batch_size": 3, "arguments": sizes}
    run = train(model, shapes, recipe, output=tmp_path / "run", weights=None, workers=0)
    assert get_model_weights(run.name)["DEFAULT"].meta["categories"][0] == "__background__"
    assert set(run.epochs[0]["losses"])
