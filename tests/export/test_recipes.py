"""Recipes that run exported files: which files they take."""

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from zoo_core import get_task, list_models, task_of
from zoo_core.names import load_reference
from zoo_export.programs.classification import ClassificationProgram

from .makers import DIGITS

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run_onnx(monkeypatch):
    """The recipe, with a runtime that gives one number for each class."""
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=None))
    spec = importlib.util.spec_from_file_location("run_onnx", EXAMPLES / "run_onnx.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def session_of(facts):
    metadata = SimpleNamespace(custom_metadata_map={"zoo": facts})
    scores = np.array([[0.1, 0.7, 0.2]], dtype=np.float32)
    return SimpleNamespace(get_modelmeta=lambda: metadata, run=lambda _names, _inputs: [scores])


def classifying_tasks():
    tasks = {task_of(name).name for name in (DIGITS, "resnet18", "quantized_resnet18")}
    assert all(issubclass(load_reference(get_task(name).export), ClassificationProgram) for name in tasks)
    return tasks


def test_int8_classifiers_are_of_a_task_of_their_own():
    assert classifying_tasks() == {"classification", "quantization"}
    assert "quantized_resnet18" in list_models()


@pytest.mark.parametrize("task", ["classification", "quantization"])
def test_the_recipe_for_a_picture_runs_every_classifier(task, run_onnx, monkeypatch):
    images = {"name": "images", "axes": ["batch", "height", "width", 3]}
    facts = {"task": task, "raw": False, "inputs": [images], "outputs": [{"name": "probabilities"}]}
    facts["categories"] = ["a", "b", "c"]
    monkeypatch.setattr(
        run_onnx.onnxruntime, "InferenceSession", lambda _path, providers: session_of(json.dumps(facts))
    )
    (best,) = run_onnx.OnnxModel("model.onnx")(Image.new("RGB", (4, 3)), topk=1)
    assert (best["label"], best["index"]) == ("b", 1)


def test_the_recipe_for_browsers_takes_every_classifier():
    (tasks,) = re.findall(r"^const TASKS = \[(.*)\];$", (EXAMPLES / "browser" / "model.js").read_text(), re.MULTILINE)
    assert {task.strip(' "') for task in tasks.split(",")} == classifying_tasks()
