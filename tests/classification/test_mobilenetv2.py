"""MobileNetV2 beyond what the recorded layouts and outputs show."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from zoo_classification import MobileNetV2
from zoo_classification._mobilenetv2 import InvertedResidual


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "num_classes should be a positive integer, found 0"),
        ({"round_nearest": 0}, "round_nearest should be a positive integer, found 0"),
        ({"width_mult": 0.0}, "width_mult should be positive, found 0"),
        ({"inverted_residual_setting": []}, "should be non-empty or a 4-element list, got"),
        ({"inverted_residual_setting": [(1, 16, 1)]}, "should be non-empty or a 4-element list, got"),
        ({"inverted_residual_setting": [(1, 16, 1, 3)]}, "stride should be 1 or 2 instead of 3"),
        ({"dropout": 1.5}, "dropout probability has to be between 0 and 1"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MobileNetV2(**arguments)


def channels(network: MobileNetV2) -> list[int]:
    """Return the channels of the last block of each of the first three stages, and of the last convolution."""
    return [network.features[index].out_channels for index in (0, 1, 3, 6, -1)]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [32, 16, 24, 32, 1280]),
        ({"width_mult": 0.5}, [16, 8, 16, 16, 1280]),
        ({"width_mult": 1.4}, [48, 24, 32, 48, 1792]),
        ({"width_mult": 0.5, "round_nearest": 1}, [16, 8, 12, 16, 1280]),
    ],
)
def test_channels_are_scaled_to_multiples_and_the_last_ones_only_up(
    arguments: dict[str, Any], expected: list[int]
) -> None:
    network = MobileNetV2(num_classes=2, **arguments)
    assert channels(network) == expected
    assert network.last_channel == expected[-1]


@pytest.mark.parametrize(("stride", "oup", "adds"), [(1, 8, True), (2, 8, False), (1, 16, False)])
def test_input_is_added_where_the_shape_stays(stride: int, oup: int, adds: bool) -> None:
    block, features = InvertedResidual(8, oup, stride, expand_ratio=6).eval(), torch.rand(1, 8, 6, 6)
    result = block.conv(features)
    assert torch.equal(block(features), result + features if adds else result)


def test_block_and_norm_layer_can_be_replaced() -> None:
    seen: list[tuple[Any, ...]] = []

    def block(inp: int, oup: int, stride: int, expand_ratio: int, norm_layer: Any) -> nn.Module:
        seen.append((inp, oup, stride, expand_ratio, norm_layer))
        return nn.Conv2d(inp, oup, 1)

    norm_layer = partial(nn.GroupNorm, 4)
    network = MobileNetV2(inverted_residual_setting=[(6, 24, 2, 2)], block=block, norm_layer=norm_layer)
    assert seen == [(32, 24, 2, 6, norm_layer), (24, 24, 1, 6, norm_layer)]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_dropout_acts_in_training_only() -> None:
    network = MobileNetV2(dropout=0.5)
    network.features = nn.Sequential()  # batch norm differs in training, too
    features = torch.rand(4, 1280, 1, 1)
    assert not torch.equal(network.train()(features), network(features))
    assert torch.equal(network.eval()(features), network(features))


def test_layers_start_from_normal_distributions() -> None:
    torch.manual_seed(0)
    network = MobileNetV2()
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    scaled = torch.cat([(conv.weight * math.sqrt(conv.weight[:, 0].numel() / 2)).flatten() for conv in convolutions])
    assert scaled.std().item() == pytest.approx(1, abs=0.002)
    assert network.classifier[1].weight.std().item() == pytest.approx(0.01, abs=5e-5)
    assert not network.classifier[1].bias.any()
