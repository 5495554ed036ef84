"""RoIAlign as a weighted sum of rows of a table, one row a pixel of the features."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo_detection.foundation.precision import widen
from zoo_detection.foundation.tracing import is_exporting, is_tracing

from ._roi_crops import pool_crops
from ._roi_samples import Grid, Taps, taps_of

CROPPED_SHARE, COST_OF_A_CROP = 1.5, 150
"""Up to so many times the pixels of the features, regions are pooled one by one; each costs as many pixels more."""


class Level(NamedTuple):
    """Features of one resolution."""

    features: Tensor
    """`(N, C, H, W)`."""
    scale: float | Tensor
    """What coordinates of boxes are multiplied by to get those of the features."""


def pool_levels(levels: Sequence[Level], assigned: Tensor, images: Tensor, corners: Tensor, grid: Grid) -> Tensor:
    """Pool each region on the level assigned to it.

    Args:
        levels: The features.
        assigned: `(K,)`, the index of the level of each region.
        images: `(K,)`, the image of each region.
        corners: `(K, 4)`, each region.
        grid: The bins.

    Returns:
        `(K, C, height, width)`.
    """
    if len(levels) == 1:
        return pool_regions(levels[0], images, corners, grid)
    if is_exporting() or (is_tracing() and grid.sampling_ratio > 0):
        return _pool_all_at_once(levels, assigned, images, corners, grid)
    chosen = [torch.where(assigned == index)[0] for index in range(len(levels))]
    pooled = [
        pool_regions(level, images[regions], corners[regions], grid)
        for level, regions in zip(levels, chosen, strict=True)
        if regions.shape[0] > 0 or level is levels[0]  # a row of nothing has a type, too
    ]
    return torch.cat(pooled).index_select(0, torch.cat(chosen).argsort())


def pool_regions(level: Level, images: Tensor, corners: Tensor, grid: Grid) -> Tensor:
    """Pool each region on one level.

    Args:
        level: The features.
        images: `(K,)`, the image of each region.
        corners: `(K, 4)`, each region.
        grid: The bins.

    Returns:
        `(K, C, height, width)`.
    """
    height, width = level.features.shape[-2:]
    with torch.no_grad():
        corners = corners.to(widen(level.features[:0]).dtype) * level.scale
    if _is_better_cropped(level.features, corners, grid):
        cropped: Tensor = pool_crops(widen(level.features), images, corners, grid)
        return cropped.to(level.features.dtype)
    with torch.no_grad():
        pixels, weights = _pixels(corners, images * (height * width), height, width, grid)
    return _arranged(_weighted_sums(_table(level.features), pixels, weights), grid, level.features.dtype)


def _is_better_cropped(features: Tensor, corners: Tensor, grid: Grid) -> bool:
    """Tell whether regions are pooled faster one by one."""
    if grid.sampling_ratio <= 0:  # any number of sampling points
        return True
    if is_tracing() or features.device.type != "cpu" or features.is_contiguous(memory_format=torch.channels_last):
        return False
    # The time of the other way begins with that for the table, which grows with the features.
    height, width = features.shape[-2:]
    covered = (corners[:, 2] - corners[:, 0]).clamp(1, width) * (corners[:, 3] - corners[:, 1]).clamp(1, height)
    return float((covered + COST_OF_A_CROP).sum()) <= CROPPED_SHARE * features.shape[0] * height * width


def _pool_all_at_once(levels: Sequence[Level], assigned: Tensor, images: Tensor, corners: Tensor, grid: Grid) -> Tensor:
    """Pool from one table of all levels, so that no number of regions depends on values."""
    tables = [_table(level.features) for level in levels]
    with torch.no_grad():
        heights = _per_region([level.features.shape[2] for level in levels], assigned)
        widths = _per_region([level.features.shape[3] for level in levels], assigned)
        sizes = [table.shape[0] for table in tables]
        starts = _per_region([sum(sizes[:index]) for index in range(len(sizes))], assigned)
        scales = torch.stack([torch.as_tensor(level.scale, device=corners.device) for level in levels])[assigned]
        corners = corners.to(tables[0].dtype) * scales.unsqueeze(1)
        starts = starts + images * heights * widths
        pixels, weights = _pixels(corners, starts, heights[:, None, None], widths[:, None, None], grid)
    return _arranged(_weighted_sums(torch.cat(tables), pixels, weights), grid, levels[0].features.dtype)


def _per_region(values: Sequence[int], assigned: Tensor) -> Tensor:
    """Choose for each region the value of its level; the values may be symbols."""
    zero = torch.zeros((), dtype=torch.int64, device=assigned.device)
    return torch.stack([zero + value for value in values])[assigned]


def _pixels(
    corners: Tensor, starts: Tensor, height: int | Tensor, width: int | Tensor, grid: Grid
) -> tuple[Tensor, Tensor]:
    """Return indices and weights of the pixels of each bin, both `(K * bins, row taps * column taps)`."""
    rows = taps_of(corners[:, 1], corners[:, 3], grid.sides[0], height, grid.sampling_ratio, grid.aligned)
    columns = taps_of(corners[:, 0], corners[:, 2], grid.sides[1], width, grid.sampling_ratio, grid.aligned)
    return _combined(Taps(rows.places * width + starts[:, None, None], rows.weights), columns)


def _combined(rows: Taps, columns: Taps) -> tuple[Tensor, Tensor]:
    pixels = rows.places[:, :, None, :, None] + columns.places[:, None, :, None, :]
    weights = rows.weights[:, :, None, :, None] * columns.weights[:, None, :, None, :]
    return pixels.flatten(3).flatten(0, 2), weights.flatten(3).flatten(0, 2)


def _table(features: Tensor) -> Tensor:
    """Return a row for each pixel; without a copy if the features are in channels-last order."""
    return widen(features).permute(0, 2, 3, 1).contiguous().flatten(0, 2)


def _weighted_sums(table: Tensor, pixels: Tensor, weights: Tensor) -> Tensor:
    """Return for each bin the sum of rows of the table, `(K * bins, C)`."""
    if not is_tracing():
        return F.embedding_bag(pixels, table, mode="sum", per_sample_weights=weights)
    total = table[pixels[:, 0]] * weights[:, :1]
    for tap in range(1, pixels.shape[1]):
        total = total + table[pixels[:, tap]] * weights[:, tap : tap + 1]
    return total


def _arranged(sums: Tensor, grid: Grid, dtype: torch.dtype) -> Tensor:
    return sums.reshape(-1, *grid.sides, sums.shape[1]).permute(0, 3, 1, 2).to(dtype).contiguous()
