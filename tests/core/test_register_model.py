"""Models that a program registers by itself."""

from types import ModuleType

import pytest
from torch import nn

from zoo_core import (
    Weights,
    WeightsEnum,
    _registered,
    get_model,
    get_model_builder,
    get_model_weights,
    get_weight,
    list_models,
    list_weights,
    register_model,
)
from zoo_core._registry import get_model_entry


class Small_Weights(WeightsEnum):  # noqa: N801 # as enums of weights are called
    V1 = Weights("http://127.0.0.1:9/small-0123abcd.pth", nn.Identity, {"categories": ["a"]})
    DEFAULT = V1


def small(*, weights: Small_Weights | None = None, num_classes: int = 2) -> nn.Module:
    return nn.Linear(1, num_classes)


@pytest.fixture(autouse=True)
def _nothing_registered(monkeypatch):
    monkeypatch.setattr(_registered, "_builders", {})


def test_a_registered_builder_is_listed_and_builds():
    assert register_model()(small) is small
    assert "small" in list_models()
    assert "resnet18" in list_models()
    assert get_model_builder("small") is small
    assert get_model("small", num_classes=5).out_features == 5


def test_it_is_listed_for_its_module_alone():
    register_model("tiny")(small)
    assert list_models(module=small.__module__) == ["tiny"]
    assert "tiny" not in list_models(module="zoo_classification")
    package = ModuleType(small.__module__.rpartition(".")[0])
    assert list_models(package) == ["tiny"]


def test_its_weights_are_found_by_the_type_of_its_argument():
    register_model()(small)
    assert get_model_weights("small") is Small_Weights
    assert get_model_weights(small) is Small_Weights
    assert get_weight("Small_Weights.DEFAULT") is Small_Weights.V1


def test_names_that_are_there_or_cannot_be_found_are_refused():
    register_model()(small)
    for name in ("small", "resnet18"):
        with pytest.raises(ValueError, match="already registered"):
            register_model(name)(small)
    with pytest.raises(ValueError, match="lower-case"):
        register_model("Small")(small)


def test_a_registered_builder_hinders_no_listing():
    known = list_weights(task="classification")
    register_model("two_layers")(small)
    assert list_weights(task="classification") == known
    assert get_model_entry("two_layers").weights is None
