"""What holds for every network, tried on the smallest of each kind."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from marks import SCRIPTING
from zoo_classification import (
    BlockParams,
    Bottleneck,
    CNBlockConfig,
    ConvNeXt,
    DenseNet,
    EfficientNet,
    FusedMBConvConfig,
    Inception3,
    MBConvConfig,
    RegNet,
    ResNet,
    SwinTransformer,
    alexnet,
    googlenet,
    inception_v3,
    mnasnet0_5,
    mobilenet_v2,
    mobilenet_v3_small,
    resnet18,
    shufflenet_v2_x0_5,
    squeezenet1_0,
    squeezenet1_1,
)
from zoo_classification._swin_transformer import PatchMergingV2, SwinTransformerBlockV2


def bottlenecks(num_classes: int) -> ResNet:
    return ResNet(Bottleneck, (1, 2, 1, 1), num_classes, replace_stride_with_dilation=(False, False, True))


def convnext(num_classes: int) -> ConvNeXt:
    stages = [CNBlockConfig(*widths, 1) for widths in pairwise((16, 24, 32, 40, None))]  # type: ignore[arg-type]
    return ConvNeXt(stages, stochastic_depth_prob=0.1, num_classes=num_classes)


def dense(num_classes: int) -> DenseNet:
    return DenseNet(block_config=(1, 2, 2, 1), num_classes=num_classes)


def efficientnet(num_classes: int) -> EfficientNet:
    stages: list[MBConvConfig | FusedMBConvConfig] = [
        FusedMBConvConfig(2, 3, 2, 16, 16, 2),
        MBConvConfig(4, 5, 2, 16, 24, 2),
    ]
    return EfficientNet(stages, dropout=0.2, num_classes=num_classes)


def inception(num_classes: int) -> Inception3:
    return inception_v3(num_classes=num_classes, aux_logits=False)


def regnet(num_classes: int) -> RegNet:
    return RegNet(BlockParams.from_init_params(6, 24, 24.0, 2.5, 8, se_ratio=0.25), num_classes)


def swin(num_classes: int) -> SwinTransformer:
    return SwinTransformer([4, 4], 8, [1, 2], [1, 2], [3, 3], num_classes=num_classes)


def swin_v2(num_classes: int) -> SwinTransformer:
    blocks: dict[str, Any] = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}
    return SwinTransformer([4, 4], 8, [1, 2], [1, 2], [3, 3], num_classes=num_classes, **blocks)


SMALLEST = {
    alexnet: 63,
    convnext: 32,
    dense: 29,
    googlenet: 15,
    inception: 75,
    squeezenet1_0: 21,
    squeezenet1_1: 17,
    swin: 4,
    swin_v2: 4,
}
"""Height and width of the smallest images that networks take, where one pixel is not enough."""

NETWORKS = [
    *SMALLEST,
    bottlenecks,
    efficientnet,
    mnasnet0_5,
    mobilenet_v2,
    mobilenet_v3_small,
    regnet,
    resnet18,
    shufflenet_v2_x0_5,
]


@pytest.fixture(params=NETWORKS)
def builder(request: pytest.FixtureRequest) -> Callable[..., nn.Module]:
    found: Callable[..., nn.Module] = request.param
    return found


@pytest.fixture
def smallest(builder: Callable[..., nn.Module]) -> int:
    return SMALLEST.get(builder, 1)


@pytest.fixture
def network(builder: Callable[..., nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return builder(num_classes=10)


@pytest.mark.parametrize("more", [(0, 0), (32, 64), (126, 30)])
def test_images_of_any_size_from_the_smallest_on_are_scored(
    network: nn.Module, smallest: int, more: tuple[int, int]
) -> None:
    images = torch.zeros(2, 3, smallest + more[0], smallest + more[1])
    assert network.eval()(images).shape == (2, 10)


@pytest.mark.parametrize("builder", SMALLEST)
@pytest.mark.parametrize("less", [(1, 0), (0, 1)])
def test_smaller_images_are_refused(network: nn.Module, smallest: int, less: tuple[int, int]) -> None:
    height, width = smallest - less[0], smallest - less[1]
    message = f"images should be at least {smallest} x {smallest} pixels, found {height} x {width}"
    with pytest.raises(ValueError, match=message):
        network.eval()(torch.zeros(2, 3, height, width))


def test_every_parameter_gets_a_gradient(network: nn.Module) -> None:
    scores = network(torch.rand(4, 3, 96, 96))
    sum(part.square().sum() for part in (scores if isinstance(scores, tuple) else [scores])).backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    assert [name for name, gradient in gradients.items() if gradient is None or not gradient.any()] == []


def test_exported_program_agrees_on_other_batches_and_sizes(network: nn.Module) -> None:
    images, others = torch.rand(2, 3, 128, 160), torch.rand(3, 3, 139, 131)
    automatic = torch.export.Dim.AUTO
    dynamic = ({0: automatic, 2: automatic, 3: automatic},)
    program = torch.export.export(network.eval(), (images,), dynamic_shapes=dynamic)
    torch.testing.assert_close(program.module()(others), network(others))


@SCRIPTING
def test_scripted_module_agrees(network: nn.Module) -> None:
    images = torch.rand(2, 3, 95, 96)
    scores = torch.jit.script(network.eval())(images)
    torch.testing.assert_close(scores[0] if isinstance(scores, tuple) else scores, network(images))
