"""Losses of classes and of boxes.

`sigmoid_focal_loss`: Tsung-Yi Lin, Priya Goyal, Ross Girshick, Kaiming He, Piotr Dollár: Focal Loss for Dense Object
Detection, 2017, arXiv:1708.02002. The papers of the losses of boxes stand with the overlaps that they are made of.
"""

from torch import Tensor
from torch.nn import functional as F

from ._iou import as_float, aspect_penalty, distance_penalty, hull_sides, intersection_and_union


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Tensor:
    """Return a binary cross entropy that counts what is classified well already for little (equation 5).

    Args:
        inputs: Logits, of any shape.
        targets: Of the same shape and floating point: 1 for the positive class, 0 for the negative.
        alpha: Weight of the positive class, in [0, 1]; the negative class has `1 - alpha`; -1 for no weighting.
        gamma: How much less what is classified well counts, at least 0.
        reduction: `"none"`, `"mean"` (0 of nothing) or `"sum"`.

    Returns:
        The losses, of the shape of `inputs`, or a scalar.

    Raises:
        ValueError: `reduction` is another, or `alpha`.

    Example:
        >>> from zoo_detection.ops import sigmoid_focal_loss
        >>> import torch
        >>> sigmoid_focal_loss(torch.zeros(2), torch.tensor([1.0, 0.0]))
        tensor([0.0433, 0.1300])
    """
    if not (0 <= alpha <= 1 or alpha == -1):
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore.")
    probabilities = inputs.sigmoid()
    cross_entropy = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    wrong = probabilities + targets - 2 * probabilities * targets  # 1 - p_t
    loss = cross_entropy * wrong**gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduced(loss, reduction)


def generalized_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """Return 1 minus the generalized intersection over union of each pair of boxes; see `generalized_box_iou`.

    Args:
        boxes1: `(..., 4)`, in pixels.
        boxes2: The same shape.
        reduction: `"none"`, `"mean"` (0 of nothing) or `"sum"`.
        eps: Added to divisors, lest they are zero.

    Returns:
        `(...)`, in [0, 2), or a scalar.

    Raises:
        ValueError: `reduction` is another.

    Example:
        >>> from zoo_detection.ops import generalized_box_iou_loss
        >>> import torch
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> generalized_box_iou_loss(boxes, boxes)
        tensor([0.])
    """
    boxes1, boxes2 = as_float(boxes1), as_float(boxes2)
    intersection, union = intersection_and_union(boxes1, boxes2)
    hull = hull_sides(boxes1, boxes2).prod(-1)
    loss = 1 - intersection / (union + eps) + (hull - union) / (hull + eps)
    return _reduced(loss, reduction)


def distance_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """Return 1 minus the distance intersection over union of each pair of boxes; see `distance_box_iou`.

    Arguments, result and errors are those of `generalized_box_iou_loss`.

    Example:
        >>> from zoo_detection.ops import distance_box_iou_loss
        >>> import torch
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> distance_box_iou_loss(boxes, boxes).round(decimals=4)
        tensor([0.])
    """
    boxes1, boxes2 = as_float(boxes1), as_float(boxes2)
    return _reduced(1 - _iou(boxes1, boxes2, eps) + distance_penalty(boxes1, boxes2, eps), reduction)


def complete_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """Return 1 minus the complete intersection over union of each pair of boxes, at least 0; see `complete_box_iou`.

    No gradient flows through the trade-off of equation 11. All else is as for `generalized_box_iou_loss`.

    Example:
        >>> from zoo_detection.ops import complete_box_iou_loss
        >>> import torch
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> complete_box_iou_loss(boxes, boxes).round(decimals=4)
        tensor([0.])
    """
    boxes1, boxes2 = as_float(boxes1), as_float(boxes2)
    iou = _iou(boxes1, boxes2, eps)
    penalties = distance_penalty(boxes1, boxes2, eps) + aspect_penalty(boxes1, boxes2, iou, eps)
    return _reduced(1 - iou + penalties, reduction)


def _iou(boxes1: Tensor, boxes2: Tensor, eps: float) -> Tensor:
    intersection, union = intersection_and_union(boxes1, boxes2)
    return intersection / (union + eps)


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction}'. Supported reduction modes: 'none', 'mean', 'sum'"
    )
