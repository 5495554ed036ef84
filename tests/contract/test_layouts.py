"""Every model has the state dict that the published files fit: names, shapes, dtypes, and their order."""

import pytest
import torch

from reference.records import build_as, built_in_models, cases, form, record_of, recorded, registered
from zoo_core import get_model_weights


def test_every_model_and_member_has_a_recorded_layout_and_no_layout_is_of_another() -> None:
    assert recorded("layouts") == registered()


@pytest.mark.parametrize(("model", "member"), cases("layouts", slow_if_large=False))
def test_state_dict_has_the_recorded_layout(model: str, member: str) -> None:
    record = record_of("layouts", model, member)
    with torch.device("meta"):
        state = build_as(model, member, **record.get("kwargs", {})).state_dict()
    assert [(name, form(value)) for name, value in state.items()] == list(record["tensors"].items())


@pytest.mark.parametrize("model", [name for name, weights in built_in_models().items() if weights])
def test_metadata_states_the_number_of_parameters(model: str) -> None:
    for member in get_model_weights(model):
        with torch.device("meta"):
            network = build_as(model.removeprefix("quantized_"), member.meta.get("unquantized", member).name)
        assert sum(parameter.numel() for parameter in network.parameters()) == member.meta["num_params"]
