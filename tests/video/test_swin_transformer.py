"""Video Swin Transformer beyond what the recorded layouts and outputs show."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from zoo_core.layers import SwinTransformerBlock, relative_position_index
from zoo_video import SwinTransformer3d
from zoo_video._swin_transformer import PatchEmbed3d, ShiftedWindowAttention3d


def small(**kwargs: Any) -> SwinTransformer3d:
    torch.manual_seed(0)
    defaults = {
        "patch_size": [2, 4, 4],
        "embed_dim": 8,
        "depths": [1, 2],
        "num_heads": [1, 2],
        "window_size": [2, 3, 3],
    }
    return SwinTransformer3d(**{**defaults, "num_classes": 10, **kwargs})


def random_attention(window_size: list[int], shift_size: list[int]) -> ShiftedWindowAttention3d:
    torch.manual_seed(0)
    layer = ShiftedWindowAttention3d(8, window_size, shift_size, num_heads=2).eval()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer


def plain_attention(layer: ShiftedWindowAttention3d, x: Tensor) -> Tensor:
    """Roll, cut, attend in each window with a mask, and put together again: the paper's own way."""
    size = x.shape[1:4]
    window = [min(pair) for pair in zip(layer.window_size, size, strict=True)]
    shift = [0 if w >= s else step for w, s, step in zip(window, size, layer.shift_size, strict=True)]
    padding = [-side % width for side, width in zip(size, window, strict=True)]
    rolled = nn.functional.pad(x, (0, 0, 0, padding[2], 0, padding[1], 0, padding[0]))
    padded = rolled.shape[1:4]
    rolled = rolled.roll([-step for step in shift], (1, 2, 3))
    regions = [
        torch.arange(side).ge(side - width).long() + torch.arange(side).ge(side - step).long() * (step > 0)
        if step
        else torch.zeros(side, dtype=torch.long)
        for side, width, step in zip(padded, window, shift, strict=True)
    ]
    region = regions[0][:, None, None] * 9 + regions[1][:, None] * 3 + regions[2]
    count = math.prod(window)
    index = relative_position_index(layer.window_size)[:count, :count]
    bias = layer.relative_position_bias_table[index].permute(2, 0, 1)
    result = torch.zeros_like(rolled)
    for t in range(0, padded[0], window[0]):
        for h in range(0, padded[1], window[1]):
            for w in range(0, padded[2], window[2]):
                cut = (slice(t, t + window[0]), slice(h, h + window[1]), slice(w, w + window[2]))
                tokens = rolled[:, *cut].flatten(1, 3)
                query, key, value = layer.qkv(tokens).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
                scores = query @ key.transpose(-2, -1) / 2.0 + bias
                own = region[cut].flatten()
                scores = scores.masked_fill(own[:, None] != own, -math.inf)
                attended = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
                result[:, *cut] = layer.proj(attended).view(x.shape[0], *window, -1)
    result = result.roll(shift, (1, 2, 3))
    return result[:, : size[0], : size[1], : size[2]]


@pytest.mark.parametrize("shift_size", [[0, 0, 0], [1, 1, 2], [0, 1, 2], [1, 0, 0]])
@pytest.mark.parametrize("size", [(4, 6, 8), (5, 7, 9), (2, 6, 8), (1, 3, 4), (6, 2, 3), (3, 4, 1)])
def test_attention_is_that_of_rolled_maps_cut_into_windows(shift_size: list[int], size: tuple[int, ...]) -> None:
    layer, x = random_attention([2, 3, 4], shift_size), torch.rand(2, *size, 8)
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), plain_attention(layer, x), rtol=1e-4, atol=1e-4)


def test_bias_follows_its_table_at_once() -> None:
    layer, x = random_attention([2, 3, 4], [0, 0, 0]), torch.rand(1, 2, 3, 4, 8)
    with torch.no_grad():
        before = layer(x)
        layer.relative_position_bias_table.data.normal_()
        assert not torch.allclose(layer(x), before)
        layer.load_state_dict(random_attention([2, 3, 4], [0, 0, 0]).state_dict(), assign=True)
        assert torch.equal(layer(x), before)


@pytest.mark.parametrize(("size", "expected"), [((1, 1, 1), (1, 1, 1)), ((5, 9, 8), (3, 3, 2))])
def test_clips_are_padded_with_zeros_to_whole_patches(size: tuple[int, ...], expected: tuple[int, ...]) -> None:
    embed = PatchEmbed3d([2, 4, 4], embed_dim=6)
    clip = torch.rand(1, 3, *size)
    whole = torch.zeros(1, 3, *(side * patch for side, patch in zip(expected, (2, 4, 4), strict=True)))
    whole[:, :, : size[0], : size[1], : size[2]] = clip
    assert embed(clip).shape == (1, *expected, 6)
    torch.testing.assert_close(embed(clip), embed(whole))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"depths": [1]}, r"positive number for each stage, found \[1\] and \[1, 2\]"),
        ({"num_heads": [1, 3]}, "dim should be a multiple of num_heads, found dim=16 and num_heads=3"),
        ({"window_size": [2, 3, 0]}, "shift_size should be from 0 to below window_size"),
        ({"patch_size": [4, 4]}, r"patch_size should be 3 positive integers, found \[4, 4\]"),
        ({"patch_size": [2, 4, 0]}, "patch_size should be 3 positive integers"),
        ({"embed_dim": 0}, "embed_dim should be a positive integer"),
        ({"stochastic_depth_prob": 1.5}, "drop probability has to be between 0 and 1"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**arguments)


@pytest.mark.parametrize(
    "arguments", [{"dropout": 0.5}, {"attention_dropout": 0.5}, {"stochastic_depth_prob": 0.5}], ids=str
)
def test_dropouts_act_in_training_only(arguments: dict[str, float]) -> None:
    network = small(**{"stochastic_depth_prob": 0.0, **arguments}).train()
    clips = torch.rand(4, 3, 4, 32, 32)
    assert not torch.equal(network(clips), network(clips))
    assert torch.equal(network.eval()(clips), network(clips))


def test_every_second_block_shifts_by_half_a_window_and_stochastic_depth_rises() -> None:
    network = small(depths=[2, 3], window_size=[8, 7, 7], stochastic_depth_prob=0.4)
    blocks = [block for block in network.modules() if isinstance(block, SwinTransformerBlock)]
    assert [block.stochastic_depth.p for block in blocks] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert [block.attn.shift_size for block in blocks[:2]] == [[0, 0, 0], [4, 3, 3]]


def test_layers_start_from_the_distributions_of_the_paper_s_code() -> None:
    network = small(embed_dim=96, num_heads=[3, 6], window_size=[8, 7, 7])
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    assert torch.cat([layer.weight.flatten() for layer in linear]).std().item() == pytest.approx(0.02, abs=2e-4)
    biases: list[Tensor | None] = [layer.bias for layer in linear]
    assert not any(bias.any() for bias in biases if bias is not None)
    tables = [module.relative_position_bias_table for module in network.modules() if hasattr(module, "qkv")]
    assert torch.cat([table.flatten() for table in tables]).std().item() == pytest.approx(0.02, abs=5e-4)
