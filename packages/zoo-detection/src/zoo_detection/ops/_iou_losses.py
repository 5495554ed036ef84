"""Losses from intersection over union and its relatives, of boxes pair by pair."""

from torch import Tensor

from ._iou import as_float, aspect_penalty, distance_penalty, hull_sides, intersection_and_union
from ._reduction import reduced


def generalized_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """Return 1 minus the generalized intersection over union of each pair of boxes.

    Hamid Rezatofighi, Nathan Tsoi, JunYoung Gwak, Amir Sadeghian, Ian Reid, Silvio Savarese: Generalized Intersection
    over Union, 2019, arXiv:1902.09630, algorithm 1.

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
        >>> import torch
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> generalized_box_iou_loss(boxes, boxes)
        tensor([0.])
    """
    boxes1, boxes2 = as_float(boxes1), as_float(boxes2)
    intersection, union = intersection_and_union(boxes1, boxes2)
    hull = hull_sides(boxes1, boxes2).prod(-1)
    loss = 1 - intersection / (union + eps) + (hull - union) / (hull + eps)
    return reduced(loss, reduction)


def distance_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """Return 1 minus the distance intersection over union of each pair of boxes.

    Zhaohui Zheng, Ping Wang, Wei Liu, Jinze Li, Rongguang Ye, Dongwei Ren: Distance-IoU Loss, 2020, arXiv:1911.08287,
    equation 7.

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
        >>> import torch
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> distance_box_iou_loss(boxes, boxes).round(decimals=4)
        tensor([0.])
    """
    boxes1, boxes2 = as_float(boxes1), as_float(boxes2)
    return reduced(1 - _iou(boxes1, boxes2, eps) + distance_penalty(boxes1, boxes2, eps), reduction)


def complete_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """Return 1 minus the complete intersection over union of each pair of boxes.

    Zhaohui Zheng, Ping Wang, Wei Liu, Jinze Li, Rongguang Ye, Dongwei Ren: Distance-IoU Loss, 2020, arXiv:1911.08287,
    equations 8 to 11. No gradient flows through the trade-off of equation 11.

    Args:
        boxes1: `(..., 4)`, in pixels.
        boxes2: The same shape.
        reduction: `"none"`, `"mean"` (0 of nothing) or `"sum"`.
        eps: Added to divisors, lest they are zero.

    Returns:
        `(...)`, at least 0, or a scalar.

    Raises:
        ValueError: `reduction` is another.

    Example:
        >>> import torch
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> complete_box_iou_loss(boxes, boxes).round(decimals=4)
        tensor([0.])
    """
    boxes1, boxes2 = as_float(boxes1), as_float(boxes2)
    iou = _iou(boxes1, boxes2, eps)
    penalties = distance_penalty(boxes1, boxes2, eps) + aspect_penalty(boxes1, boxes2, iou, eps)
    return reduced(1 - iou + penalties, reduction)


def _iou(boxes1: Tensor, boxes2: Tensor, eps: float) -> Tensor:
    intersection, union = intersection_and_union(boxes1, boxes2)
    return intersection / (union + eps)
