"""AlexNet beyond what the recorded layouts and outputs show."""

import math

import pytest
import torch
from torch import nn

from zoo_classification import AlexNet


@pytest.fixture(scope="module")
def network() -> AlexNet:
    torch.manual_seed(0)
    return AlexNet(num_classes=10)


def test_no_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="num_classes should be a positive integer, found 0"):
        AlexNet(num_classes=0)


def test_dropout_that_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="dropout probability has to be between 0 and 1"):
        AlexNet(dropout=-0.1)


def test_dropout_acts_in_training_only(network: AlexNet) -> None:
    images = torch.rand(2, 3, 63, 63)
    assert not torch.equal(network.train()(images), network(images))
    assert torch.equal(network.eval()(images), network(images))


def test_layers_start_from_pytorch_s_own_distributions(network: AlexNet) -> None:
    layers = [layer for layer in network.features if isinstance(layer, nn.Conv2d)]
    scaled = torch.cat([(layer.weight * math.sqrt(layer.weight[0].numel())).flatten() for layer in layers])
    assert scaled.abs().max().item() <= 1.0001
    assert scaled.std().item() == pytest.approx(math.sqrt(1 / 3), abs=0.002)
