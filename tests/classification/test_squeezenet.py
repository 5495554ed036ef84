"""SqueezeNet beyond what the recorded layouts and outputs show."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from zoo_classification import SqueezeNet


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"version": "2_0"}, "Unsupported SqueezeNet version 2_0: 1_0 or 1_1 expected"),
        ({"num_classes": 0}, "num_classes should be a positive integer, found 0"),
        ({"dropout": 2.0}, "dropout probability has to be between 0 and 1"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SqueezeNet(**arguments)


def test_dropout_acts_in_training_only() -> None:
    network, images = SqueezeNet("1_1", num_classes=10), torch.rand(2, 3, 64, 64)
    assert not torch.equal(network.train()(images), network(images))
    assert torch.equal(network.eval()(images), network(images))


def test_layers_start_from_a_uniform_distribution_and_the_classifier_from_a_normal_one() -> None:
    torch.manual_seed(0)
    network = SqueezeNet()
    convolutions = [module for module in network.features.modules() if isinstance(module, nn.Conv2d)]
    scaled = torch.cat([(conv.weight * math.sqrt(conv.weight[0].numel() / 6)).flatten() for conv in convolutions])
    assert scaled.abs().max().item() <= 1.0001
    assert scaled.std().item() == pytest.approx(math.sqrt(1 / 3), abs=0.002)
    classifier = network.classifier[1]
    assert isinstance(classifier, nn.Conv2d)
    assert classifier.weight.std().item() == pytest.approx(0.01, abs=1e-4)
    assert classifier.weight.abs().max().item() > 0.04
    assert not any(parameter.any() for name, parameter in network.named_parameters() if name.endswith("bias"))
