"""MNASNet beyond what the recorded layouts and outputs show."""

import math
from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import nn

from zoo_classification import MNASNet
from zoo_classification._mnasnet import _InvertedResidual
from zoo_core.building import load_checkpoint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 0.0}, "alpha should be greater than 0.0 instead of 0.0"),
        ({"num_classes": 0}, "num_classes should be a positive integer, found 0"),
        ({"dropout": 1.5}, "dropout probability has to be between 0 and 1"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MNASNet(**{"alpha": 0.25, **arguments})


@pytest.mark.parametrize(
    ("kernel_size", "stride", "message"),
    [(4, 1, "kernel_size should be 3 or 5 instead of 4"), (3, 3, "stride should be 1 or 2 instead of 3")],
)
def test_blocks_that_cannot_be_are_refused(kernel_size: int, stride: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _InvertedResidual(8, 8, kernel_size, stride, 3)


@pytest.mark.parametrize(("stride", "out_ch", "adds"), [(1, 8, True), (2, 8, False), (1, 16, False)])
def test_input_is_added_where_the_shape_stays(stride: int, out_ch: int, adds: bool) -> None:
    block, features = _InvertedResidual(8, out_ch, 5, stride, 3).eval(), torch.rand(1, 8, 6, 6)
    result = block.layers(features)
    assert torch.equal(block(features), result + features if adds else result)


def first_version(alpha: float) -> MNASNet:
    """Return a network whose first two widths are not scaled, made of those of two others."""
    torch.manual_seed(1)
    network, unscaled = MNASNet(alpha, num_classes=10), MNASNet(1.0)
    for index in range(8):
        network.layers[index] = unscaled.layers[index]
    stage = network.layers[8]
    stage[0] = _InvertedResidual(16, stage[1].layers[0].in_channels, 3, 2, 3)
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.running_mean.uniform_()
    network._version = 1
    return network.eval()


@pytest.mark.parametrize("keep_metadata", [True, False])
def test_state_of_the_first_version_gives_the_model_of_that_version(keep_metadata: bool) -> None:
    other, network, images = first_version(0.5), MNASNet(0.5, num_classes=10).eval(), torch.rand(1, 3, 32, 32)
    state = other.state_dict() if keep_metadata else dict(other.state_dict())
    with pytest.warns(UserWarning, match="first version of MNASNet"):
        network.load_state_dict(state)
    assert torch.equal(network(images), other(images))
    assert network.state_dict()._metadata[""] == {"version": 1}  # type: ignore[attr-defined]


def test_checkpoint_of_the_first_version_is_taken_over() -> None:
    other, network, images = first_version(0.5), MNASNet(0.5, num_classes=10).eval(), torch.rand(1, 3, 32, 32)
    with pytest.warns(UserWarning, match="first version of MNASNet"):
        load_checkpoint(network, OrderedDict(other.state_dict()), source="test")
    assert torch.equal(network(images), other(images))


def test_first_version_of_width_1_is_like_the_second() -> None:
    network = MNASNet(1.0, num_classes=10)
    network.load_state_dict(first_version(1.0).state_dict())
    assert network.state_dict()._metadata[""] == {"version": 2}  # type: ignore[attr-defined]


def test_layers_of_the_first_version_stay_where_and_as_the_others_are() -> None:
    network = MNASNet(0.5, num_classes=10).double().eval()
    with pytest.warns(UserWarning, match="first version of MNASNet"):
        network.load_state_dict(first_version(0.5).state_dict())
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float64}
    assert not any(module.training for module in network.modules())


def test_dropout_acts_in_training_only() -> None:
    network = MNASNet(0.25, dropout=0.5)
    network.layers = nn.Sequential()  # batch norm differs in training, too
    features = torch.rand(4, 1280, 1, 1)
    assert not torch.equal(network.train()(features), network(features))
    assert torch.equal(network.eval()(features), network(features))


def test_batch_norm_is_that_of_the_paper() -> None:
    norms = {(m.eps, m.momentum) for m in MNASNet(0.25).modules() if isinstance(m, nn.BatchNorm2d)}
    assert norms == {(1e-5, 1 - 0.9997)}


def test_layers_start_from_distributions_that_preserve_the_backward_signal() -> None:
    torch.manual_seed(0)
    network = MNASNet(1.0)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    scaled = torch.cat([(conv.weight * math.sqrt(conv.weight[:, 0].numel() / 2)).flatten() for conv in convolutions])
    assert scaled.std().item() == pytest.approx(1, abs=0.002)
    linear = network.classifier[1].weight * math.sqrt(1000)
    assert linear.std().item() == pytest.approx(1, abs=0.002)
    assert linear.abs().max().item() <= math.sqrt(3) + 1e-4
    assert not network.classifier[1].bias.any()
