"""Video ResNets beyond what the recorded layouts and outputs show."""

import math
from typing import Any

import pytest
import torch
from torch import nn

from zoo_video import BasicBlock, BasicStem, Bottleneck, Conv2Plus1D, Conv3DNoTemporal, Conv3DSimple, VideoResNet


def small(**kwargs: Any) -> VideoResNet:
    torch.manual_seed(0)
    defaults = {"block": BasicBlock, "conv_makers": [Conv3DSimple] * 4, "layers": [1, 1, 1, 1], "stem": BasicStem}
    return VideoResNet(**{**defaults, "num_classes": 10, **kwargs})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": [1, 1, 1]}, r"layers should be 4 positive integers, one a stage, found \[1, 1, 1\]"),
        ({"layers": [1, 0, 1, 1]}, "layers should be 4 positive integers"),
        ({"conv_makers": [Conv3DSimple] * 3}, "conv_makers should be 4, one a stage, found 3"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**arguments)


@pytest.mark.parametrize(
    ("maker", "expected"),
    [(Conv3DSimple, (4, 5, 6)), (Conv3DNoTemporal, (8, 5, 6)), (Conv2Plus1D, (4, 5, 6))],
)
def test_strides_are_of_time_too_unless_the_convolution_has_none(maker: Any, expected: tuple[int, ...]) -> None:
    block = BasicBlock(4, 4, maker, 2, nn.MaxPool3d(1, maker.get_downsample_stride(2)))
    assert block(torch.rand(1, 4, 8, 9, 11)).shape[2:] == expected


def test_a_convolution_without_time_treats_frames_apart() -> None:
    convolution, clip = Conv3DNoTemporal(2, 3), torch.rand(1, 2, 4, 6, 6)
    for index in range(4):
        torch.testing.assert_close(convolution(clip)[:, :, index], convolution(clip[:, :, index : index + 1])[:, :, 0])


@pytest.mark.parametrize(("inplanes", "planes"), [(64, 64), (64, 128), (256, 512)])
def test_separate_convolutions_have_as_many_parameters_as_a_whole_one(inplanes: int, planes: int) -> None:
    separate = BasicBlock(inplanes, planes, Conv2Plus1D).conv1[0]
    count = sum(layer.weight.numel() for layer in separate if isinstance(layer, nn.Conv3d))  # type: ignore[attr-defined, misc]
    assert count == pytest.approx(Conv3DSimple(inplanes, planes).weight.numel(), rel=0.01)
    assert count <= Conv3DSimple(inplanes, planes).weight.numel()


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_residuals_that_start_at_zero_make_blocks_the_identity(block: Any) -> None:
    network = small(block=block, zero_init_residual=True).eval()
    features = torch.rand(1, 64 * block.expansion, 4, 6, 6)
    same = block(64 * block.expansion, 64, Conv3DSimple)
    assert not torch.equal(same.eval()(features), features)
    same.load_state_dict(network.layer1[0].state_dict(), strict=False) if block is BasicBlock else None
    norms = [layer for name, layer in network.named_modules() if name.endswith(("conv2.1", "conv3.1"))]
    last = "conv2.1" if block is BasicBlock else "conv3.1"
    assert len(norms) >= 4
    assert not any(m.weight.any() for name, m in network.named_modules() if name.endswith(last))
    if block is BasicBlock:
        torch.testing.assert_close(network.layer1[0](features), features)


def test_layers_start_from_normal_values_that_keep_the_backward_signal() -> None:
    network = small(conv_makers=[Conv2Plus1D] * 4)
    for convolution in (module for module in network.modules() if isinstance(module, nn.Conv3d)):
        fan_out = convolution.weight.numel() // convolution.in_channels
        assert convolution.weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.1)
    assert network.fc.weight.std().item() == pytest.approx(0.01, rel=0.1)
    assert not network.fc.bias.any()
