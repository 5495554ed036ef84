"""What holds for every network, tried on the smallest of each kind."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from zoo_classification import Bottleneck, ResNet, mobilenet_v3_small, resnet18, shufflenet_v2_x0_5


def bottlenecks(num_classes: int) -> ResNet:
    return ResNet(Bottleneck, (1, 2, 1, 1), num_classes, replace_stride_with_dilation=(False, False, True))


@pytest.fixture(params=[resnet18, bottlenecks, mobilenet_v3_small, shufflenet_v2_x0_5])
def network(request: pytest.FixtureRequest) -> nn.Module:
    builder: Callable[..., nn.Module] = request.param
    torch.manual_seed(0)
    return builder(num_classes=10)


@pytest.mark.parametrize("size", [(1, 1), (33, 65), (127, 31)])
def test_images_of_any_size_are_scored(network: nn.Module, size: tuple[int, int]) -> None:
    assert network.eval()(torch.zeros(2, 3, *size)).shape == (2, 10)


def test_every_parameter_gets_a_gradient(network: nn.Module) -> None:
    network(torch.rand(4, 3, 96, 96)).square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None or not gradient.any()] == []


def test_exported_program_agrees_on_other_batches_and_sizes(network: nn.Module) -> None:
    batch = torch.export.Dim("batch")
    height, width = (torch.export.Dim(name, min=33) for name in ("height", "width"))  # the last features: 2 x 2 or more
    images = torch.rand(2, 3, 64, 96)
    program = torch.export.export(network.eval(), (images,), dynamic_shapes=({0: batch, 2: height, 3: width},))
    others = torch.rand(3, 3, 65, 70)
    torch.testing.assert_close(program.module()(others), network(others))


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is:DeprecationWarning")
def test_scripted_module_agrees(network: nn.Module) -> None:
    images = torch.rand(2, 3, 65, 64)
    torch.testing.assert_close(torch.jit.script(network.eval())(images), network(images))
