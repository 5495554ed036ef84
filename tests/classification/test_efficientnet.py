"""EfficientNet and EfficientNetV2 beyond what the recorded layouts and outputs show."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from zoo_classification import (
    EfficientNet,
    FusedMBConvConfig,
    MBConvConfig,
    efficientnet_b0,
    efficientnet_b1,
    efficientnet_b5,
    efficientnet_v2_s,
)
from zoo_classification._efficientnet import FusedMBConv, MBConv
from zoo_core.layers import StochasticDepth

STAGE: dict[str, Any] = {
    "expand_ratio": 4,
    "kernel": 3,
    "stride": 1,
    "input_channels": 16,
    "out_channels": 16,
    "num_layers": 2,
}
CONFIGS = pytest.mark.parametrize("config", [MBConvConfig, FusedMBConvConfig])


def network(*stages: MBConvConfig | FusedMBConvConfig, **arguments: Any) -> EfficientNet:
    return EfficientNet(stages or (MBConvConfig(**STAGE),), **{"dropout": 0.2, "num_classes": 10, **arguments})


@CONFIGS
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": 3}, "illegal stride value: expected 1 or 2, found 3"),
        ({"expand_ratio": 0}, "expand_ratio should be positive, found 0"),
        ({"kernel": 0}, "kernel should be a positive integer"),
        ({"input_channels": 0}, "input_channels should be a positive integer"),
        ({"out_channels": -8}, "out_channels should be a positive integer"),
        ({"num_layers": 0}, "num_layers should be a positive integer"),
    ],
)
def test_configurations_that_cannot_be_a_stage_are_refused(config: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**{**STAGE, **changes})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"inverted_residual_setting": []}, ValueError, "inverted_residual_setting should not be empty"),
        ({"inverted_residual_setting": [STAGE]}, TypeError, r"should be List\[MBConvConfig\], found"),
        ({"inverted_residual_setting": MBConvConfig(**STAGE)}, TypeError, r"should be List\[MBConvConfig\], found"),
        ({"num_classes": 0}, ValueError, "num_classes should be a positive integer"),
        ({"last_channel": 0}, ValueError, "last_channel should be a positive integer"),
        ({"dropout": 1.5}, ValueError, "dropout probability has to be between 0 and 1"),
        ({"stochastic_depth_prob": 2.5}, ValueError, "drop probability has to be between 0 and 1"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        EfficientNet(**{"inverted_residual_setting": [MBConvConfig(**STAGE)], "dropout": 0.2, **arguments})


def test_channels_are_scaled_to_multiples_of_eight_and_depths_up() -> None:
    stage = MBConvConfig(6, 3, 2, 24, 40, 3, width_mult=1.4, depth_mult=1.1)
    assert (stage.input_channels, stage.out_channels, stage.num_layers) == (32, 56, 4)


def test_scaling_is_done_once_however_many_blocks() -> None:
    blocks = network(MBConvConfig(6, 3, 2, 24, 40, 3, width_mult=2.0)).features[1]
    assert [block.out_channels for block in blocks] == [80, 80, 80]  # type: ignore[attr-defined]


def test_a_stage_strides_in_its_first_block_only() -> None:
    stages = network(FusedMBConvConfig(4, 3, 2, 16, 24, 3), MBConvConfig(4, 3, 2, 24, 24, 2)).eval().features
    features, sizes = torch.zeros(1, 3, 64, 64), []
    for block in [stages[0], *stages[1], *stages[2]]:  # type: ignore[misc]
        features = block(features)
        sizes.append(features.shape[-1])
    assert sizes == [32, 16, 16, 16, 8, 8]
    assert [block.use_res_connect for block in [*stages[1], *stages[2]]] == [False, True, True, False, True]  # type: ignore[misc]


@CONFIGS
def test_blocks_can_be_replaced(config: Any) -> None:
    seen: list[tuple[int, float, Any]] = []

    def block(cnf: Any, stochastic_depth_prob: float, norm_layer: Any) -> nn.Module:
        seen.append((cnf.input_channels, stochastic_depth_prob, norm_layer))
        return nn.Conv2d(cnf.input_channels, cnf.out_channels, 1)

    network(config(**{**STAGE, "input_channels": 8}, block=block), stochastic_depth_prob=0.4)
    assert seen == [(8, 0.0, nn.BatchNorm2d), (16, 0.2, nn.BatchNorm2d)]


def test_norm_layer_replaces_every_batch_norm() -> None:
    replaced = network(norm_layer=partial(nn.GroupNorm, 4))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in replaced.modules())


def test_squeeze_and_excitation_can_be_replaced_and_squeezes_to_a_quarter_of_the_input() -> None:
    seen: list[tuple[int, int]] = []

    def se_layer(channels: int, squeezed: int, activation: Any) -> nn.Module:
        seen.append((channels, squeezed))
        return nn.Identity()

    MBConv(MBConvConfig(**STAGE), 0.0, nn.BatchNorm2d, se_layer=se_layer)
    MBConv(MBConvConfig(**STAGE | {"input_channels": 3}), 0.0, nn.BatchNorm2d, se_layer=se_layer)
    assert seen == [(64, 4), (32, 2)]


def test_fused_block_that_expands_nothing_is_one_convolution() -> None:
    block = FusedMBConv(FusedMBConvConfig(**STAGE | {"expand_ratio": 1}), 0.0, nn.BatchNorm2d)
    assert sum(isinstance(module, nn.Conv2d) for module in block.modules()) == 1


@pytest.mark.parametrize(
    ("builder", "eps", "momentum"),
    [(efficientnet_b0, 1e-5, 0.1), (efficientnet_b5, 1e-3, 0.01), (efficientnet_v2_s, 1e-3, 0.1)],
)
def test_batch_norm_is_that_of_the_models_own_code(builder: Any, eps: float, momentum: float) -> None:
    with torch.device("meta"):
        norms = {(m.eps, m.momentum) for m in builder().modules() if isinstance(m, nn.BatchNorm2d)}
    assert norms == {(eps, momentum)}


def test_builder_defaults_can_be_overridden() -> None:
    with torch.device("meta"):
        changed = efficientnet_v2_s(dropout=0.7, norm_layer=nn.BatchNorm2d, last_channel=64, stochastic_depth_prob=0.0)
    assert changed.classifier[0].p == 0.7
    assert changed.classifier[1].in_features == 64
    assert changed.features[0][1].eps == 1e-5
    assert {module.p for module in changed.modules() if isinstance(module, StochasticDepth)} == {0.0}


def test_stochastic_depth_grows_linearly_over_the_network() -> None:
    with torch.device("meta"):
        layers = [module for module in efficientnet_b1().modules() if isinstance(module, StochasticDepth)]
    assert [layer.p for layer in layers] == pytest.approx([0.2 * index / len(layers) for index in range(len(layers))])
    assert {layer.mode for layer in layers} == {"row"}


@CONFIGS
def test_stochastic_depth_skips_blocks_of_samples_in_training(config: Any) -> None:
    torch.manual_seed(0)
    setting = config(**STAGE)
    block = setting.block(setting, 0.5, nn.BatchNorm2d)
    images = torch.rand(64, 16, 2, 2)
    skipped = [bool(same.all()) for same in block(images) == images]
    assert 16 < sum(skipped) < 48
    assert not (block.eval()(images) == images).flatten(1).all(dim=1).any()


def test_dropout_acts_in_training_only() -> None:
    head = network(dropout=0.5)
    head.features = nn.Sequential()  # batch norm and stochastic depth differ in training, too
    features = torch.rand(4, 64, 1, 1)
    assert not torch.equal(head.train()(features), head(features))
    assert torch.equal(head.eval()(features), head(features))


def test_layers_start_from_the_distributions_of_the_reference() -> None:
    torch.manual_seed(0)
    modules = list(efficientnet_b0().modules())
    scaled = [m.weight * math.sqrt(m.weight[:, 0].numel() / 2) for m in modules if isinstance(m, nn.Conv2d)]
    assert torch.cat([weight.flatten() for weight in scaled]).std().item() == pytest.approx(1, abs=0.005)
    (linear,) = [module.weight for module in modules if isinstance(module, nn.Linear)]
    assert linear.abs().max().item() <= math.sqrt(1 / 1000)
    assert linear.std().item() == pytest.approx(math.sqrt(1 / 3000), rel=0.01)
    biases = [m.bias for m in modules if isinstance(m, (nn.Conv2d, nn.Linear)) and m.bias is not None]
    assert not any(bias.any() for bias in biases)
