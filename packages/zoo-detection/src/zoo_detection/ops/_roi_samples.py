"""Where RoIAlign samples along one axis, and how much each pixel counts: the two axes are independent."""

from typing import NamedTuple

import torch
from torch import Tensor

from zoo_detection.foundation.tracing import is_exporting

MOST_ROUNDED = 4096
"""How many sampling points beyond the features are looked at, lest one be rounded onto them: enough for 10^9 pixels."""


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
    first: int | Tensor = 0
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
        first, most = _within(start, size, count, bins, length)
    return _interpolated(*_points(start, size, count, first, most, bins), count, length)


def _within(start: Tensor, size: Tensor, count: Tensor, bins: int, length: int | Tensor) -> tuple[Tensor, int]:
    """Return the first sampling point of each bin, `(K, bins, 1)`, that may lie on the features, and how many may.

    Bins of a box much larger than the features have millions of points, of which the others count as zero.
    """
    if start.shape[0] == 0:
        return count.new_zeros((0, bins, 1), dtype=torch.int64), 1
    device = start.device  # not all of them have double precision
    start, size, count = (
        values.detach().cpu().double()[:, None].nan_to_num(0, 0, 0) for values in (start, size, count)
    )
    step = size / count.clamp(min=1)
    step = step.where(step > 0, 1)
    begin = start + torch.arange(bins) * size
    # Points are computed with the precision of the features, not with this one.
    rounding = 8 * torch.finfo(torch.float32).eps * (start.abs() + bins * size.abs())
    margin = (rounding / step + 2).clamp(max=MOST_ROUNDED)
    lowest = ((-1 - begin) / step - margin).floor().clamp(min=0).minimum(count)
    highest = ((length - begin) / step + margin).ceil().clamp(min=0).minimum(count)
    return lowest.long()[..., None].to(device), max(int((highest - lowest).max()), 1)


def _points(
    start: Tensor, size: Tensor, count: Tensor, first: int | Tensor, most: int, bins: int
) -> tuple[Tensor, Tensor]:
    """Return the coordinates of `most` sampling points from the first on, and which of them there are."""
    bin_index = torch.arange(bins, device=start.device, dtype=start.dtype)[:, None]
    point_index = torch.arange(most, device=start.device, dtype=start.dtype)
    if isinstance(first, Tensor) and first.any():
        point_index = (first + torch.arange(most, device=start.device)).to(start.dtype)
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
