"""Maxima over rectangles of any size, four look-ups each.

A table holds the maxima of all squares, or rectangles, whose sides are two given powers of two. Four of them cover any
rectangle whose sides are up to twice as long (Michael A. Bender, Martin Farach-Colton: The LCA Problem Revisited, 2000,
in two dimensions). A table is made from one of half the width or height, and kept as long as the next is made of it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from zoo_detection.foundation.tracing import left_to_python

from ._roi_windows import Windows


class Maxima(NamedTuple):
    """Some maxima, `(..., C)`."""

    values: Tensor
    places: Tensor | None
    """The pixel that each of them is, counted row by row within its image, int32; `None` where nobody asks."""

    def at(self, *index: slice) -> "Maxima":
        """Return a part."""
        return Maxima(self.values[index], None if self.places is None else self.places[index])

    def rows(self, index: Tensor) -> "Maxima":
        """Return some of those that are listed row by row, `(..., C)` flattened to `(R, C)`."""
        values, places = self.values.flatten(0, -2), None if self.places is None else self.places.flatten(0, -2)
        return Maxima(values.index_select(0, index), None if places is None else places.index_select(0, index))

    def or_else(self, other: "Maxima") -> "Maxima":
        """Return the larger ones; of equal ones those that come first."""
        if self.places is None or other.places is None:
            return Maxima(torch.maximum(self.values, other.values), None)
        is_better = (other.values > self.values) | other.values.isnan()
        is_better |= (other.values == self.values) & (other.places < self.places)
        return Maxima(other.values.where(is_better, self.values), other.places.where(is_better, self.places))


class Level(NamedTuple):
    """A table."""

    powers: tuple[int, int]
    """Its rectangles are two to the power of these pixels high and wide."""
    maxima: Maxima
    """`(N, H', W', C)`, by the first pixel of each rectangle."""


@left_to_python
def maxima(features: Tensor, images: Tensor, rows: Windows, columns: Windows) -> Tensor:
    """Return the maximum over each bin, 0 where a bin has no pixels.

    Args:
        features: `(N, C, H, W)`.
        images: `(K,)`, the image of each region.
        rows: Those of each bin.
        columns: Likewise.

    Returns:
        `(K, C, bins high, bins wide)`, of the type of `features`. Gradients go to the first of equal maxima.
    """
    is_wanted = features.requires_grad and torch.is_grad_enabled()
    with torch.set_grad_enabled(not is_wanted):
        found, is_there = _looked_up(features, images, rows, columns, with_places=is_wanted)
    if found.places is None:
        return found.values
    channels, (height, width) = torch.arange(features.shape[1], device=features.device), features.shape[2:]
    of_channel = (images[:, None] * features.shape[1] + channels)[:, :, None, None] * (height * width)
    chosen = features.flatten().index_select(0, (of_channel + found.places).flatten())
    return chosen.view_as(found.values).where(is_there, 0.0)


def _looked_up(
    features: Tensor, images: Tensor, rows: Windows, columns: Windows, *, with_places: bool
) -> tuple[Maxima, Tensor]:
    """Return the maxima, `(K, C, bins high, bins wide)`, and which bins have pixels, `(K, 1, bins high, bins wide)`."""
    is_there = (rows.counts()[:, :, None] > 0) & (columns.counts()[:, None, :] > 0)
    shape = (*is_there.shape, features.shape[1])
    values = features.new_zeros(shape).flatten(0, 2)
    places = torch.zeros_like(values, dtype=torch.int32) if with_places else None
    bins = is_there.flatten().nonzero().squeeze(1)
    top, bottom, left, right = (
        side.expand(is_there.shape).flatten()[bins]
        for side in (rows.first[:, :, None], rows.end[:, :, None], columns.first[:, None], columns.end[:, None])
    )
    image = images[:, None, None].expand(is_there.shape).flatten()[bins]
    powers = torch.stack((_power_of(bottom - top), _power_of(right - left)), 1)
    wanted = {(high, wide) for high, wide in torch.unique(powers, dim=0).tolist()}
    for level in _levels(_pixels(features, with_places=with_places), wanted):
        chosen = (powers == powers.new_tensor(level.powers)).all(1).nonzero().squeeze(1)
        height, width = (2**power for power in level.powers)
        _, number_of_rows, number_of_columns, _ = level.maxima.values.shape
        found = None
        for y in (top[chosen], bottom[chosen] - height):
            for x in (left[chosen], right[chosen] - width):
                place = (image[chosen] * number_of_rows + y) * number_of_columns + x
                corner = level.maxima.rows(place)
                found = corner if found is None else found.or_else(corner)
        assert found is not None
        values = values.index_copy(0, bins[chosen], found.values)
        if places is not None and found.places is not None:
            places.index_copy_(0, bins[chosen], found.places)
    arranged = [part.view(shape).permute(0, 3, 1, 2) for part in (values, places) if part is not None]
    return Maxima(arranged[0], arranged[1] if with_places else None), is_there[:, None]


def _power_of(lengths: Tensor) -> Tensor:
    """Return the largest power of two that is not above each length, as its exponent."""
    return torch.frexp(lengths.float()).exponent.long() - 1


def _pixels(features: Tensor, *, with_places: bool) -> Maxima:
    values = features.permute(0, 2, 3, 1).contiguous()
    if not with_places:
        return Maxima(values, None)
    _, height, width, _ = values.shape
    places = torch.arange(height * width, device=values.device, dtype=torch.int32)
    return Maxima(values, places.view(1, height, width, 1).expand_as(values))


def _levels(pixels: Maxima, wanted: set[tuple[int, int]]) -> Iterator[Level]:
    """Yield tables, those of low rectangles first, and of these the narrow ones first."""
    of_rows = pixels
    for high in range(max((powers[0] for powers in wanted), default=-1) + 1):
        if high:
            step = 2 ** (high - 1)
            of_rows = _doubled(of_rows, slice(None, -step), slice(None), slice(step, None), slice(None))
        table = of_rows
        for wide in range(max((powers[1] for powers in wanted if powers[0] == high), default=-1) + 1):
            if wide:
                step = 2 ** (wide - 1)
                table = _doubled(table, slice(None), slice(None, -step), slice(None), slice(step, None))
            if (high, wide) in wanted:
                yield Level((high, wide), table)


def _doubled(table: Maxima, rows: slice, columns: slice, other_rows: slice, other_columns: slice) -> Maxima:
    return table.at(slice(None), rows, columns).or_else(table.at(slice(None), other_rows, other_columns))
