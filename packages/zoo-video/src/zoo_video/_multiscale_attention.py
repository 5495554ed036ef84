"""Multi-head attention that pools its queries, keys and values: what MViT is made of.

Haoqi Fan, Bo Xiong, Karttikeya Mangalam, Yanghao Li, Zhicheng Yan, Jitendra Malik, Christoph Feichtenhofer: Multiscale
Vision Transformers, 2021, arXiv:2104.11227 ("V1").
Yanghao Li, Chao-Yuan Wu, Haoqi Fan, Karttikeya Mangalam, Bo Xiong, Jitendra Malik, Christoph Feichtenhofer: MViTv2:
Improved Multiscale Vision Transformers for Classification and Detection, 2021, arXiv:2112.01526 ("V2").

Shapes: N clips of L = 1 + T * H * W tokens, the class token first, `heads` of D channels each.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zoo_core.layers import attend, is_symbol, join_heads, record_call, require_positive, trunc_normal_

Grid = tuple[int, int, int]
"""Tokens in time, height and width."""


def as_triple(numbers: Sequence[int]) -> Grid:
    """Return numbers for time, height and width."""
    time, height, width = numbers
    return time, height, width


class Pool(nn.Module):
    """Pools the tokens, but for the class token, as maps `(..., C, T, H, W)`, and normalises all (V1, section 3.1)."""

    def __init__(self, pool: nn.Module, norm: nn.Module | None) -> None:
        super().__init__()
        self.pool = pool
        self.norm_act = nn.Identity() if norm is None else nn.Sequential(norm)

    def forward(self, x: Tensor, thw: Grid) -> tuple[Tensor, Grid]:
        """Pool tokens `x`, `(N, L, C)`, of the grid `thw`; return `(N, L', C)` and its grid.

        Maps have their channels last in memory, as tokens have, which is fastest to pool.
        """
        class_token, patches = x.narrow(1, 0, 1), x.narrow(1, 1, math.prod(thw)).contiguous()
        maps = _in_grid(patches, 1, thw)
        pooled = self.pool(maps.permute(0, 4, 1, 2, 3)).permute(0, 2, 3, 4, 1)
        x = torch.cat([class_token, pooled.flatten(1, 3)], 1)
        return self.norm_act(x), as_triple(pooled.shape[1:4])


class MultiscaleAttention(nn.Module):
    """Multi-head attention among pooled tokens (V1, section 3.1; V2, section 4.1).

    `input_size` is the grid of the input; the heads share `output_dim` evenly, and `norm_layer` is called with the
    channels of one. The other arguments are those of `MSBlockConfig` and of `MViT`: `residual_pool` is equation 5 of
    V2, `rel_pos_embed` equation 4.

    Shape:
        `(N, L, embed_dim)` and its grid to `(N, L', output_dim)` and its grid.

    Raises:
        ValueError: `num_heads` does not divide `output_dim`, or is not positive.

    Example:
        >>> import torch
        >>> from zoo_video import MultiscaleAttention
        >>> attention = MultiscaleAttention(
        ...     [4, 8, 8], 48, 96, 2, [3, 3, 3], [3, 3, 3], [1, 2, 2], [1, 4, 4], True, False, True
        ... )
        >>> output, grid = attention(torch.zeros(1, 1 + 4 * 8 * 8, 48), (4, 8, 8))
        >>> output.shape, grid
        (torch.Size([1, 65, 96]), (4, 4, 4))
    """

    def __init__(
        self,
        input_size: Sequence[int],
        embed_dim: int,
        output_dim: int,
        num_heads: int,
        kernel_q: Sequence[int],
        kernel_kv: Sequence[int],
        stride_q: Sequence[int],
        stride_kv: Sequence[int],
        residual_pool: bool,
        residual_with_cls_embed: bool,
        rel_pos_embed: bool,
        dropout: float = 0.0,
        norm_layer: Callable[..., nn.Module] = nn.LayerNorm,
    ) -> None:
        super().__init__()
        require_positive(num_heads=num_heads)
        if output_dim % num_heads:
            raise ValueError(
                f"output_dim should be a multiple of num_heads, found output_dim={output_dim} and num_heads={num_heads}"
            )
        self.num_heads = num_heads
        self.head_dim = output_dim // num_heads
        self.residual_pool = residual_pool
        self.residual_with_cls_embed = residual_with_cls_embed
        self.qkv = nn.Linear(embed_dim, 3 * output_dim)
        self.project = nn.Sequential(nn.Linear(output_dim, output_dim))
        if dropout > 0.0:
            self.project.append(nn.Dropout(dropout, inplace=True))
        self.pool_q = _convolution_pool(self.head_dim, kernel_q, stride_q, norm_layer)
        self.pool_k = _convolution_pool(self.head_dim, kernel_kv, stride_kv, norm_layer)
        self.pool_v = _convolution_pool(self.head_dim, kernel_kv, stride_kv, norm_layer)
        tables = _table_sizes(input_size, stride_q, stride_kv) if rel_pos_embed else [None] * 3
        self.rel_pos_h, self.rel_pos_w, self.rel_pos_t = (_position_table(size, self.head_dim) for size in tables)

    def forward(self, x: Tensor, thw: Grid) -> tuple[Tensor, Grid]:
        if is_symbol(x):
            return record_call(self, x, thw)  # type: ignore[no-any-return]
        projected = torch.unflatten(self.qkv(x), 2, (3, self.num_heads, self.head_dim)).permute(2, 0, 3, 1, 4)
        query, grid = self._pool(self.pool_q, projected[0], thw)
        key, key_grid = self._pool(self.pool_k, projected[1], thw)
        value, _ = self._pool(self.pool_v, projected[2], thw)
        attended = self._attend(query, key, value, grid, key_grid)
        if self.residual_pool:
            residual = attended + query
            if not self.residual_with_cls_embed:
                residual.select(2, 0).copy_(attended.select(2, 0))
            attended = residual
        result: Tensor = self.project(join_heads(attended))
        return result, grid

    def _pool(self, pool: nn.Module | None, tokens: Tensor, grid: Grid) -> tuple[Tensor, Grid]:
        """Pool `(N, heads, L, D)`, each head apart."""
        if pool is None:
            return tokens, grid
        pooled, grid = pool(tokens.flatten(0, 1), grid)
        return torch.unflatten(pooled, 0, tokens.shape[:2]), grid

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, grid: Grid, key_grid: Grid) -> Tensor:
        """Return the attention's output, `(N, heads, L', D)`.

        The relative positions of a query are further channels of it: for each coordinate that a key can have, what is
        added to their score. Keys select theirs by further channels that are zero but for three. So there is no matrix
        of all queries and keys.
        """
        scale = self.head_dim**-0.5
        if self.rel_pos_t is not None and self.rel_pos_h is not None and self.rel_pos_w is not None:
            tables = (self.rel_pos_t, self.rel_pos_h, self.rel_pos_w)
            patches = _in_grid(query.narrow(2, 1, math.prod(grid)), 2, grid)
            positions = _relative_positions(patches, tables, key_grid)
            selection = _selection(key_grid, query) / scale
            extra = -positions.shape[-1] % 8  # what kernels like
            query = torch.cat([query, F.pad(positions, [0, extra, 1, 0])], -1)
            selection = F.pad(selection, [0, extra, 1, 0]).expand(*key.shape[:2], -1, -1)
            key = torch.cat([key, selection], -1)
            value = F.pad(value, [0, query.shape[-1] - self.head_dim])
        attended = attend(query, key, value, scale=scale)
        return attended[..., : self.head_dim]


def _convolution_pool(
    channels: int, kernel: Sequence[int], stride: Sequence[int], norm_layer: Callable[..., nn.Module]
) -> Pool | None:
    """Make a pooling by a convolution of each channel; none where it would change nothing."""
    if math.prod(kernel) == 1 and math.prod(stride) == 1:
        return None
    padding = as_triple([size // 2 for size in kernel])
    size, step = as_triple(kernel), as_triple(stride)
    convolution = nn.Conv3d(channels, channels, size, step, padding, groups=channels, bias=False)
    return Pool(convolution, norm_layer(channels))


def _table_sizes(input_size: Sequence[int], stride_q: Sequence[int], stride_kv: Sequence[int]) -> list[int]:
    """Return how many relative positions there are in height, width and time."""
    side = max(input_size[1:])
    strides = [stride[1] if stride else 1 for stride in (stride_q, stride_kv)]
    spatial = 2 * max(side // stride for stride in strides) - 1
    return [spatial, spatial, 2 * input_size[0] - 1]


def _position_table(size: int | None, channels: int) -> nn.Parameter | None:
    if size is None:
        return None
    table = nn.Parameter(torch.empty(size, channels))
    trunc_normal_(table, std=0.02)
    return table


def _relative_positions(query: Tensor, tables: tuple[Tensor, Tensor, Tensor], keys: Grid) -> Tensor:
    """Return for each query of `(N, heads, T, H, W, D)` what each coordinate of a key adds to their score, time first.

    The result is `(N, heads, T * H * W, T' + H' + W')`, for keys of the grid `(T', H', W')`.
    """
    grid = query.shape[2:5]
    time, height, width = (
        _relative(table, *sizes).transpose(1, 2) for table, *sizes in zip(tables, grid, keys, strict=True)
    )
    added = (
        torch.unflatten(query.flatten(3, 4) @ time, 3, grid[1:]),
        query @ height,
        (query.transpose(3, 4) @ width).transpose(3, 4),
    )
    return torch.cat(added, -1).flatten(2, 4)


def _relative(table: Tensor, queries: int, keys: int) -> Tensor:
    """Return the table's rows for each query and key of one dimension, `(queries, keys, D)` (V2, section 4.1)."""
    positions = 2 * max(queries, keys) - 1
    if table.shape[0] != positions:
        table = F.interpolate(table.t().unsqueeze(0), size=positions, mode="linear")[0].t()
    query = torch.arange(queries, device=table.device) * max(keys / queries, 1.0)
    key = torch.arange(keys, device=table.device) * max(queries / keys, 1.0)
    distance = query[:, None] - key + (keys - 1) * max(queries / keys, 1.0)
    return table[distance.long()]


def _selection(grid: Grid, like: Tensor) -> Tensor:
    """Return for each key a 1 at its time, its height and its width, `(T * H * W, T + H + W)`, and zeros elsewhere."""
    time, height, width = (torch.eye(size, dtype=like.dtype, device=like.device) for size in grid)
    coordinates = (
        time[:, None, None].expand(*grid, -1),
        height[:, None].expand(*grid, -1),
        width.expand(*grid, -1),
    )
    return torch.cat(coordinates, -1).flatten(0, 2)


def _in_grid(tokens: Tensor, axis: int, grid: Grid) -> Tensor:
    """Return tokens with their axis as three. Of `torch.unflatten`, PyTorch 2.6 traces no grid that is a symbol."""
    maps: Tensor = tokens.unflatten(axis, grid)  # type: ignore[no-untyped-call]
    return maps
