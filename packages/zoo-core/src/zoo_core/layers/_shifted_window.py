"""Attention in shifted windows with relative positions, of any number of dimensions.

Ze Liu, Yutong Lin, Yue Cao, Han Hu, Yixuan Wei, Zheng Zhang, Stephen Lin, Baining Guo: Swin Transformer: Hierarchical
Vision Transformer using Shifted Windows, 2021, arXiv:2103.14030.

Shapes: N images, H x W tokens of C channels each, in windows of T tokens. A map has its channels last.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._checks import require_positive
from ._heads import attend, join_heads
from ._initialization import trunc_normal_
from ._symbols import is_symbol, record_call


class ShiftedWindowAttention(nn.Module):
    """Multi-head self-attention within windows, which are shifted cyclically (section 3.2 and figure 4).

    The map is padded with zeros to whole windows. Where it is no larger than one window, that is not shifted.

    Args:
        dim: Channels of the input and the output, C.
        window_size: Tokens of a window in each dimension.
        shift_size: How far the windows are shifted in each dimension, below the size of the window.
        num_heads: Attention heads; they share the channels evenly.
        qkv_bias: Whether queries, keys and values have biases.
        proj_bias: Whether the output has a bias.
        attention_dropout: Probability that an attention weight is dropped in training.
        dropout: Probability that an element of the output is dropped in training.

    Shape:
        `(N, H, W, C)` to the same, with as many dimensions in place of H and W as the windows have.

    Raises:
        ValueError: An argument cannot be an attention layer.

    Example:
        >>> import torch
        >>> from zoo_core.layers import ShiftedWindowAttention
        >>> ShiftedWindowAttention(96, [7, 7], [3, 3], num_heads=3)(torch.zeros(1, 20, 30, 96)).shape
        torch.Size([1, 20, 30, 96])
    """

    relative_position_index: Tensor

    def __init__(
        self,
        dim: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        num_heads: int,
        qkv_bias: bool = True,
        proj_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check_windows(window_size, shift_size)
        require_positive(num_heads=num_heads)
        if dim % num_heads:
            raise ValueError(f"dim should be a multiple of num_heads, found dim={dim} and num_heads={num_heads}")
        self.window_size = list(window_size)
        self.shift_size = list(shift_size)
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.dropout = dropout
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim, bias=proj_bias)
        self._define_position_bias()

    def _define_position_bias(self) -> None:
        """Make what `get_relative_position_bias` and the scores need."""
        self.scale = (self.qkv.in_features // self.num_heads) ** -0.5
        positions = math.prod(2 * size - 1 for size in self.window_size)
        self.relative_position_bias_table = nn.Parameter(torch.empty(positions, self.num_heads))
        trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer("relative_position_index", relative_position_index(self.window_size).flatten())

    def get_relative_position_bias(self) -> Tensor:
        """Return what is added to the scores, `(1, num_heads, T, T)`."""
        return relative_position_bias(self.relative_position_bias_table, self.relative_position_index)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within the windows of the map `x`, `(N, H, W, C)`."""
        if not torch.jit.is_scripting() and is_symbol(x):  # type: ignore[attr-defined]
            return record_call(self, x)  # type: ignore[no-any-return]
        tokens = x.flatten(1, -2)
        places, regions = arrange_windows(list(x.shape[1:-1]), self.window_size, self.shift_size, x.device)
        places = places.flatten()
        bias = self.get_relative_position_bias()
        if sum(self.shift_size) > 0:
            bias = bias + separate_regions(regions.reshape(-1, 1, bias.shape[-1]), bias.dtype)
            bias = bias.expand([x.shape[0], -1, -1, -1, -1]).flatten(0, 1)
        attended = self._attend(take_tokens(tokens, places), bias)
        result = self.proj(attended.index_select(1, inverse_places(places, tokens.shape[1])))
        return F.dropout(result, self.dropout, self.training).view(x.shape)

    def _attend(self, tokens: Tensor, bias: Tensor) -> Tensor:
        """Attend within each T of `tokens`, `(N, windows * T, C)`; `bias` is one for all windows or one for each."""
        query, key, value = self._project(tokens, bias.shape[-1])
        dropout = self.attention_dropout if self.training else 0.0
        attended = attend(query, key, value, bias, dropout, self.scale)
        return join_heads(attended).reshape(tokens.shape)

    def _project(self, tokens: Tensor, window: int) -> tuple[Tensor, Tensor, Tensor]:
        """Make queries, keys and values of windows of T tokens, `(N * windows, num_heads, T, C / num_heads)`."""
        query, key, value = self._split_heads(self.qkv(tokens), window).unbind(2)
        return query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)

    def _split_heads(self, projected: Tensor, window: int) -> Tensor:
        """View `(N, windows * T, 3 * C)` as `(N * windows, T, 3, num_heads, C / num_heads)`."""
        return projected.view(-1, window, 3, self.num_heads, projected.shape[-1] // (3 * self.num_heads))


def _check_windows(window_size: Sequence[int], shift_size: Sequence[int]) -> None:
    if len(window_size) != len(shift_size):
        raise ValueError(
            "window_size and shift_size should have one number for each dimension, "
            f"found {list(window_size)} and {list(shift_size)}"
        )
    if any(not 0 <= shift < window for window, shift in zip(window_size, shift_size, strict=True)):
        raise ValueError(
            "shift_size should be from 0 to below window_size in each dimension, "
            f"found {list(shift_size)} and {list(window_size)}"
        )


def arrange_windows(
    size: list[int], window: list[int], shift: list[int], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Arrange the tokens of a map in windows: without a branch on its size, so that exports can keep it dynamic.

    Args:
        size: Tokens of the map in each dimension.
        window: Tokens of a window in each dimension.
        shift: How far the windows are shifted in each dimension; a dimension of one window is not.
        device: Of the results.

    Returns:
        For each token of each window, `(windows, ..., tokens, ...)` with every dimension twice, where it stands in the
        flattened map, or the number of the map's tokens if it is padding; and, if there is a shift, the number of its
        region: tokens that the shift has taken around an end of the map are in another region than their new
        neighbours.

    Example:
        >>> import torch
        >>> from zoo_core.layers import arrange_windows
        >>> arrange_windows([5], [3], [1], torch.device("cpu"))
        (tensor([[1, 2, 3],
                [4, 5, 0]]), tensor([[0, 0, 0],
                [0, 0, 1]]))
    """
    dimensions = len(size)
    total = 1
    places = torch.zeros([1] * (2 * dimensions), dtype=torch.int64, device=device)
    regions = torch.zeros_like(places)
    inside = torch.ones_like(places, dtype=torch.bool)
    for i in range(dimensions):
        windows = (size[i] + window[i] - 1) // window[i]
        shape = [1] * (2 * dimensions)
        shape[i], shape[dimensions + i] = windows, window[i]
        place = torch.arange(windows * window[i], device=device).view(shape)
        if shift[i] > 0:
            step = shift[i] * (1 - 1 // windows)  # a single window is not shifted
            place = (place + step) % (windows * window[i])
            regions = regions * 2 + (place < step)
        places = places * size[i] + place
        inside = inside & (place < size[i])
        total *= size[i]
    return places.where(inside, total), regions.expand_as(places)


def take_tokens(tokens: Tensor, places: Tensor) -> Tensor:
    """Take tokens, `(N, tokens, C)`, from their places, and zeros where there is none.

    Example:
        >>> import torch
        >>> from zoo_core.layers import take_tokens
        >>> take_tokens(torch.tensor([[[5.0], [6.0]]]), torch.tensor([1, 0, 2]))
        tensor([[[6.],
                 [5.],
                 [0.]]])
    """
    total = tokens.shape[1]
    inside = (places < total).to(tokens.dtype).unsqueeze(1)
    return tokens.index_select(1, places.clamp(max=total - 1)).mul_(inside)


def inverse_places(places: Tensor, total: int) -> Tensor:
    """Return for each of `total` places of the map which of `places` it is; places behind them are padding.

    Example:
        >>> import torch
        >>> from zoo_core.layers import inverse_places
        >>> inverse_places(torch.tensor([1, 2, 3, 4, 5, 0]), 5)
        tensor([5, 0, 1, 2, 3])
    """
    numbers = torch.arange(places.shape[0], device=places.device)
    return places.new_empty(total + 1).scatter_(0, places, numbers).narrow(0, 0, total)


def separate_regions(regions: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added to the scores `(..., T, T)` of tokens in `regions`, `(..., T)`: -100 for different ones.

    Example:
        >>> import torch
        >>> from zoo_core.layers import separate_regions
        >>> separate_regions(torch.tensor([0, 0, 1]), torch.float32) < 0
        tensor([[False, False,  True],
                [False, False,  True],
                [ True,  True, False]])
    """
    numbers = regions.to(dtype)
    return (numbers.unsqueeze(-2) - numbers.unsqueeze(-1)).abs().clamp(max=1.0) * -100.0


def relative_position_index(window_size: Sequence[int]) -> Tensor:
    """Number the relative positions that two tokens of a window can have (section 3.2).

    Args:
        window_size: Tokens of the window in each dimension, N in all.

    Returns:
        Integers `(N, N)`, for each query and key, from 0 to below the product of all `2 * size - 1`: the differences of
        their coordinates, in the order of a table of these sizes.

    Example:
        >>> from zoo_core.layers import relative_position_index
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
        >>> import torch
        >>> from zoo_core.layers import relative_position_bias, relative_position_index
        >>> relative_position_bias(torch.tensor([[0.0], [0.5], [1.0]]), relative_position_index([2]))
        tensor([[[[0.5000, 0.0000],
                  [1.0000, 0.5000]]]])
    """
    tokens = int(index.numel() ** 0.5)
    return table.t().index_select(1, index.flatten()).view(1, table.shape[1], tokens, tokens)
