"""VGG beyond what the recorded layouts and outputs show."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from marks import SCRIPTING
from zoo_classification import VGG, vgg11, vgg11_bn, vgg13, vgg16, vgg19


@pytest.fixture(scope="module")
def network() -> VGG:
    torch.manual_seed(0)
    return vgg11(num_classes=10)


@pytest.mark.parametrize(("builder", "depth"), [(vgg11, 11), (vgg13, 13), (vgg16, 16), (vgg19, 19)])
def test_name_tells_the_number_of_layers_with_weights(builder: Callable[..., VGG], depth: int) -> None:
    with torch.device("meta"):
        modules = list(builder().modules())
    assert sum(isinstance(module, (nn.Conv2d, nn.Linear)) for module in modules) == depth


def test_batch_norm_follows_each_convolution() -> None:
    with torch.device("meta"):
        kinds = [type(layer) for layer in vgg11_bn().features if not isinstance(layer, nn.MaxPool2d)]  # type: ignore[attr-defined]
    assert kinds == 8 * [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]


def test_no_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="num_classes should be a positive integer, found 0"):
        VGG(nn.Sequential(), num_classes=0)


@pytest.mark.parametrize("size", [(31, 32), (32, 31)])
def test_images_that_pooling_would_use_up_are_refused(network: VGG, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"should be at least 32 x 32 pixels, found {size[0]} x {size[1]}"):
        network(torch.zeros(1, 3, *size))


@pytest.mark.parametrize("size", [(32, 32), (33, 70)])
def test_images_of_any_other_size_are_scored(network: VGG, size: tuple[int, int]) -> None:
    assert network.eval()(torch.zeros(2, 3, *size)).shape == (2, 10)


def test_other_features_take_images_of_their_own_sizes(network: VGG) -> None:
    with torch.device("meta"):
        other = VGG(nn.Conv2d(3, 512, kernel_size=1), num_classes=10)
        assert other(torch.zeros(2, 3, 1, 1)).shape == (2, 10)


def test_dropout_acts_in_training_only(network: VGG) -> None:
    images = torch.rand(2, 3, 32, 32)
    assert not torch.equal(network.train()(images), network(images))
    assert torch.equal(network.eval()(images), network(images))


@SCRIPTING
def test_scripted_module_agrees(network: VGG) -> None:
    images = torch.rand(2, 3, 33, 64)
    torch.testing.assert_close(torch.jit.script(network.eval())(images), network(images))


def test_layers_start_from_normal_distributions(network: VGG) -> None:
    convolutions = [layer for layer in network.features if isinstance(layer, nn.Conv2d)]  # type: ignore[attr-defined]
    scaled = torch.cat([(conv.weight * math.sqrt(conv.weight[:, 0].numel() / 2)).flatten() for conv in convolutions])
    assert scaled.std().item() == pytest.approx(1, abs=0.002)
    linear = network.classifier[3]
    assert isinstance(linear, nn.Linear)
    assert linear.weight.std().item() == pytest.approx(0.01, abs=5e-5)
    assert not any(parameter.any() for name, parameter in network.named_parameters() if name.endswith("bias"))


def test_initialisation_can_be_left_to_pytorch() -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 512, kernel_size=7)
    before = convolution.weight.clone()
    assert torch.equal(VGG(convolution, num_classes=2, init_weights=False).features.weight, before)  # type: ignore[arg-type]
