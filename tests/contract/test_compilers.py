"""One model of each family goes through PyTorch's compilers, and comes out the same."""

import pytest
import torch

from reference.families import one_of_each
from reference.fill import calibrate_, fill_, image_batch
from zoo_core import get_model

SIDES = {"inception_v3": 299, "swin_v2_t": 256}
"""Height and width of images for models that are not made for 224."""


@pytest.fixture(params=one_of_each())
def model_and_images(request):
    side = SIDES.get(request.param, 224)
    images = image_batch((2, 3, side, side))
    return calibrate_(fill_(get_model(request.param)), images), images


@torch.inference_mode()
def assert_agree(program, model, images):
    expected = model(images)
    torch.testing.assert_close(program(images), expected, rtol=0, atol=1e-4 * expected.std().item())


@pytest.mark.slow
def test_exported_program_agrees(model_and_images):
    model, images = model_and_images
    program = torch.export.export(model, (images,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
    assert_agree(program.module(), model, torch.cat([images, images[:1]]))


@pytest.mark.slow
def test_compiled_model_is_one_graph_and_agrees(model_and_images):
    torch.compiler.reset()
    model, images = model_and_images
    assert_agree(torch.compile(model, fullgraph=True, backend="aot_eager"), model, images)


@pytest.mark.slow
def test_compiled_model_trains_in_one_graph(model_and_images):
    torch.compiler.reset()
    model, images = model_and_images
    model.train()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    output = compiled(images)
    output = output if isinstance(output, torch.Tensor) else output[0]
    output.sum().backward()
    assert all(parameter.grad is not None for name, parameter in model.named_parameters() if "aux" not in name.lower())
