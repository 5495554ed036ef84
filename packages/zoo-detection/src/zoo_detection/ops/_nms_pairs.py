"""Non-maximum suppression over those pairs of boxes that can overlap: fast where boxes are in many groups.

Boxes are sorted by group and left side. An intersection over union above t takes that the left sides of two boxes, the
first of width w, are less than (1 - t) w apart: along one axis, too, it is the share of the overlap in the union.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ._nms_blocks import keep_by_blocks
from ._overlap import marks_of_overlap

MANY_PAIRS = 64
"""Above so many pairs a box, on average, boxes of large groups are looked at group by group."""
LARGE_GROUP = 512
PAIRS_AT_ONCE = 2**15
ROUNDS = 16
"""After how many rounds the rest is decided one by one."""
FEW = 512
"""Up to so many overlapping pairs are decided one by one from the start."""


def kept_by_pairs(boxes: Tensor, groups: Tensor, iou_threshold: float) -> Tensor:
    """Tell which boxes are kept, `(N,)`.

    `boxes`, `(5, N)`, are corners and areas, floating point, by descending score, at least one; those of different
    `groups`, `(N,)`, do not suppress each other.
    """
    found = _candidates(boxes, groups, iou_threshold)
    if found is None:
        return _kept_where(boxes[:4].isfinite().all(0), boxes, groups, iou_threshold)
    order, counts = found
    total = int(counts.sum())
    if total > MANY_PAIRS * counts.shape[0]:
        _, inverse, sizes = groups.unique(return_inverse=True, return_counts=True)  # type: ignore[no-untyped-call]
        small = (sizes <= LARGE_GROUP).index_select(0, inverse)
        if not small.all():
            return _kept_where(small, boxes, groups, iou_threshold) & _kept_of_groups(
                ~small, boxes, groups, iou_threshold
            )
    pairs = [_overlapping(boxes, order, first, second, iou_threshold) for first, second in _pairs(counts, total)]
    better, worse = (torch.cat(parts) for parts in zip(*pairs, strict=True)) if pairs else (order[:0], order[:0])
    return _kept(better, worse, counts.shape[0])


def _kept_where(chosen: Tensor, boxes: Tensor, groups: Tensor, iou_threshold: float) -> Tensor:
    """Do it with some boxes, and keep all others: those that are not finite, as they overlap with none, for one."""
    kept = torch.ones_like(chosen)
    indices = chosen.nonzero().squeeze(1)
    if indices.shape[0] > 0:
        kept[indices] = kept_by_pairs(boxes[:, indices], groups[indices], iou_threshold)
    return kept


def _kept_of_groups(chosen: Tensor, boxes: Tensor, groups: Tensor, iou_threshold: float) -> Tensor:
    """Do it with the groups of some boxes, one by one, and keep all others."""
    kept = ~chosen
    for group in groups[chosen].unique():  # type: ignore[no-untyped-call]
        members = (groups == group).nonzero().squeeze(1)
        kept[keep_by_blocks(boxes.index_select(1, members), members, iou_threshold)] = True
    return kept


def _candidates(boxes: Tensor, groups: Tensor, iou_threshold: float) -> tuple[Tensor, Tensor] | None:
    """Return an order of the boxes, and with how many that follow in it each may overlap by more than the threshold.

    `None` if coordinates are not finite.
    """
    sides = boxes[0:3:2].double()
    least, most = (float(end) for end in sides.aminmax())
    if not math.isfinite(least) or not math.isfinite(most):
        return None
    span = (most - least) * (1 + 2**-20) + 1  # more by what rounding of as many groups as there may be comes to
    furthest = _farthest(groups) * span
    if furthest > 2**40:  # numbers of groups that are far apart cost digits
        groups = groups.unique(return_inverse=True)[1]  # type: ignore[no-untyped-call]
        furthest = _farthest(groups) * span
    left, right = sides.unbind(0)
    keys = torch.add(left, groups, alpha=span)
    share = min(1.0, iou_threshold) * (1 - 1e-5)  # less, since the overlap is computed with rounding
    rounding = (furthest + abs(least) + abs(most)) * 2.0**-48
    ends = torch.add(keys, right - left, alpha=1 - share).add_(rounding)
    keys, order = keys.sort()
    ends = torch.searchsorted(keys, ends.index_select(0, order))
    return order, ends.sub_(torch.arange(1, ends.shape[0] + 1, device=ends.device)).clamp_(min=0)


def _farthest(groups: Tensor) -> float:
    return max(abs(float(end)) for end in groups.aminmax())


def _pairs(counts: Tensor, total: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the pairs (i, i + 1) to (i, i + counts[i]) of all i, not too many at once."""
    rows = torch.arange(counts.shape[0], device=counts.device)
    ends = counts.cumsum(0)
    shifts = (rows + 1).sub_(ends).add_(counts)
    before = start = 0
    while before < total:
        stop, after = counts.shape[0], total
        if total - before > PAIRS_AT_ONCE:
            stop = max(start + 1, int(torch.searchsorted(ends, before + PAIRS_AT_ONCE)))
            after = int(ends[stop - 1])
        first = torch.repeat_interleave(rows[start:stop], counts[start:stop], output_size=after - before)
        yield first, torch.arange(before, after, device=counts.device).add_(shifts.index_select(0, first))
        start, before = stop, after


def _overlapping(
    boxes: Tensor, order: Tensor, first: Tensor, second: Tensor, iou_threshold: float
) -> tuple[Tensor, Tensor]:
    """Return the better and the worse box of each pair that overlaps by more than the threshold."""
    first, second = order.index_select(0, first), order.index_select(0, second)
    marks = marks_of_overlap(boxes.index_select(1, first), boxes.index_select(1, second), iou_threshold)
    chosen = marks.nonzero().squeeze(1)
    first, second = first.index_select(0, chosen), second.index_select(0, chosen)
    return torch.minimum(first, second), torch.maximum(first, second)


def _kept(better: Tensor, worse: Tensor, count: int) -> Tensor:
    """Keep whom nobody kept suppresses. Rounds of all boxes at once soon find who that is, mostly."""
    kept = torch.ones(count, dtype=torch.bool, device=better.device)
    for _ in range(ROUNDS if better.shape[0] > FEW else 0):
        again = torch.ones_like(kept).index_fill_(0, worse.masked_select(kept.index_select(0, better)), value=False)
        if torch.equal(again, kept):
            return kept
        kept = again
    return torch.ones_like(kept).index_fill_(0, _suppressed_one_by_one(better, worse), value=False)


def _suppressed_one_by_one(better: Tensor, worse: Tensor) -> Tensor:
    """Decide from the best box to the worst: for few pairs, and chains of boxes that each suppress the next."""
    suppressed: set[int] = set()
    for suppressor, other in sorted(zip(better.tolist(), worse.tolist(), strict=True)):
        if suppressor not in suppressed:
            suppressed.add(other)
    return torch.tensor(list(suppressed), dtype=torch.int64, device=better.device)
