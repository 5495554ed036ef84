"""Position-sensitive pooling: every bin of a grid has channels of its own.

Jifeng Dai, Yi Li, Kaiming He, Jian Sun: R-FCN: Object Detection via Region-based Fully Convolutional Networks, 2016,
arXiv:1605.06409, section 3.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo_detection.foundation.precision import widen
from zoo_detection.foundation.tracing import is_tracing

from ._roi_samples import Taps

TAPS_AT_ONCE = 2**22
"""How many pixels' weights are held in memory, about."""


def channels_of_each(features: Tensor, sides: tuple[int, int]) -> int:
    """Return how many channels each bin has.

    Raises:
        ValueError: The channels cannot be shared out.
    """
    bins = sides[0] * sides[1]
    if features.shape[1] % bins:
        raise ValueError(
            f"input channels must be a multiple of pooling height * pooling width, {bins}, found {features.shape[1]}"
        )
    return features.shape[1] // bins


def sums_by_position(features: Tensor, images: Tensor, rows: Taps, columns: Taps) -> Tensor:
    """Return the weighted sum of the pixels of each bin, from the channels that the bin has.

    Args:
        features: `(N, C * high * wide, H, W)`: channel c of bin (i, j) is the one of index `(c * high + i) * wide + j`.
        images: `(K,)`, the image of each region.
        rows: `(K, high, T)`.
        columns: `(K, wide, T)`.

    Returns:
        `(K, C, high, wide)`, of the type of `features`.
    """
    sides = rows.places.shape[1], columns.places.shape[1]
    channels, (height, width) = channels_of_each(features, sides), features.shape[2:]
    split = widen(features).reshape(-1, channels, *sides, height, width)
    table = split.permute(0, 2, 3, 4, 5, 1).reshape(-1, channels)
    bins = torch.arange(sides[0] * sides[1], device=images.device)
    starts = (images[:, None] * (sides[0] * sides[1]) + bins).view(-1, *sides) * (height * width)
    pooled = (
        _sums(table, starts, rows, columns, width) if is_tracing() else _by_parts(table, starts, rows, columns, width)
    )
    return pooled.reshape(-1, *sides, channels).permute(0, 3, 1, 2).to(features.dtype).contiguous()


def _by_parts(table: Tensor, starts: Tensor, rows: Taps, columns: Taps, width: int) -> Tensor:
    """Do as `_sums`, for as many regions at once as memory should be taken for."""
    bins = rows.places.shape[1] * columns.places.shape[1]
    at_once = max(1, TAPS_AT_ONCE // max(1, bins * rows.places.shape[2] * columns.places.shape[2]))
    parts = (slice(first, first + at_once) for first in range(0, len(starts), at_once))
    sums = [_sums(table, starts[part], _part(rows, part), _part(columns, part), width) for part in parts]
    return torch.cat(sums) if sums else table.sum(0, keepdim=True)[:0]  # which has gradients, too


def _part(taps: Taps, part: slice) -> Taps:
    return Taps(taps.places[part], taps.weights[part])


def _sums(table: Tensor, starts: Tensor, rows: Taps, columns: Taps, width: int) -> Tensor:
    with torch.no_grad():
        places = rows.places[:, :, None, :, None] * width + columns.places[:, None, :, None, :]
        places = (starts[..., None, None] + places).flatten(3).flatten(0, 2)
        weights = (rows.weights[:, :, None, :, None] * columns.weights[:, None, :, None, :]).flatten(3).flatten(0, 2)
    if not is_tracing():
        return F.embedding_bag(places, table, mode="sum", per_sample_weights=weights.to(table.dtype))
    return (table[places] * weights.to(table.dtype).unsqueeze(2)).sum(1)
