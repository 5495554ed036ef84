"""ShuffleNetV2 beyond what the recorded layouts and outputs show."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from zoo_classification import ShuffleNetV2, shufflenet_v2_x0_5
from zoo_classification._shufflenetv2 import InvertedResidual


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stages_repeats": (4, 8)}, "expected stages_repeats as list of 3 positive ints"),
        ({"stages_repeats": (4, 0, 4)}, "expected stages_repeats as list of 3 positive ints"),
        ({"stages_out_channels": (24, 48, 96, 192)}, "expected stages_out_channels as list of 5 positive ints"),
        ({"stages_out_channels": (24, 49, 96, 192, 1024)}, "oup should be even, one half for each branch, found 49"),
        ({"num_classes": 0}, "num_classes should be a positive integer"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ShuffleNetV2(**{"stages_repeats": (1, 1, 1), "stages_out_channels": (24, 48, 96, 192, 1024), **arguments})


@pytest.mark.parametrize(
    ("inp", "oup", "stride", "message"),
    [
        (24, 48, 0, "illegal stride value"),
        (24, 48, 4, "illegal stride value"),
        (24, 48, 1, "Invalid combination of stride 1, inp 24 and oup 48 values"),
    ],
)
def test_blocks_that_cannot_be_are_refused(inp: int, oup: int, stride: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InvertedResidual(inp, oup, stride)


def test_half_of_the_channels_pass_a_block_and_every_other_one_of_the_result_is_theirs() -> None:
    features = torch.rand(2, 8, 5, 5)
    result = InvertedResidual(8, 8, 1).eval()(features)
    assert torch.equal(result[:, ::2], features[:, :4])


def test_block_equals_concatenation_and_channel_shuffle() -> None:
    block, features = InvertedResidual(8, 12, 2).eval(), torch.rand(2, 8, 6, 6)
    joined = torch.cat((block.branch1(features), block.branch2(features)), dim=1)
    assert torch.equal(block(features), nn.functional.channel_shuffle(joined, 2))


def test_custom_blocks_are_built_for_every_stage() -> None:
    seen: list[tuple[int, int, int]] = []

    def block(inp: int, oup: int, stride: int) -> nn.Module:
        seen.append((inp, oup, stride))
        return InvertedResidual(inp, oup, stride)

    ShuffleNetV2((2, 1, 1), (24, 48, 96, 192, 256), inverted_residual=block)
    assert seen == [(24, 48, 2), (48, 48, 1), (48, 96, 2), (96, 192, 2)]


def test_layers_start_from_pytorch_s_own_distributions() -> None:
    torch.manual_seed(0)
    layers = [module for module in shufflenet_v2_x0_5().modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    scaled = torch.cat([(layer.weight * math.sqrt(layer.weight[0].numel())).flatten() for layer in layers])
    assert scaled.abs().max().item() <= 1.0001
    assert scaled.std().item() == pytest.approx(math.sqrt(1 / 3), abs=0.002)
