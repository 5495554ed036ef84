"""An auxiliary classifier of pixels is trained along, and saved."""

from collections.abc import Callable
from pathlib import Path

import pytest

from drawn_data import write_label_maps
from zoo_core import get_model, get_model_weights
from zoo_training import Run, train

MODEL = "deeplabv3_mobilenet_v3_large"
RECIPE = {"size": 32, "epochs": 1, "batch_size": 3, "validation": 0.25}


def check(run: Run) -> None:
    assert set(run.epochs[0]["losses"]) == {"loss", "auxiliary"}
    assert run.model().aux_classifier is not None


@pytest.mark.slow
def test_weights_bring_an_auxiliary_classifier(tmp_path: Path, publish: Callable[..., Path]) -> None:
    publish(get_model_weights(MODEL)["DEFAULT"], get_model(MODEL, aux_loss=True, weights_backbone=None).state_dict())
    write_label_maps(tmp_path / "shapes", 4)
    check(train(MODEL, tmp_path / "shapes", RECIPE, output=tmp_path / "run", workers=0))


@pytest.mark.slow
def test_a_recipe_may_ask_for_an_auxiliary_classifier(tmp_path: Path) -> None:
    write_label_maps(tmp_path / "shapes", 4)
    recipe = {**RECIPE, "arguments": {"aux_loss": True}}
    check(train(MODEL, tmp_path / "shapes", recipe, output=tmp_path / "run", weights=None, workers=0))
