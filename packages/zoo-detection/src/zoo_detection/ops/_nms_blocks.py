"""Non-maximum suppression block by block, for boxes of one group: little work where few are kept, bounded memory."""

import torch
from torch import Tensor

from ._overlap import marks_of_overlap

FIRST_PAIRS, MOST_PAIRS = 2**15, 2**16
"""Pairs looked at in the first block, where one box may turn out to suppress all, and in others: a cacheful."""
LEAST_ROWS, MOST_ROWS = 8, 128
"""How many boxes are in a block."""


def keep_by_blocks(boxes: Tensor, indices: Tensor, iou_threshold: float) -> Tensor:
    """Keep the best boxes among themselves, then among those that they do not suppress, and so on; return the indices.

    `boxes`, `(5, N)`, are corners and areas, floating point, by descending score, at least one; `indices`, `(N,)`, are
    what they are called.
    """
    kept = []
    rows = _within(MOST_ROWS // 2, FIRST_PAIRS // boxes.shape[1])
    while True:
        rows = min(rows, boxes.shape[1])
        overlaps = marks_of_overlap(boxes.narrow(1, 0, rows).unsqueeze(2), boxes.unsqueeze(1), iou_threshold)
        best = settle(overlaps.narrow(1, 0, rows).triu(1))
        kept.append(indices.narrow(0, 0, rows).masked_select(best.bool()))
        left = torch.mv(overlaps.narrow(1, rows, boxes.shape[1] - rows).t(), best).eq_(0).nonzero().squeeze(1)
        if left.shape[0] == 0:
            return torch.cat(kept)
        left += rows
        boxes, indices = boxes.index_select(1, left), indices.index_select(0, left)
        rows = _within(min(4 * rows, MOST_ROWS), MOST_PAIRS // left.shape[0])


def _within(wanted: int, affordable: int) -> int:
    return max(LEAST_ROWS, min(wanted, affordable))


def settle(suppresses: Tensor) -> Tensor:
    """Decide who is kept, `(N,)`, 1 or 0: those whom nobody kept suppresses.

    `suppresses`, `(N, N)`, is 1 where the box of the row, if kept, suppresses that of the column, else 0; and upper
    triangular, so that there is one answer, and that it is found in at most N rounds.
    """
    suppressors = suppresses.t()
    kept = suppressors.sum(1).eq_(0)  # these for certain; others, if none of them suppresses them, in the first round
    while True:
        again = torch.mv(suppressors, kept).eq_(0)
        if torch.equal(again, kept):
            return kept
        kept = again
