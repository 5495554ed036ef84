"""RegNet beyond what the recorded layouts and outputs show."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from zoo_classification import BlockParams, RegNet, RegNet_Y_128GF_Weights, regnet_y_128gf, regnet_y_400mf
from zoo_classification._regnet import ResBottleneckBlock
from zoo_core.layers import SqueezeExcitation

DESIGN: dict[str, Any] = {"depth": 16, "w_0": 48, "w_a": 27.89, "w_m": 2.09, "group_width": 8}
STAGES: dict[str, Any] = {
    "depths": [1, 2],
    "widths": [16, 24],
    "group_widths": [8, 8],
    "bottleneck_multipliers": [1.0, 1.0],
    "strides": [2, 2],
}


def network(se_ratio: float | None = 0.25, **arguments: Any) -> RegNet:
    return RegNet(BlockParams(**STAGES, se_ratio=se_ratio), **{"num_classes": 10, **arguments})


@pytest.mark.parametrize("changes", [{"w_a": -1.0}, {"w_0": 50}, {"w_0": 0}, {"w_0": -8}, {"w_m": 1.0}])
def test_parameters_outside_of_the_design_space_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Invalid RegNet settings: expected w_a >= 0.*, found w_a="):
        BlockParams.from_init_params(**{**DESIGN, **changes})


@pytest.mark.parametrize("name", ["depth", "group_width"])
def test_numbers_of_the_design_space_are_positive(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} should be a positive integer, found 0"):
        BlockParams.from_init_params(**{**DESIGN, name: 0})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depths": [1]}, r"one element of each sequence, found lengths {'depths': 1, 'widths': 2"),
        (dict.fromkeys(STAGES, ()), "one element of each sequence"),
        ({"depths": [1, 0]}, r"depths should be positive, found \[1, 0\]"),
        ({"bottleneck_multipliers": [1.0, -0.5]}, "bottleneck_multipliers should be positive"),
        ({"strides": [0, 2]}, "strides should be positive"),
        ({"se_ratio": 0.0}, "se_ratio should be positive or None, found 0.0"),
    ],
)
def test_stages_that_do_not_fit_each_other_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BlockParams(**{**STAGES, **changes})


def test_convolutions_of_broken_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="the 24 channels of a 3x3 convolution should be whole groups of 16"):
        RegNet(BlockParams(**{**STAGES, "group_widths": [8, 16]}))


@pytest.mark.parametrize("name", ["num_classes", "stem_width"])
def test_widths_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} should be a positive integer, found 0"):
        network(**{name: 0})


def test_stages_are_those_of_the_paper() -> None:
    params = BlockParams.from_init_params(**DESIGN, se_ratio=0.25)  # figure 15, RegNetY-400MF
    assert params == BlockParams((1, 3, 6, 6), (48, 104, 208, 440), (8,) * 4, (1.0,) * 4, (2,) * 4, 0.25)


def test_groups_are_no_wider_than_their_stage_and_fill_it() -> None:
    params = BlockParams.from_init_params(**{**DESIGN, "group_width": 56, "bottleneck_multiplier": 0.5})
    inner = [int(width * 0.5) for width in params.widths]
    assert params.group_widths[0] < 56
    assert params.group_widths[-1] == 56
    assert [width % group_width for width, group_width in zip(inner, params.group_widths, strict=True)] == [0] * 4


def test_a_stage_strides_in_its_first_block_only() -> None:
    features, sizes = torch.zeros(1, 32, 32, 32), []
    for stage in network().eval().trunk_output:
        for block in stage:  # type: ignore[attr-defined]
            features = block(features)
            sizes.append(tuple(features.shape[1:]))
    assert sizes == [(16, 16, 16), (24, 8, 8), (24, 8, 8)]


def test_squeeze_and_excitation_is_left_out_without_a_ratio() -> None:
    assert sum(isinstance(module, SqueezeExcitation) for module in network().modules()) == 3
    assert not any(isinstance(module, SqueezeExcitation) for module in network(se_ratio=None).modules())


def test_squeeze_and_excitation_squeezes_to_a_part_of_the_block_s_input() -> None:
    squeezed = [module.fc1.out_channels for module in network().modules() if isinstance(module, SqueezeExcitation)]
    assert squeezed == [32 // 4, 16 // 4, 24 // 4]


@pytest.mark.parametrize(("width_out", "stride", "projects"), [(16, 1, False), (16, 2, True), (24, 1, True)])
def test_shortcut_is_projected_where_the_form_changes(width_out: int, stride: int, projects: bool) -> None:
    block = ResBottleneckBlock(16, width_out, stride, nn.BatchNorm2d, nn.ReLU, group_width=8)
    assert (block.proj is not None) == projects


def test_stem_blocks_norms_and_activations_can_be_replaced() -> None:
    seen: list[tuple[int, int]] = []

    def stem(width_in: int, width_out: int, norm_layer: Any, activation_layer: Any) -> nn.Module:
        seen.append((width_in, width_out))
        return nn.Sequential(nn.Conv2d(width_in, width_out, 1), norm_layer(width_out), activation_layer())

    def block(width_in: int, width_out: int, stride: int, **kwargs: Any) -> nn.Module:
        seen.append((width_in, width_out))
        return ResBottleneckBlock(width_in, width_out, stride, **kwargs)

    replaced = network(stem_type=stem, block_type=block, norm_layer=partial(nn.GroupNorm, 4), activation=nn.GELU)
    assert seen == [(3, 32), (32, 16), (16, 24), (24, 24)]
    assert not any(isinstance(module, (nn.BatchNorm2d, nn.ReLU)) for module in replaced.modules())


def test_the_model_that_was_never_pretrained_on_imagenet_alone_has_no_pretrained_weights() -> None:
    with (
        pytest.warns(UserWarning, match="pretrained= is deprecated"),
        pytest.raises(ValueError, match=rf"No weights available .* {RegNet_Y_128GF_Weights.IMAGENET1K_SWAG_E2E_V1}"),
    ):
        regnet_y_128gf(pretrained=True)


def test_layers_start_from_the_distributions_of_the_reference() -> None:
    torch.manual_seed(0)
    modules = list(regnet_y_400mf().modules())
    scaled = [m.weight * math.sqrt(m.weight[:, 0].numel() / 2) for m in modules if isinstance(m, nn.Conv2d)]
    assert torch.cat([weight.flatten() for weight in scaled]).std().item() == pytest.approx(1, abs=0.005)
    (linear,) = [module for module in modules if isinstance(module, nn.Linear)]
    assert linear.weight.std().item() == pytest.approx(0.01, abs=5e-5)
    assert not linear.bias.any()
