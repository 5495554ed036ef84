"""Relative positions between the tokens of a window, in any number of dimensions.

Ze Liu, Yutong Lin, Yue Cao, Han Hu, Yixuan Wei, Zheng Zhang, Stephen Lin, Baining Guo: Swin Transformer: Hierarchical
Vision Transformer using Shifted Windows, 2021, arXiv:2103.14030: relative position bias, section 3.2.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def relative_position_index(window_size: Sequence[int]) -> Tensor:
    """Number the relative positions that two tokens of a window can have.

    Args:
        window_size: Tokens of the window in each dimension, N in all.

    Returns:
        Integers `(N, N)`, for each query and key, from 0 to below the product of all `2 * size - 1`: the differences of
        their coordinates, in the order of a table of these sizes.

    Example:
        >>> relative_position_index([2])
        tensor([[1, 0],
                [2, 1]])
    """
    axes = torch.meshgrid([torch.arange(size) for size in window_size], indexing="ij")
    tokens = math.prod(window_size)
    index = torch.zeros(tokens, tokens, dtype=torch.int64)
    for axis, size in zip(axes, window_size, strict=True):
        coordinate = axis.flatten()
        # In place: windows in time and space have 150,000 pairs, and a network has dozens of them.
        index.mul_(2 * size - 1).add_(coordinate[:, None]).sub_(coordinate).add_(size - 1)
    return index


def relative_position_bias(table: Tensor, index: Tensor) -> Tensor:
    """Look up what is added to each query's score for each key.

    Args:
        table: A number `(positions, heads)` for each relative position and head.
        index: The relative positions of N x N queries and keys, of any shape.

    Returns:
        `(1, heads, N, N)`.

    Example:
        >>> relative_position_bias(torch.tensor([[0.0], [0.5], [1.0]]), relative_position_index([2]))
        tensor([[[[0.5000, 0.0000],
                  [1.0000, 0.5000]]]])
    """
    tokens = int(index.numel() ** 0.5)
    return table.t().index_select(1, index.flatten()).view(1, table.shape[1], tokens, tokens)
