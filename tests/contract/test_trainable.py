"""Detection models train from the layer of their backbone on that is asked for, and of the others everything trains."""

import json
from typing import Any

import pytest
import torch

from reference.records import FOLDER, build_as, built_in_models, registered
from zoo_core import get_model_builder
from zoo_core._registry import get_model_entry
from zoo_core.building import without_files

PATH = FOLDER / "trainable.json"
RECORDS: dict[str, list[dict[str, Any]]] = json.loads(PATH.read_text()) if PATH.exists() else {}
DETECTION = {model for model in built_in_models() if get_model_entry(model).task == "detection"}


def test_every_detection_model_has_a_record_and_no_record_is_of_another() -> None:
    assert RECORDS.keys() == DETECTION


@pytest.mark.filterwarnings("ignore:trainable_backbone_layers= has no effect:UserWarning")
@pytest.mark.parametrize(
    ("model", "kwargs", "layers", "number"),
    [
        (model, record["kwargs"], layers, number)
        for model, records in RECORDS.items()
        for record in records
        for layers, number in record["trainable"].items()
    ],
)
def test_as_many_parameters_train_as_are_recorded(model: str, kwargs: Any, layers: str, number: int) -> None:
    asked = {} if layers == "default" else {"trainable_backbone_layers": int(layers)}
    with torch.device("meta"), without_files():
        network = get_model_builder(model)(**kwargs, **asked)
    assert sum(parameter.requires_grad for parameter in network.parameters()) == number


@pytest.mark.parametrize(("model", "member"), sorted(case for case in registered() if case[0] not in DETECTION))
def test_every_parameter_of_other_models_trains(model: str, member: str) -> None:
    with torch.device("meta"):
        network = build_as(model, member)
    assert all(parameter.requires_grad for parameter in network.parameters())
