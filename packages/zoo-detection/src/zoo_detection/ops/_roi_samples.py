"""Where RoIAlign samples along one axis, and how much each pixel counts: the two axes are independent."""

from typing import NamedTuple

import torch
from torch import Tensor

from ._tracing import is_exporting


class Grid(NamedTuple):
    """How regions are divided."""

    sides: tuple[int, int]
    """Height and width, in bins."""
    sampling_ratio: int
    """As for `roi_align`."""
    aligned: bool
    """Likewise."""


class Taps(NamedTuple):
    """The pixels of one axis that each bin is a weighted sum of; there are T of each bin, some of weight zero."""

    places: Tensor
    """`(K, bins, T)`, int64, each a pixel that exists."""
    weights: Tensor
    """`(K, bins, T)`."""


def taps_of(start: Tensor, end: Tensor, bins: int, length: int | Tensor, sampling_ratio: int, aligned: bool) -> Taps:
    """Return where the sampling points of each bin are read from.

    Args:
        start: `(K,)`, where each region begins, in pixels of the features.
        end: `(K,)`, where it ends.
        bins: How many bins a region is divided into.
        length: How many pixels the features have; or for each region, `(K, 1, 1)`.
        sampling_ratio: Points in a bin; if not positive, as many as it has pixels, rounded up.
        aligned: As for `roi_align`.

    Raises:
        ValueError: torch.export records, and the number of points depends on values.
    """
    extent = end - start
    if aligned:
        start = start - 0.5
    else:
        extent = extent.clamp(min=1)
    size = extent / bins
    if sampling_ratio > 0:
        count = torch.full_like(size, sampling_ratio)
        most = sampling_ratio
    elif is_exporting():
        raise ValueError(
            f"sampling_ratio should be positive for torch.export, found {sampling_ratio}: "
            "otherwise the number of sampling points depends on the boxes"
        )
    else:
        count = size.ceil().nan_to_num(0, 0, 0).clamp(min=0)
        most = max(int(count.max()), 1) if count.shape[0] > 0 else 1
    return _interpolated(*_points(start, size, count, most, bins), count, length)


def _points(start: Tensor, size: Tensor, count: Tensor, most: int, bins: int) -> tuple[Tensor, Tensor]:
    """Return the coordinates of sampling points, and which of them there are, `(K, bins, most)`."""
    bin_index = torch.arange(bins, device=start.device, dtype=start.dtype)[:, None]
    point_index = torch.arange(most, device=start.device, dtype=start.dtype)
    start, size, count = start[:, None, None], size[:, None, None], count[:, None, None]
    points = start + bin_index * size + (point_index + 0.5) * size / count.clamp(min=1)
    return points, point_index < count


def _interpolated(points: Tensor, present: Tensor, count: Tensor, length: int | Tensor) -> Taps:
    present = present & (points >= -1) & (points <= length)
    points = _at_most(points.where(present, 0).clamp(min=0), length - 1)
    lower = points.long()
    upper = _at_most(lower + 1, length - 1)
    fraction = points - lower
    scale = present / count.clamp(min=1)[:, None, None]
    places = torch.stack((lower, upper), -1).flatten(2)
    return Taps(places, torch.stack(((1 - fraction) * scale, fraction * scale), -1).flatten(2))


def _at_most(values: Tensor, limit: int | Tensor) -> Tensor:
    return torch.minimum(values, limit.to(values.dtype)) if isinstance(limit, Tensor) else values.clamp(max=limit)
