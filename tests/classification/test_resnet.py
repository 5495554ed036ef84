"""ResNet, ResNeXt and Wide ResNet beyond what the recorded layouts and outputs show."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from zoo_classification import BasicBlock, Bottleneck, ResNet, resnet18


def small(**kwargs: Any) -> ResNet:
    return ResNet(Bottleneck, (1, 2, 2, 2), **{"num_classes": 10, **kwargs})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": (1, 1, 1)}, "layers should be 4 positive integers"),
        ({"layers": (1, 1, 1, 0)}, "layers should be 4 positive integers"),
        ({"num_classes": 0}, "num_classes should be a positive integer, found 0"),
        ({"groups": 0}, "groups should be a positive integer"),
        ({"width_per_group": -4}, "width_per_group should be a positive integer"),
        ({"replace_stride_with_dilation": (True,)}, "should be None or a 3-element tuple, got"),
        ({"block": BasicBlock, "groups": 2}, "BasicBlock only supports groups=1 and base_width=64, found groups=2"),
        ({"block": BasicBlock, "width_per_group": 128}, "BasicBlock only supports groups=1 and base_width=64"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResNet(**{"block": Bottleneck, "layers": (1, 1, 1, 1), **arguments})


def test_basic_blocks_do_not_dilate() -> None:
    with pytest.raises(NotImplementedError, match="Dilation > 1 not supported in BasicBlock"):
        resnet18(replace_stride_with_dilation=(False, False, True))


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_zero_init_residual_makes_every_block_the_identity(block: type[BasicBlock | Bottleneck]) -> None:
    network = ResNet(block, (2, 1, 1, 1), zero_init_residual=True).eval()
    features = torch.rand(1, 64 * block.expansion, 8, 8)
    assert torch.equal(network.layer1[1](features), features)


def test_zero_init_residual_leaves_norms_without_weights_alone() -> None:
    small(zero_init_residual=True, norm_layer=partial(nn.BatchNorm2d, affine=False))


@pytest.mark.parametrize(
    ("dilate", "output_stride"), [(None, 32), ((False, False, True), 16), ((False, True, True), 8), ((True,) * 3, 4)]
)
def test_dilation_in_place_of_strides_keeps_the_resolution(dilate: tuple[bool, ...] | None, output_stride: int) -> None:
    network = small(replace_stride_with_dilation=dilate).eval()
    sizes: list[tuple[int, ...]] = []
    network.layer4.register_forward_hook(lambda _module, _args, output: sizes.append(tuple(output.shape)))
    network(torch.zeros(1, 3, 64, 96))
    assert sizes == [(1, 2048, 64 // output_stride, 96 // output_stride)]


def test_the_block_where_the_stride_was_dilates_as_the_stage_before() -> None:
    network = small(replace_stride_with_dilation=(False, True, True))
    blocks = (block for stage in (network.layer3, network.layer4) for block in stage if isinstance(block, Bottleneck))
    assert [block.conv2.dilation[0] for block in blocks] == [1, 2, 2, 4]


def test_norm_layer_replaces_every_batch_norm() -> None:
    network = small(norm_layer=partial(nn.GroupNorm, 4))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert sum(isinstance(module, nn.GroupNorm) for module in network.modules()) == 1 + 7 * 3 + 4


def test_convolutions_start_from_the_normal_distribution_that_preserves_the_backward_signal() -> None:
    torch.manual_seed(0)
    convolutions = [module for module in small().modules() if isinstance(module, nn.Conv2d)]
    scaled = [conv.weight * math.sqrt(conv.weight[:, 0].numel() / 2) for conv in convolutions]
    values = torch.cat([weight.flatten() for weight in scaled])
    assert values.mean().item() == pytest.approx(0, abs=0.002)
    assert values.std().item() == pytest.approx(1, abs=0.002)
    assert (values.abs() < 1).double().mean().item() == pytest.approx(math.erf(math.sqrt(0.5)), abs=0.002)
