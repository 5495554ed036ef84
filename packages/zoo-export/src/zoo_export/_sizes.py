"""Minima and maxima of lengths of axes that may be symbols: what is recorded holds for every length."""

from functools import cache

import torch
from torch import Tensor, nn
from torch.export import Dim


def smaller(one: int, other: int) -> int:
    """Return the minimum of two lengths above 0.

    Example:
        >>> from zoo_export._sizes import smaller
        >>> smaller(3, 5), smaller(5, 3), smaller(3, 3)
        (3, 3, 3)
    """
    if records_minima():
        minimum: int = torch.sym_min(one, other)  # type: ignore[no-untyped-call]
        return minimum
    times = other // one
    is_one = 2 * times // (1 + times)  # 1 or 0
    return other + is_one * (one - other)


def larger(one: int, other: int) -> int:
    """Return the maximum of two lengths above 0.

    Example:
        >>> from zoo_export._sizes import larger
        >>> larger(3, 5), larger(5, 3), larger(3, 3)
        (5, 5, 3)
    """
    if records_minima():
        maximum: int = torch.sym_max(one, other)  # type: ignore[no-untyped-call]
        return maximum
    return one + other - smaller(one, other)


@cache
def records_minima() -> bool:
    """Tell whether this torch records `torch.sym_min`: 2.6 takes the smaller one of the example, without a word.

    Divisions are recorded there, too. Elsewhere they are not used: converters may write them as others, and those would
    be of floats. To be asked before something is recorded.
    """
    example, other = torch.zeros(2, 3), torch.zeros(5, 4)
    program = torch.export.export(
        _Minimum(), (example,), dynamic_shapes=({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},), strict=False
    )
    return len(program.module()(other)) == min(other.shape)


class _Minimum(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape
        return images.new_zeros(torch.sym_min(height, width))  # type: ignore[no-untyped-call]
