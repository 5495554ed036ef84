"""ConvNeXt beyond what the recorded layouts and outputs show."""

from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from zoo_classification import CNBlockConfig, ConvNeXt, LayerNorm2d, convnext_small, convnext_tiny
from zoo_classification._convnext import CNBlock
from zoo_core.layers import StochasticDepth

STAGES = (CNBlockConfig(8, 16, 2), CNBlockConfig(16, None, 2))


def network(**arguments: Any) -> ConvNeXt:
    return ConvNeXt(**{"block_setting": STAGES, "num_classes": 10, **arguments})


@pytest.mark.parametrize("stage", [(0, 16, 2), (8, 0, 2), (8, None, 0)])
def test_configurations_that_cannot_be_a_stage_are_refused(stage: tuple[int, int | None, int]) -> None:
    with pytest.raises(ValueError, match="should be a positive integer, found 0"):
        CNBlockConfig(*stage)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"block_setting": []}, ValueError, "block_setting should not be empty"),
        ({"block_setting": [(8, None, 2)]}, TypeError, r"should be List\[CNBlockConfig\], found"),
        ({"block_setting": STAGES[0]}, TypeError, r"should be List\[CNBlockConfig\], found"),
        ({"num_classes": 0}, ValueError, "num_classes should be a positive integer"),
        ({"stochastic_depth_prob": 1.5}, ValueError, "drop probability has to be between 0 and 1"),
        ({"stochastic_depth_probability": 0.5}, TypeError, "stochastic_depth_probability"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        network(**arguments)


def test_the_smallest_image_depends_on_the_downsampling_layers() -> None:
    shallow = network().eval()
    assert shallow(torch.zeros(1, 3, 8, 9)).shape == (1, 10)
    with pytest.raises(ValueError, match="images should be at least 8 x 8 pixels, found 7 x 8"):
        shallow(torch.zeros(1, 3, 7, 8))


def test_a_network_that_ends_in_a_downsampling_layer_classifies_its_channels() -> None:
    assert network(block_setting=STAGES[:1])(torch.zeros(1, 3, 8, 8)).shape == (1, 10)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_norm_of_images_is_layer_norm_of_each_pixel(memory_format: torch.memory_format) -> None:
    norm, plain = LayerNorm2d(8, eps=1e-3), nn.LayerNorm(8, eps=1e-3)
    nn.init.normal_(norm.weight)
    plain.load_state_dict(norm.state_dict())
    images = torch.rand(2, 8, 3, 5).contiguous(memory_format=memory_format)
    torch.testing.assert_close(norm(images)[1, :, 2, 4], plain(images[1, :, 2, 4]))


def test_block_adds_its_scaled_residual() -> None:
    block, features = CNBlock(8, 0.5, 0.9).eval(), torch.rand(2, 8, 5, 5)
    nn.init.normal_(block.layer_scale)
    torch.testing.assert_close(block(features), features + block.layer_scale * block.block(features))


def test_layer_scale_starts_blocks_near_the_identity() -> None:
    features = torch.rand(2, 8, 5, 5)
    assert torch.equal(CNBlock(8, 0.0, 0.0)(features), features)
    scales = [block.layer_scale for block in network().features[1]]  # type: ignore[attr-defined]
    assert torch.equal(torch.cat(scales), torch.full((16, 1, 1), 1e-6))


def test_stochastic_depth_grows_linearly_to_the_last_block() -> None:
    layers = [module for module in network(stochastic_depth_prob=0.6).modules() if isinstance(module, StochasticDepth)]
    assert [layer.p for layer in layers] == pytest.approx([0.0, 0.2, 0.4, 0.6])
    assert {layer.mode for layer in layers} == {"row"}


def test_stochastic_depth_of_a_single_block_is_off() -> None:
    (block,) = network(block_setting=[CNBlockConfig(8, None, 1)], stochastic_depth_prob=0.5).features[1]  # type: ignore[misc]
    assert block.stochastic_depth.p == 0.0  # type: ignore[has-type]


def test_stochastic_depth_skips_blocks_of_samples_in_training() -> None:
    torch.manual_seed(0)
    block, features = CNBlock(8, 1.0, 0.5), torch.rand(64, 8, 2, 2)
    skipped = [bool(same.all()) for same in block(features) == features]
    assert 16 < sum(skipped) < 48
    assert not (block.eval()(features) == features).flatten(1).all(dim=1).any()


@pytest.mark.parametrize(("builder", "probability"), [(convnext_tiny, 0.1), (convnext_small, 0.4)])
def test_builder_defaults_can_be_overridden(builder: Any, probability: float) -> None:
    with torch.device("meta"):
        plain, changed = builder(), builder(stochastic_depth_prob=0.0)
    assert plain.features[-1][-1].stochastic_depth.p == pytest.approx(probability)
    assert changed.features[-1][-1].stochastic_depth.p == 0.0


def test_block_and_norm_layer_can_be_replaced() -> None:
    seen: list[tuple[int, float, float]] = []

    def block(dim: int, layer_scale: float, stochastic_depth_prob: float) -> nn.Module:
        seen.append((dim, layer_scale, stochastic_depth_prob))
        return nn.Conv2d(dim, dim, 1)

    replaced = network(block=block, norm_layer=partial(nn.GroupNorm, 4), layer_scale=0.1)
    assert seen == [(8, 0.1, 0.0)] * 2 + [(16, 0.1, 0.0)] * 2
    assert sum(isinstance(module, nn.GroupNorm) for module in replaced.modules()) == 3
    assert not any(isinstance(module, nn.LayerNorm) for module in replaced.modules())


def test_layers_start_from_the_distribution_of_the_paper() -> None:
    torch.manual_seed(0)
    layers = [module for module in convnext_tiny().modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    values = torch.cat([layer.weight.flatten() for layer in layers])
    assert values.std().item() == pytest.approx(0.02, abs=1e-5)
    assert not any(layer.bias.any() for layer in layers if layer.bias is not None)
