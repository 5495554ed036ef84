"""Which pixels the bins of quantised regions are made of: the two axes are independent."""

from typing import NamedTuple

import torch
from torch import Tensor

FARTHEST = float(2**24)
"""Where infinite coordinates are taken to be: integers up to here are exact in single precision."""


class Windows(NamedTuple):
    """The pixels of one axis that each bin is made of."""

    first: Tensor
    """`(K, bins)`, int64."""
    end: Tensor
    """`(K, bins)`, int64: behind the last; not above `first` for a bin without pixels."""

    def counts(self) -> Tensor:
        """Return how many pixels each bin has, `(K, bins)`."""
        return (self.end - self.first).clamp(min=0)

    def marks(self, length: int, dtype: torch.dtype) -> Tensor:
        """Return ones where pixels are in a bin, `(K, bins, length)`."""
        pixels = torch.arange(length, device=self.first.device)
        return ((pixels >= self.first.unsqueeze(2)) & (pixels < self.end.unsqueeze(2))).to(dtype)


def windows_of(start: Tensor, end: Tensor, bins: int, length: int, *, with_end: bool) -> Windows:
    """Divide regions into bins; neighbours share the pixels that the line between them runs through.

    Args:
        start: `(K,)`, where each region begins, in pixels of the features, floating point.
        end: `(K,)`, where it ends.
        bins: How many bins a region is divided into.
        length: How many pixels the features have.
        with_end: Whether the pixel that a region ends at belongs to it.
    """
    start, end = _rounded(start), _rounded(end)
    size = (end - start + int(with_end)).clamp(min=1) / bins
    index = torch.arange(bins, device=start.device, dtype=start.dtype)
    size, start = size.unsqueeze(1), start.unsqueeze(1)
    first, behind = (index * size).floor() + start, ((index + 1) * size).ceil() + start
    return Windows(first.clamp(0, length).long(), behind.clamp(0, length).long())


def _rounded(numbers: Tensor) -> Tensor:
    """Round to whole numbers, halves away from zero."""
    numbers = numbers.nan_to_num(0.0, FARTHEST, -FARTHEST)
    whole = numbers.trunc()
    return whole + numbers.sign() * ((numbers - whole).abs() >= 0.5)
