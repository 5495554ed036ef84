"""MobileNetV3 beyond what the recorded layouts and outputs show."""

import math
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from zoo_classification import InvertedResidualConfig, MobileNetV3, mobilenet_v3_large, mobilenet_v3_small

BUILDERS = pytest.mark.parametrize("builder", [mobilenet_v3_large, mobilenet_v3_small])
ROW = {
    "input_channels": 16,
    "kernel": 3,
    "expanded_channels": 64,
    "out_channels": 24,
    "use_se": True,
    "activation": "HS",
    "stride": 2,
    "dilation": 1,
}


def row(**changes: Any) -> InvertedResidualConfig:
    return InvertedResidualConfig(**{**ROW, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": 3}, "illegal stride value: expected 1 or 2, found 3"),
        ({"activation": "GELU"}, "activation should be 'RE' or 'HS', found 'GELU'"),
        ({"kernel": 0}, "kernel should be a positive integer"),
        ({"dilation": 0}, "dilation should be a positive integer"),
    ],
)
def test_rows_that_cannot_be_a_block_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        row(**changes)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"inverted_residual_setting": []}, ValueError, "inverted_residual_setting should not be empty"),
        ({"inverted_residual_setting": [ROW]}, TypeError, r"should be List\[InvertedResidualConfig\], found"),
        ({"inverted_residual_setting": row()}, TypeError, r"should be List\[InvertedResidualConfig\], found"),
        ({"last_channel": 0}, ValueError, "last_channel should be a positive integer"),
        ({"num_classes": -1}, ValueError, "num_classes should be a positive integer"),
        ({"dropout": 1.5}, ValueError, "dropout probability has to be between 0 and 1"),
        ({"droput": 0.5}, TypeError, "droput"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        MobileNetV3(**{"inverted_residual_setting": [row()], "last_channel": 32, **arguments})


def test_channels_are_scaled_to_multiples_of_eight() -> None:
    scaled = row(width_mult=0.7)
    assert (scaled.input_channels, scaled.expanded_channels, scaled.out_channels) == (16, 48, 16)


def _features(network: MobileNetV3) -> list[tuple[int, ...]]:
    """Return the shapes of what the blocks make of an image of 64 x 64."""
    shapes = []
    features = torch.zeros(1, 3, 64, 64)
    for block in network.eval().features:
        features = block(features)
        shapes.append(tuple(features.shape[1:]))
    return shapes


@BUILDERS
def test_dilation_keeps_the_last_stage_at_a_sixteenth(builder: Any) -> None:
    plain, dilated = _features(builder()), _features(builder(dilated=True))
    assert [shape[1:] for shape in plain[-4:]] == [(2, 2)] * 4
    assert [shape[1:] for shape in dilated[-4:]] == [(4, 4)] * 4
    assert plain[:-4] == dilated[:-4]
    assert [shape[0] for shape in plain] == [shape[0] for shape in dilated]


@BUILDERS
def test_reduced_tail_halves_the_channels_of_the_last_stage(builder: Any) -> None:
    plain, reduced = builder(), builder(reduced_tail=True)
    assert [shape[0] for shape in _features(reduced)[-4:]] == [shape[0] // 2 for shape in _features(plain)[-4:]]
    assert _features(plain)[:-4] == _features(reduced)[:-4]
    assert reduced.classifier[0].out_features == plain.classifier[0].out_features // 2


@BUILDERS
@pytest.mark.parametrize("dilated", [False, True])
def test_blocks_tell_where_stages_start(builder: Any, dilated: bool) -> None:
    blocks = list(builder(dilated=dilated).features)[1:-1]
    sizes = [32, *(shape[1] for shape in _features(builder())[1:-1])]
    assert [block.starts_stage for block in blocks] == [after < before for before, after in pairwise(sizes)]


def test_dropout_acts_in_training_only() -> None:
    network = mobilenet_v3_small(dropout=0.5)
    network.features = nn.Sequential()  # batch norm differs in training, too
    features = torch.rand(4, 576, 1, 1)
    assert not torch.equal(network.train()(features), network(features))
    assert torch.equal(network.eval()(features), network(features))


def test_batch_norm_is_that_of_the_paper_s_code() -> None:
    norms = {(m.eps, m.momentum) for m in mobilenet_v3_small().modules() if isinstance(m, nn.BatchNorm2d)}
    assert norms == {(0.001, 0.01)}


def test_block_and_norm_layer_can_be_replaced() -> None:
    seen: list[tuple[int, Any]] = []

    def block(setting: InvertedResidualConfig, norm_layer: Any) -> nn.Module:
        seen.append((setting.out_channels, norm_layer))
        return nn.Conv2d(setting.input_channels, setting.out_channels, 1)

    norm_layer = partial(nn.GroupNorm, 4)
    network = MobileNetV3([row()], 32, block=block, norm_layer=norm_layer)
    assert seen == [(24, norm_layer)]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_layers_start_from_the_distributions_of_the_reference() -> None:
    torch.manual_seed(0)
    network = mobilenet_v3_small()
    modules = list(network.modules())
    scaled = [m.weight * math.sqrt(m.weight[:, 0].numel() / 2) for m in modules if isinstance(m, nn.Conv2d)]
    assert torch.cat([weight.flatten() for weight in scaled]).std().item() == pytest.approx(1, abs=0.005)
    linear = torch.cat([module.weight.flatten() for module in modules if isinstance(module, nn.Linear)])
    assert linear.std().item() == pytest.approx(0.01, abs=5e-5)
    biases = [m.bias for m in modules if isinstance(m, (nn.Conv2d, nn.Linear)) and m.bias is not None]
    assert not any(bias.any() for bias in biases)
