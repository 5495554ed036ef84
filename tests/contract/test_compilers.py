"""One model of each family goes through PyTorch's compilers, and comes out the same."""

import pytest
import torch

from reference.agreement import assert_agree, leaves
from reference.families import one_of_each
from reference.records import build_as, inputs_of, noise, prepare_, record_of

BATCHED = [model for model in one_of_each() if "images" not in record_of("outputs", model, "none")["input"]]
"""All but those that take a list of images of any sizes."""


@pytest.fixture(params=BATCHED)
def model_and_inputs(request):
    """Return a model, what it is called with (two of each), and by how much its outputs may differ."""
    record = record_of("outputs", request.param, "none")
    model = prepare_(build_as(request.param, "none", **record["kwargs"]), record)
    inputs = tuple(torch.cat([images, images.flip(-1)])[:2] for images in inputs_of(record))
    return model, inputs, max(1e-4, noise(request.param))


@pytest.mark.slow
def test_exported_program_agrees(model_and_inputs):
    model, inputs, tolerance = model_and_inputs
    batch = torch.export.Dim("batch", min=2)
    program = torch.export.export(model, inputs, dynamic_shapes=tuple({0: batch} for _ in inputs)).module()
    three = [torch.cat([images, images[:1]]) for images in inputs]
    with torch.inference_mode():
        assert_agree(program(*three), model(*three), tolerance)


@pytest.mark.slow
def test_compiled_model_is_one_graph_and_agrees(model_and_inputs):
    torch.compiler.reset()
    model, inputs, tolerance = model_and_inputs
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    with torch.inference_mode():
        assert_agree(compiled(*inputs), model(*inputs), tolerance)


@pytest.mark.slow
def test_compiled_model_trains_in_one_graph(model_and_inputs):
    torch.compiler.reset()
    model, inputs, _ = model_and_inputs
    output = torch.compile(model.train(), fullgraph=True, backend="aot_eager")(*inputs)
    sum(tensor.sum() for _, tensor in leaves(output)).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []
