"""Non-maximum suppression."""

import torch
from torch import Tensor

from ._boxes import widen
from ._nms_blocks import suppress_by_blocks
from ._nms_traced import suppress_traced
from ._tracing import is_tracing


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Keep boxes, the best first, that overlap with no better box that is kept.

    A box goes if its intersection over union with a kept box of higher score (or of the same score and lower index) is
    greater than `iou_threshold`.

    Args:
        boxes: `(N, 4)`, as `(x1, y1, x2, y2)` in pixels, of any numeric type.
        scores: `(N,)`.
        iou_threshold: In [0, 1] usually.

    Returns:
        The indices of the boxes kept, by descending score, int64.

    Raises:
        ValueError: The shapes are others, or a score is NaN.

    Example:
        >>> boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 8.0], [20.0, 0.0, 29.0, 9.0]])
        >>> nms(boxes, torch.tensor([0.8, 0.9, 0.7]), 0.5)
        tensor([1, 2])
    """
    return _suppress(boxes, scores, None, iou_threshold)


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """Do `nms` for each category (or level, or image) by itself.

    Args:
        boxes: `(N, 4)`, as `(x1, y1, x2, y2)` in pixels, of any numeric type.
        scores: `(N,)`.
        idxs: `(N,)`, integers: boxes of different numbers do not suppress each other.
        iou_threshold: In [0, 1] usually.

    Returns:
        The indices of the boxes kept, by descending score, int64.

    Raises:
        ValueError: The shapes are others, or a score is NaN.

    Example:
        >>> boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 8.0], [0.0, 0.0, 9.0, 9.0]])
        >>> batched_nms(boxes, torch.tensor([0.8, 0.9, 0.7]), torch.tensor([0, 0, 1]), 0.5)
        tensor([1, 2])
    """
    return _suppress(boxes, scores, idxs, iou_threshold)


def _suppress(boxes: Tensor, scores: Tensor, groups: Tensor | None, iou_threshold: float) -> Tensor:
    _check_shapes(boxes, scores, groups)
    tracing = is_tracing()
    if not tracing:
        if boxes.shape[0] == 0:
            return torch.empty(0, dtype=torch.int64, device=boxes.device)
        if scores.isnan().any():
            raise ValueError("scores should be numbers, found NaN: filter them out, or find where they come from")
    with torch.no_grad():
        order = scores.argsort(stable=True, descending=True)
        suppress = suppress_traced if tracing else suppress_by_blocks
        return order[suppress(widen(boxes)[order], None if groups is None else groups[order], iou_threshold)]


def _check_shapes(boxes: Tensor, scores: Tensor, groups: Tensor | None) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes should be of shape (N, 4), found {tuple(boxes.shape)}")
    for name, found in (("scores", scores), ("idxs", groups)):
        if found is not None and (found.ndim != 1 or found.shape[0] != boxes.shape[0]):
            raise ValueError(
                f"boxes and {name} should have same number of elements in dimension 0: "
                f"expected {name} of shape ({boxes.shape[0]},), found {tuple(found.shape)}"
            )
