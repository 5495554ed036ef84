"""The embedded model: small, verified, and right about digits that it has not been trained on."""

import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

import zoo_digits
from zoo_core import get_model, list_models
from zoo_core.files import resolve, sha256_of
from zoo_core.images import read_image
from zoo_core.prediction import embedded_model, predict

WEIGHTS = zoo_digits.ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1
SAMPLES = sorted((Path(str(zoo_digits.__file__)).parent / "samples").glob("*.png"))


def test_model_is_registered_by_its_entry_point():
    assert "shufflenet_v2_x0_5_digits" in list_models()
    assert embedded_model() == "shufflenet_v2_x0_5_digits"


def test_weights_are_in_the_package_small_and_as_the_catalogue_states():
    found = resolve(WEIGHTS.file)
    assert found.verified == "full digest"
    assert found.path.stat().st_size == WEIGHTS.file.size <= 2 * 2**20
    assert sha256_of(found.path) == WEIGHTS.file.digest.hexadecimal


def test_measured_accuracy_is_stated():
    (metrics,) = WEIGHTS.meta["_metrics"].values()
    assert metrics["acc@1"] >= 98
    model = get_model("shufflenet_v2_x0_5_digits", weights=WEIGHTS)
    assert sum(parameter.numel() for parameter in model.parameters()) == WEIGHTS.meta["num_params"]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_held_out_digit_is_recognised(path):
    (prediction,) = predict(path, model="shufflenet_v2_x0_5_digits", topk=1)
    assert prediction.top[0].label == path.stem
    assert prediction.top[0].score > 0.8


def test_one_sample_of_each_digit_is_there():
    assert {path.stem for path in SAMPLES} == set(WEIGHTS.meta["categories"])


def test_classifier_for_other_classes_is_fresh_and_the_rest_is_trained(caplog):
    model = get_model("shufflenet_v2_x0_5_digits", weights=WEIGHTS, num_classes=4)
    trained = get_model("shufflenet_v2_x0_5_digits", weights=WEIGHTS)
    assert torch.equal(model.conv1[0].weight, trained.conv1[0].weight)
    assert model.fc.out_features == 4
    assert "fc.bias, fc.weight" in caplog.text


def test_accuracy_is_measured_as_predictors_are_called_now(monkeypatch):
    data = ModuleType("data")  # which needs scikit-learn
    vars(data).update(Digits=SimpleNamespace, load_split=None)
    monkeypatch.setitem(sys.modules, "data", data)
    evaluate = runpy.run_path(str(Path(__file__).parents[2] / "packages" / "zoo-digits" / "training" / "evaluate.py"))
    labels = [WEIGHTS.meta["categories"].index(path.stem) for path in SAMPLES]
    digits = SimpleNamespace(images=[read_image(path) for path in SAMPLES], labels=[*labels[:-1], labels[-1] - 1])
    model = get_model("shufflenet_v2_x0_5_digits", weights=WEIGHTS)
    assert evaluate["accuracy"](model, digits) == pytest.approx(100 * (len(labels) - 1) / len(labels))
