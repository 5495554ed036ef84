"""Swin Transformer of both versions beyond what the recorded layouts and outputs show."""

import copy
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo_classification import SwinTransformer, swin_t, swin_v2_t
from zoo_classification._swin_transformer import PatchMergingV2, ShiftedWindowAttentionV2, SwinTransformerBlockV2
from zoo_core.layers import PatchMerging, ShiftedWindowAttention, SwinTransformerBlock

VERSIONS = pytest.mark.parametrize("attention", [ShiftedWindowAttention, ShiftedWindowAttentionV2])


def small(**kwargs: Any) -> SwinTransformer:
    torch.manual_seed(0)
    defaults = {"patch_size": [4, 4], "embed_dim": 8, "depths": [1, 2], "num_heads": [1, 2], "window_size": [2, 2]}
    return SwinTransformer(**{**defaults, "num_classes": 10, **kwargs})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depths": [1, 0]}, "depths and num_heads should have a positive number for each stage, found"),
        ({"depths": [1]}, r"for each stage, found \[1\] and \[1, 2\]"),
        ({"depths": [], "num_heads": []}, "depths and num_heads should have a positive number for each stage"),
        ({"num_heads": [1, 3]}, "dim should be a multiple of num_heads, found dim=16 and num_heads=3"),
        ({"num_heads": [0, 2]}, "num_heads should be a positive integer, found 0"),
        (
            {"window_size": [2, 0]},
            r"shift_size should be from 0 to below window_size in each dimension, found \[0, 0\]",
        ),
        ({"patch_size": [4]}, r"patch_size should be 2 positive integers, found \[4\]"),
        ({"embed_dim": 0}, "embed_dim should be a positive integer"),
        ({"num_classes": 0}, "num_classes should be a positive integer"),
        ({"stochastic_depth_prob": 1.5}, "drop probability has to be between 0 and 1"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**arguments)


@pytest.mark.parametrize(
    ("shift_size", "message"),
    [([1], "one number for each dimension"), ([2, 0], "below window_size"), ([0, -1], "from 0 to")],
)
def test_shifts_that_do_not_fit_the_windows_are_refused(shift_size: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ShiftedWindowAttention(8, [2, 2], shift_size, num_heads=2)


@pytest.mark.parametrize(("size", "expected"), [((3, 100), "3 x 100"), ((100, 3), "100 x 3")])
def test_images_smaller_than_a_patch_are_refused(size: tuple[int, int], expected: str) -> None:
    with pytest.raises(ValueError, match=f"images should be at least 4 x 4 pixels, found {expected}"):
        small()(torch.zeros(1, 3, *size))


def plain_attention(layer: ShiftedWindowAttention, x: Tensor, neighbours: Tensor) -> Tensor:
    """Attend among all tokens of one window at once, `neighbours` telling which may see each other."""
    tokens = x.flatten(1, -2)
    if isinstance(layer, ShiftedWindowAttentionV2):
        bias = layer.qkv.bias.clone()
        bias[tokens.shape[-1] : 2 * tokens.shape[-1]] = 0.0
        query, key, value = _heads(F.linear(tokens, layer.qkv.weight, bias), layer.num_heads)
        scores = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).transpose(-2, -1)
        scores = scores * layer.logit_scale.clamp(max=math.log(100.0)).exp()
    else:
        query, key, value = _heads(layer.qkv(tokens), layer.num_heads)
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    scores = (scores + layer.get_relative_position_bias()).masked_fill(~neighbours, -math.inf)
    return layer.proj((scores.softmax(-1) @ value).transpose(1, 2).flatten(2)).view(x.shape)


def _heads(projected: Tensor, num_heads: int) -> Tensor:
    return projected.unflatten(-1, (3, num_heads, -1)).permute(2, 0, 3, 1, 4)


def random_attention(attention: type[ShiftedWindowAttention], shift_size: list[int]) -> ShiftedWindowAttention:
    torch.manual_seed(0)
    layer = attention(8, [3, 4], shift_size, num_heads=2).eval()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


@VERSIONS
def test_hooks_of_the_projection_are_called_and_change_nothing_else(attention: type[ShiftedWindowAttention]) -> None:
    layer, x = random_attention(attention, [1, 2]), torch.rand(2, 6, 8, 8)
    expected, seen = layer(x), []
    layer.qkv.register_forward_hook(lambda *_: seen.append(1))
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-4)
    assert seen == [1]


class Adapter(nn.Module):
    """Adds something to what a layer computes, as a low-rank adapter does, and has the layer's bias."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer
        self.more = nn.Linear(layer.in_features, layer.out_features, bias=False)

    @property
    def bias(self) -> Tensor:
        return self.layer.bias

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layer(x) + self.more(x)
        return result


@VERSIONS
def test_what_takes_the_place_of_the_projection_counts_and_learns(attention: type[ShiftedWindowAttention]) -> None:
    layer, x = random_attention(attention, [1, 2]), torch.rand(2, 6, 8, 8)
    merged = copy.deepcopy(layer)
    adapter = Adapter(layer.qkv)
    layer.qkv = adapter  # type: ignore[assignment]
    with torch.no_grad():
        merged.qkv.weight += adapter.more.weight
    found = layer(x)
    torch.testing.assert_close(found, merged(x), rtol=1e-4, atol=1e-4)
    found.square().sum().backward()
    assert adapter.more.weight.grad is not None


@VERSIONS
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated")
def test_a_projection_with_a_normed_weight_learns_for_two_steps(attention: type[ShiftedWindowAttention]) -> None:
    layer, x = random_attention(attention, [1, 2]), torch.rand(2, 6, 8, 8)
    expected = layer(x)
    nn.utils.weight_norm(layer.qkv)
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-4)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1e-3)
    for _ in range(2):
        direction = layer.qkv.get_parameter("weight_v")
        before = direction.clone()
        optimizer.zero_grad()
        layer(x).square().sum().backward()
        optimizer.step()
        assert not torch.equal(direction, before)


@VERSIONS
def test_windows_attend_apart(attention: type[ShiftedWindowAttention]) -> None:
    layer, x = random_attention(attention, [0, 0]), torch.rand(2, 6, 8, 8)
    everyone = torch.ones(12, 12, dtype=torch.bool)
    for rows in (slice(3), slice(3, 6)):
        for columns in (slice(4), slice(4, 8)):
            window = x[:, rows, columns]
            expected = plain_attention(layer, window, everyone)
            torch.testing.assert_close(layer(x)[:, rows, columns], expected, rtol=1e-4, atol=1e-4)


@VERSIONS
def test_shifted_windows_are_those_of_the_rolled_map_and_do_not_see_around_its_ends(
    attention: type[ShiftedWindowAttention],
) -> None:
    layer, x = random_attention(attention, [1, 2]), torch.rand(2, 6, 8, 8)
    found = layer(x).roll((-1, -2), (1, 2))
    last = x.roll((-1, -2), (1, 2))[:, 3:, 4:]
    region = (torch.tensor([0, 0, 1])[:, None] * 2 + torch.tensor([0, 0, 1, 1])).flatten()
    expected = plain_attention(layer, last, region[:, None] == region)
    torch.testing.assert_close(found[:, 3:, 4:], expected, rtol=1e-4, atol=1e-4)


@VERSIONS
def test_map_of_one_window_is_not_shifted(attention: type[ShiftedWindowAttention]) -> None:
    shifted, still = random_attention(attention, [1, 2]), random_attention(attention, [0, 0])
    one, narrow = torch.rand(2, 3, 4, 8), torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(shifted(one), still(one))
    half = random_attention(attention, [0, 2])
    torch.testing.assert_close(shifted(narrow), half(narrow))
    assert not torch.allclose(shifted(narrow), still(narrow))


@VERSIONS
@pytest.mark.parametrize("shift_size", [[0, 0], [1, 2]])
def test_map_is_padded_with_zeros_to_whole_windows(
    attention: type[ShiftedWindowAttention], shift_size: list[int]
) -> None:
    layer, x = random_attention(attention, shift_size), torch.rand(2, 5, 6, 8)
    padded = F.pad(x, (0, 0, 0, 2, 0, 1))
    torch.testing.assert_close(layer(x), layer(padded)[:, :5, :6])


@VERSIONS
def test_windows_may_have_three_dimensions(attention: type[ShiftedWindowAttention]) -> None:
    torch.manual_seed(0)
    layer = attention(8, [2, 3, 4], [1, 1, 2], num_heads=2).eval()
    clips = torch.rand(2, 3, 5, 6, 8)
    assert layer(clips).shape == clips.shape
    torch.testing.assert_close(layer(clips), layer(F.pad(clips, (0, 0, 0, 2, 0, 1, 0, 1)))[:, :3, :5, :6])


@pytest.mark.parametrize("merging", [PatchMerging, PatchMergingV2])
def test_odd_maps_are_padded_before_patches_are_merged(merging: type[PatchMerging]) -> None:
    layer, x = merging(4), torch.rand(2, 5, 7, 4)
    assert layer(x).shape == (2, 3, 4, 8)
    torch.testing.assert_close(layer(x), layer(F.pad(x, (0, 0, 0, 1, 0, 1))))


def test_position_bias_of_version_2_is_bounded() -> None:
    layer = ShiftedWindowAttentionV2(8, [4, 4], [0, 0], num_heads=2)
    nn.init.normal_(layer.cpb_mlp[2].weight, std=100.0)  # type: ignore[arg-type]
    bias = layer.get_relative_position_bias()
    assert bias.min().item() >= 0.0
    assert bias.max().item() <= 16.0


@pytest.mark.parametrize(
    "arguments", [{"dropout": 0.5}, {"attention_dropout": 0.5}, {"stochastic_depth_prob": 0.5}], ids=str
)
@pytest.mark.parametrize("version", [{}, {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}])
def test_dropouts_act_in_training_only(arguments: dict[str, float], version: dict[str, Any]) -> None:
    network = small(**{"stochastic_depth_prob": 0.0, **arguments, **version}).train()
    images = torch.rand(4, 3, 32, 32)
    assert not torch.equal(network(images), network(images))
    assert torch.equal(network.eval()(images), network(images))


def test_stochastic_depth_rises_with_the_blocks() -> None:
    network = small(depths=[2, 3], stochastic_depth_prob=0.4)
    probabilities = [block.stochastic_depth.p for block in network.modules() if isinstance(block, SwinTransformerBlock)]
    assert probabilities == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("builder", [swin_t, swin_v2_t])
def test_layers_start_from_the_distributions_of_the_paper_s_code(builder: Any) -> None:
    torch.manual_seed(0)
    network = builder()
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    assert torch.cat([layer.weight.flatten() for layer in linear]).std().item() == pytest.approx(0.02, abs=2e-5)
    biases: list[Tensor | None] = [layer.bias for layer in linear]
    assert not any(bias.any() for bias in biases if bias is not None)
    layers = [module for module in network.modules() if isinstance(module, ShiftedWindowAttention)]
    if builder is swin_t:
        tables = torch.cat([layer.relative_position_bias_table.flatten() for layer in layers])
        assert tables.std().item() == pytest.approx(0.02, abs=5e-4)
    else:
        assert all(torch.allclose(layer.logit_scale.exp(), torch.tensor(10.0)) for layer in layers)


def test_padding_is_no_nan_in_half_precision() -> None:
    network = small(block=SwinTransformerBlockV2, downsample_layer=PatchMergingV2, window_size=[3, 3]).eval()
    images = torch.randn(2, 3, 32, 32)
    expected, found = network(images), network.half()(images.half())
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=0.02)
