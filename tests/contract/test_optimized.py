"""Every family can be optimised for inference."""

import pytest
import torch

from reference.families import one_of_each
from reference.records import build_as, prepare_, record_of
from zoo_core.inference import example_of, optimize
from zoo_core.inference._checking import check_outputs, comparable


@pytest.mark.slow
@pytest.mark.parametrize("name", one_of_each())
def test_optimised_model_says_the_same_on_another_input(name):
    record = record_of("outputs", name, "none")
    model = prepare_(build_as(name, "none", **record["kwargs"]), record)
    example = example_of(model)
    fast = optimize(model, example)
    mirrored = torch.utils._pytree.tree_map(lambda image: image.flip(-1), example)
    with torch.inference_mode():
        check_outputs(comparable(fast(*mirrored)), comparable(model(*mirrored)), torch.float32)
