"""RoIAlign region by region, as two products of matrices: for few regions, and where bins have many sampling points.

Bilinear interpolation and the average over a bin treat rows and columns apart. So the bins of a region are A X B, where
X are the pixels that it covers, and the small matrices A and B say how much each row and each column counts.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from zoo_detection.foundation.precision import without_autocast
from zoo_detection.foundation.tracing import left_to_python

from ._roi_samples import Grid, Taps, taps_of

REGIONS_AT_ONCE = 64
"""Of how many regions the matrices are held in memory."""


class Crop(NamedTuple):
    """A region's pixels, and how they are summed."""

    region: int
    """Its index."""
    image: int
    rows: slice
    columns: slice
    of_rows: Tensor
    """`(bins high, rows)`."""
    of_columns: Tensor
    """`(bins wide, columns)`."""


@left_to_python
def pool_crops(features: Tensor, images: Tensor, corners: Tensor, grid: Grid) -> Tensor:
    """Pool each region.

    Args:
        features: `(N, C, H, W)`.
        images: `(K,)`, the image of each region.
        corners: `(K, 4)`, each region in pixels of the features, of their type.
        grid: The bins.

    Returns:
        `(K, C, height, width)`.
    """
    pooled: Tensor = _Crops.apply(features, images, corners, grid)  # type: ignore[no-untyped-call]
    return pooled


class _Crops(torch.autograd.Function):
    """Remembers the regions, not their pixels: what the rest would remember of each is larger than the features."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, *regions: Any) -> Tensor:  # what autograd passes on
        images, corners, grid = regions
        ctx.save_for_backward(images, corners)
        ctx.shape, ctx.grid = features.shape, grid
        return _pooled(features, images, corners, grid)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # what autograd passes on
        images, corners = ctx.saved_tensors
        return _unpooled(gradient, images, corners, ctx.grid, ctx.shape), None, None, None


@without_autocast
def _pooled(features: Tensor, images: Tensor, corners: Tensor, grid: Grid) -> Tensor:
    pooled = features.new_zeros((corners.shape[0], features.shape[1], *grid.sides))
    for crop in _crops(images, corners, grid, features.shape):
        by_rows = torch.matmul(crop.of_rows, features[crop.image, :, crop.rows, crop.columns])
        torch.matmul(by_rows, crop.of_columns.t(), out=pooled[crop.region])
    return pooled


@without_autocast
def _unpooled(gradient: Tensor, images: Tensor, corners: Tensor, grid: Grid, shape: torch.Size) -> Tensor:
    """Return the gradient of the features, of `shape`, from that of what was pooled."""
    of_features = gradient.new_zeros(shape)
    for crop in _crops(images, corners, grid, shape):
        by_rows = torch.matmul(gradient[crop.region], crop.of_columns)
        of_features[crop.image, :, crop.rows, crop.columns] += torch.matmul(crop.of_rows.t(), by_rows)
    return of_features


def _crops(images: Tensor, corners: Tensor, grid: Grid, shape: torch.Size) -> Iterator[Crop]:
    """Yield the regions that cover pixels."""
    for start in range(0, corners.shape[0], REGIONS_AT_ONCE):
        part = corners[start : start + REGIONS_AT_ONCE]
        tops, heights, of_rows = _matrices(
            taps_of(part[:, 1], part[:, 3], grid.sides[0], shape[2], grid.sampling_ratio, grid.aligned)
        )
        lefts, widths, of_columns = _matrices(
            taps_of(part[:, 0], part[:, 2], grid.sides[1], shape[3], grid.sampling_ratio, grid.aligned)
        )
        for offset, image in enumerate(images[start : start + REGIONS_AT_ONCE].tolist()):
            top, height, left, width = tops[offset], heights[offset], lefts[offset], widths[offset]
            if height > 0 and width > 0:
                yield Crop(
                    start + offset,
                    image,
                    slice(top, top + height),
                    slice(left, left + width),
                    of_rows[offset, :, :height],
                    of_columns[offset, :, :width],
                )


def _matrices(taps: Taps) -> tuple[list[int], list[int], Tensor]:
    """Return the first pixel and the number of pixels of each region along an axis, and their weights in each bin."""
    counts = taps.weights > 0
    first = taps.places.where(counts, torch.iinfo(torch.int64).max).flatten(1).amin(1)
    number = (taps.places.where(counts, -1).flatten(1).amax(1) - first + 1).clamp(min=0)
    most = max(int(number.max()), 1)
    offsets = (taps.places - first[:, None, None]).clamp(0, most - 1)
    matrices = taps.weights.new_zeros((*taps.places.shape[:2], most)).scatter_add_(2, offsets, taps.weights)
    return first.tolist(), number.tolist(), matrices
