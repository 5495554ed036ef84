"""MViT of both versions beyond what the recorded layouts and outputs show."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo_video import MSBlockConfig, MViT, mvit_v1_b, mvit_v2_s
from zoo_video._multiscale_attention import MultiscaleAttention
from zoo_video._mvit import MultiscaleBlock

CUBE = (3, 3, 3)
ROW: dict[str, Any] = {"num_heads": 2, "input_channels": 8, "output_channels": 8}
POOLS: dict[str, Any] = {"kernel_q": CUBE, "kernel_kv": CUBE, "stride_q": (1, 1, 1), "stride_kv": (1, 2, 2)}


def small(**kwargs: Any) -> MViT:
    torch.manual_seed(0)
    rows = [MSBlockConfig(**ROW, **POOLS), MSBlockConfig(**ROW, **{**POOLS, "stride_q": (1, 2, 2)})]
    defaults = {"residual_pool": True, "residual_with_cls_embed": False, "rel_pos_embed": True, "proj_after_attn": True}
    return MViT(
        **{"spatial_size": (32, 48), "temporal_size": 4, "block_setting": rows, "num_classes": 10, **defaults, **kwargs}
    )


def plain_attention(layer: MultiscaleAttention, x: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """Pool, score every query against every key, add the relative positions one by one (V2, equations 4 and 5)."""
    heads = layer.qkv(x).unflatten(-1, (3, layer.num_heads, layer.head_dim)).permute(2, 0, 3, 1, 4)
    pooled, grids = [], []
    for tokens, pool in zip(heads, (layer.pool_q, layer.pool_k, layer.pool_v), strict=True):
        maps = tokens[:, :, 1:].unflatten(2, grid).permute(0, 1, 5, 2, 3, 4).flatten(0, 1)
        maps = pool.pool(maps)
        grids.append(maps.shape[2:])
        maps = maps.flatten(2).transpose(1, 2).unflatten(0, tokens.shape[:2])
        pooled.append(pool.norm_act(torch.cat([tokens[:, :, :1], maps], 2)))
    query, key, value = pooled
    scores = query @ key.transpose(-2, -1) / math.sqrt(layer.head_dim)
    if layer.rel_pos_h is not None:
        scores[:, :, 1:, 1:] += positions(layer, query[:, :, 1:], *grids[:2])
    attended = scores.softmax(-1) @ value
    if layer.residual_pool:
        attended[:, :, 1:] += query[:, :, 1:]
        attended[:, :, :1] += query[:, :, :1] * layer.residual_with_cls_embed
    return layer.project(attended.transpose(1, 2).flatten(2))


def positions(layer: MultiscaleAttention, query: Tensor, grid: Any, key_grid: Any) -> Tensor:
    places, keys = (torch.cartesian_prod(*map(torch.arange, sizes)) for sizes in (grid, key_grid))
    added = torch.zeros(*query.shape[:3], len(keys))
    for axis, table in enumerate((layer.rel_pos_t, layer.rel_pos_h, layer.rel_pos_w)):
        queries, others = grid[axis], key_grid[axis]
        length = 2 * max(queries, others) - 1
        rows = F.interpolate(table.t()[None], size=length, mode="linear")[0].t()
        own, other = places[:, axis] * max(others / queries, 1), keys[:, axis] * max(queries / others, 1)
        distance = own[:, None] - other + (others - 1) * max(queries / others, 1)
        added = added + torch.einsum("nhqd,qkd->nhqk", query, rows[distance.long()])
    return added


@pytest.mark.parametrize("residual", [(True, False), (True, True), (False, False)])
@pytest.mark.parametrize("rel_pos_embed", [True, False])
@pytest.mark.parametrize(
    ("stride_q", "stride_kv"), [((1, 1, 1), (1, 2, 2)), ((1, 2, 2), (1, 4, 4)), ((2, 2, 2), (1, 1, 1))]
)
def test_attention_is_that_of_all_pairs(
    residual: tuple[bool, bool], rel_pos_embed: bool, stride_q: tuple[int, ...], stride_kv: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    layer = MultiscaleAttention([4, 8, 12], 6, 8, 2, CUBE, CUBE, stride_q, stride_kv, *residual, rel_pos_embed).eval()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    x = torch.rand(2, 1 + 4 * 8 * 12, 6)
    with torch.inference_mode():
        found, grid = layer(x, (4, 8, 12))
        torch.testing.assert_close(found, plain_attention(layer, x, (4, 8, 12)), rtol=1e-4, atol=1e-4)
    assert found.shape[1] == 1 + math.prod(grid)


def test_attention_without_pooling_keeps_the_tokens() -> None:
    layer = MultiscaleAttention([2, 4, 4], 6, 8, 2, (), (1, 1, 1), (), (1, 1, 1), False, False, False)
    assert not [name for name, _ in layer.named_parameters() if "pool" in name]
    output, grid = layer(torch.rand(1, 33, 6), (2, 4, 4))
    assert (output.shape, grid) == ((1, 33, 8), (2, 4, 4))


def test_no_matrix_of_all_queries_and_keys_is_kept_for_the_gradient() -> None:
    layer = MultiscaleAttention([4, 16, 16], 8, 8, 1, CUBE, CUBE, (1, 1, 1), (1, 2, 2), True, False, True)
    saved = []

    def save(tensor: torch.Tensor) -> torch.Tensor:
        saved.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(save, lambda x: x):
        layer(torch.rand(1, 1025, 8, requires_grad=True), (4, 16, 16))
    assert max(saved) < 1025 * 257


def test_shortcut_is_pooled_as_the_queries_are() -> None:
    block = MultiscaleBlock(
        [4, 8, 8], MSBlockConfig(**ROW, **{**POOLS, "stride_q": (2, 2, 1)}), True, False, True, True
    )
    assert (block.pool_skip.pool.kernel_size, block.pool_skip.pool.padding) == ((3, 3, 1), (1, 1, 0))
    output, grid = block(torch.rand(2, 257, 8), (4, 8, 8))
    assert (output.shape, grid) == ((2, 65, 8), (2, 4, 8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 0}, "num_heads should be a positive integer, found 0"),
        ({"kernel_q": (3, 3)}, r"kernel_q and stride_q should be 3 positive integers each, or empty, found \[3, 3\]"),
        ({"stride_kv": ()}, r"kernel_kv and stride_kv should be .* found \[3, 3, 3\] and \[\]"),
        ({"stride_kv": (1, 0, 2)}, "kernel_kv and stride_kv should be 3 positive"),
    ],
)
def test_a_row_that_cannot_be_a_block_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MSBlockConfig(**{**ROW, **POOLS, **arguments})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"block_setting": []}, ValueError, "The configuration parameter can't be empty"),
        ({"block_setting": [(1, 8, 8)]}, TypeError, "block_setting should be a list of MSBlockConfig, found"),
        ({"temporal_size": 0}, ValueError, "temporal_size should be a positive integer, found 0"),
        ({"block_setting": [MSBlockConfig(**{**ROW, **POOLS, "num_heads": 3})]}, ValueError, "multiple of num_heads"),
    ],
)
def test_arguments_that_cannot_be_a_network_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        small(**arguments)


@pytest.mark.parametrize(
    "arguments", [{"dropout": 0.5}, {"attention_dropout": 0.5}, {"stochastic_depth_prob": 0.5}], ids=str
)
def test_dropouts_act_in_training_only(arguments: dict[str, float]) -> None:
    network = small(**{"dropout": 0.0, **arguments}).train()
    clips = torch.rand(4, 3, 4, 32, 48)
    assert not torch.equal(network(clips), network(clips))
    assert torch.equal(network.eval()(clips), network(clips))


def test_absolute_positions_tell_places_and_times_apart() -> None:
    network = small(rel_pos_embed=False).eval()
    tokens = network.pos_encoding(torch.zeros(1, 2 * 8 * 12, 8))
    assert tokens.shape == (1, 193, 8)
    assert len(tokens[0].unique(dim=0)) == 193


def test_builders_take_other_sizes_of_clips() -> None:
    for builder in (mvit_v1_b, mvit_v2_s):
        network = builder(spatial_size=(32, 64), temporal_size=4, num_classes=3)
        assert network(torch.zeros(1, 3, 4, 32, 64)).shape == (1, 3)
        assert network.blocks[-1].stochastic_depth.p == 0.2


def test_layers_start_from_the_distributions_of_the_paper_s_code() -> None:
    torch.manual_seed(0)
    network = mvit_v2_s()
    linear = [module for module in network.modules() if isinstance(module, nn.Linear)]
    assert torch.cat([layer.weight.flatten() for layer in linear]).std().item() == pytest.approx(0.02, abs=5e-5)
    assert not any(layer.bias.any() for layer in linear)
    tables = [tensor.flatten() for name, tensor in network.named_parameters() if "rel_pos" in name]
    assert torch.cat(tables).std().item() == pytest.approx(0.02, abs=5e-4)
    assert network.pos_encoding.class_token.std().item() == pytest.approx(0.02, abs=0.005)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"temporal_size": 5}, r"5 frames of 32 x 48 pixels, of which the patch embedding makes 3 x 8 x 12 patches"),
        ({"temporal_size": 1}, r"1 frames of 32 x 48 pixels"),
        ({"spatial_size": (33, 48)}, r"4 frames of 33 x 48 pixels"),
    ],
    ids=["frames", "one frame", "pixels"],
)
def test_clips_that_patches_do_not_divide_are_refused_when_it_is_built(arguments: dict[str, Any], found: str) -> None:
    with pytest.raises(ValueError, match=rf"multiples of patch_embed_stride, \(2, 4, 4\), .*found {found}"):
        small(**arguments)
