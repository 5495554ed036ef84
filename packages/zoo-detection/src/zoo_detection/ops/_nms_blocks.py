"""Non-maximum suppression block by block: the fastest where few boxes are kept, and of bounded memory."""

import torch
from torch import Tensor

from ._overlap import overlaps

BLOCK = 256
"""How many of the best boxes are compared with all others at once."""


def suppress_by_blocks(boxes: Tensor, groups: Tensor | None, iou_threshold: float) -> Tensor:
    """Find the boxes kept.

    Args:
        boxes: `(N, 4)`, by descending score, of a wide type.
        groups: `(N,)`, or `None` if all are of one.
        iou_threshold: From where on boxes are suppressed.

    Returns:
        The indices of the boxes kept, ascending.
    """
    remaining = torch.arange(boxes.shape[0], device=boxes.device)
    kept = [remaining[:0]]
    while remaining.shape[0] > 0:
        best, others = remaining[:BLOCK], remaining[BLOCK:]
        best = best[settle(overlaps(boxes, groups, best, best, iou_threshold).triu(1))]
        kept.append(best)
        if others.shape[0] > 0:
            others = others[~overlaps(boxes, groups, best, others, iou_threshold).any(0)]
        remaining = others
    return torch.cat(kept)


def settle(suppresses: Tensor) -> Tensor:
    """Decide who is kept: those whom nobody kept suppresses.

    Args:
        suppresses: `(N, N)`, whether the box of the row, if kept, suppresses that of the column; upper triangular, so
            that there is one answer.

    Returns:
        `(N,)`, whether each is kept.
    """
    matrix = suppresses.float()
    kept = suppresses.new_ones(matrix.shape[0])
    while True:
        again = kept.float() @ matrix == 0
        if torch.equal(again, kept):
            return kept
        kept = again
