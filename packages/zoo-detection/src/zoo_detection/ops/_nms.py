"""Non-maximum suppression."""

import math

import torch
from torch import Tensor

from zoo_core.devices import has_double_precision
from zoo_core.errors import InputError
from zoo_detection.foundation.precision import integers_of, widen, without_autocast
from zoo_detection.foundation.tracing import is_exporting, left_to_python, traced_as_one

from ._nms_blocks import keep_by_blocks
from ._nms_pairs import kept_by_pairs
from ._overlap import with_areas
from .nms_by_matrix import keep_by_matrix


@traced_as_one
def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Keep boxes, the best first, that overlap with no better box that is kept.

    A box goes if its intersection over union with a kept box of higher score (or of the same score and lower index) is
    greater than `iou_threshold`.

    Args:
        boxes: `(N, 4)`, as `(x1, y1, x2, y2)` in pixels, of any numeric type. Quantised ones are compared in steps of
            their scale, exactly.
        scores: `(N,)`, quantised or not.
        iou_threshold: At least 0; at 1 nothing goes.

    Returns:
        The indices of the boxes kept, by descending score, int64.

    Raises:
        InputError: The shapes are others, a score is NaN, or the threshold is negative.

    Example:
        >>> import torch
        >>> from zoo_detection.ops import nms
        >>> boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 8.0], [20.0, 0.0, 29.0, 9.0]])
        >>> nms(boxes, torch.tensor([0.8, 0.9, 0.7]), 0.5)
        tensor([1, 2])
    """
    return _suppress(boxes, scores, None, iou_threshold)


@traced_as_one
def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """Do `nms` for each category (or level, or image) by itself.

    `idxs`, `(N,)`, are integers: boxes of different numbers do not suppress each other. All else is as for `nms`.

    Example:
        >>> import torch
        >>> from zoo_detection.ops import batched_nms
        >>> boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 8.0], [0.0, 0.0, 9.0, 9.0]])
        >>> batched_nms(boxes, torch.tensor([0.8, 0.9, 0.7]), torch.tensor([0, 0, 1]), 0.5)
        tensor([1, 2])
    """
    return _suppress(boxes, scores, idxs, iou_threshold)


def _suppress(boxes: Tensor, scores: Tensor, groups: Tensor | None, iou_threshold: float) -> Tensor:
    _check(boxes, scores, groups, iou_threshold)
    boxes, scores = integers_of(boxes.detach()), integers_of(scores.detach())
    if not has_double_precision(boxes.device):  # in which places are compared
        groups = None if groups is None else groups.cpu()
        return _suppress(boxes.cpu(), scores.cpu(), groups, iou_threshold).to(boxes.device)
    boxes = widen(boxes) if boxes.is_floating_point() else boxes.double()
    suppress = _suppress_traced if is_exporting() else _suppress_now
    return suppress(boxes, scores, groups, iou_threshold)


def _suppress_traced(boxes: Tensor, scores: Tensor, groups: Tensor | None, iou_threshold: float) -> Tensor:
    # ONNX has no stable sort by that name, but its own keeps the order of equal scores, as PyTorch's on CPUs does.
    order = scores.sort(descending=True)[1]
    return order[keep_by_matrix(boxes[order].t(), None if groups is None else groups[order], iou_threshold)]


@left_to_python
@without_autocast
def _suppress_now(boxes: Tensor, scores: Tensor, groups: Tensor | None, iou_threshold: float) -> Tensor:
    if boxes.shape[0] == 0:
        return torch.empty(0, dtype=torch.int64, device=boxes.device)
    scores, order = scores.sort(stable=True, descending=True)
    if math.isnan(scores[0]):  # NaN sorts before all numbers
        raise InputError("scores should be numbers, found NaN: filter them out, or find where they come from")
    boxes = with_areas(boxes.t().index_select(1, order))
    if groups is None:
        return keep_by_blocks(boxes, order, iou_threshold)
    return order.masked_select(kept_by_pairs(boxes, groups.index_select(0, order), iou_threshold))


def _check(boxes: Tensor, scores: Tensor, groups: Tensor | None, iou_threshold: float) -> None:
    if not iou_threshold >= 0:
        raise InputError(f"iou_threshold should be at least 0, found {iou_threshold}")
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InputError(f"boxes should be of shape (N, 4), found {tuple(boxes.shape)}")
    for name, found in (("scores", scores), ("idxs", groups)):
        if found is not None and (found.ndim != 1 or found.shape[0] != boxes.shape[0]):
            raise InputError(
                f"boxes and {name} should have same number of elements in dimension 0: "
                f"expected {name} of shape ({boxes.shape[0]},), found {tuple(found.shape)}"
            )
