"""Losses from intersection over union and its relatives, of boxes pair by pair."""

import math

import torch
from torch import Tensor

from ._iou import as_float, aspect_angle
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
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> generalized_box_iou_loss(boxes, boxes)
        tensor([0.])
    """
    boxes1, boxes2 = as_float(boxes1), as_float(boxes2)
    intersection, union = _intersection_and_union(boxes1, boxes2)
    hull = _hull_sides(boxes1, boxes2).prod(-1)
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
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> distance_box_iou_loss(boxes, boxes).round(decimals=4)
        tensor([0.])
    """
    loss, _ = _distance_loss(as_float(boxes1), as_float(boxes2), eps)
    return reduced(loss, reduction)


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
        >>> boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
        >>> complete_box_iou_loss(boxes, boxes).round(decimals=4)
        tensor([0.])
    """
    boxes1, boxes2 = as_float(boxes1), as_float(boxes2)
    loss, iou = _distance_loss(boxes1, boxes2, eps)
    consistency = (aspect_angle(boxes2) - aspect_angle(boxes1)).square() * (4 / math.pi**2)
    with torch.no_grad():
        trade_off = consistency / (1 - iou + consistency + eps)
    return reduced(loss + trade_off * consistency, reduction)


def _distance_loss(boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    intersection, union = _intersection_and_union(boxes1, boxes2)
    iou = intersection / (union + eps)
    diagonal = _hull_sides(boxes1, boxes2).square().sum(-1) + eps
    centres1, centres2 = ((boxes[..., :2] + boxes[..., 2:]) / 2 for boxes in (boxes1, boxes2))
    distance = (centres1 - centres2).square().sum(-1)
    return 1 - iou + distance / diagonal, iou


def _intersection_and_union(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    sides = torch.minimum(boxes1[..., 2:], boxes2[..., 2:]) - torch.maximum(boxes1[..., :2], boxes2[..., :2])
    intersection = sides.clamp(min=0).prod(-1)
    areas1, areas2 = ((boxes[..., 2:] - boxes[..., :2]).prod(-1) for boxes in (boxes1, boxes2))
    return intersection, areas1 + areas2 - intersection


def _hull_sides(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Return width and height of the smallest box around each pair."""
    return torch.maximum(boxes1[..., 2:], boxes2[..., 2:]) - torch.minimum(boxes1[..., :2], boxes2[..., :2])
