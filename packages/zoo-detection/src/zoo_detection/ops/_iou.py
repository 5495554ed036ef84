"""Intersection over union and its relatives, of every box of one set with every box of another."""

import math

import torch
from torch import Tensor

from zoo_detection.foundation.precision import widen

from ._boxes import box_area, box_convert, require_boxes
from ._rotated_boxes import ROTATED_FORMATS, rotated_iou


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """Return the intersection over union of every pair of boxes.

    Args:
        boxes1: `(..., N, 4)`, in pixels; `(..., N, 5)` or `(..., N, 8)` if they are rotated.
        boxes2: `(..., M, 4)`, likewise.
        fmt: Their format, as for `box_convert`. Corners of a rotated box that is no rectangle count as the one with its
            first corner and its first two sides.

    Returns:
        `(..., N, M)`, in [0, 1]; NaN where both boxes have no area, or 0 where they are rotated.

    Example:
        >>> import torch
        >>> from zoo_detection.ops import box_iou
        >>> box_iou(torch.tensor([[0.0, 0.0, 2.0, 2.0]]), torch.tensor([[1.0, 0.0, 3.0, 2.0]]))
        tensor([[0.3333]])
    """
    if fmt in ROTATED_FORMATS:
        for boxes in (boxes1, boxes2):
            require_boxes(boxes, ROTATED_FORMATS[fmt])
        return rotated_iou(boxes1, boxes2, fmt)
    if fmt != "xyxy":
        boxes1, boxes2 = box_convert(boxes1, fmt, "xyxy"), box_convert(boxes2, fmt, "xyxy")
    intersection, union = intersection_and_union(*_every_pair(boxes1, boxes2))
    return intersection / union


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Return the generalized intersection over union of every pair of boxes.

    Hamid Rezatofighi, Nathan Tsoi, JunYoung Gwak, Amir Sadeghian, Ian Reid, Silvio Savarese: Generalized Intersection
    over Union, 2019, arXiv:1902.09630, algorithm 1.

    Boxes are as for `box_iou`; the result is in (-1, 1].

    Example:
        >>> import torch
        >>> from zoo_detection.ops import generalized_box_iou
        >>> generalized_box_iou(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[3.0, 0.0, 4.0, 1.0]]))
        tensor([[-0.5000]])
    """
    boxes1, boxes2 = _every_pair(boxes1, boxes2)
    intersection, union = intersection_and_union(boxes1, boxes2)
    hull = hull_sides(boxes1, boxes2).prod(-1)
    return intersection / union - (hull - union) / hull


def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """Return the distance intersection over union of every pair of boxes.

    Zhaohui Zheng, Ping Wang, Wei Liu, Jinze Li, Rongguang Ye, Dongwei Ren: Distance-IoU Loss, 2020, arXiv:1911.08287,
    equation 7. Boxes are as for `box_iou`; the result is in (-1, 1]; `eps` is added to the penalty's divisor.

    Example:
        >>> import torch
        >>> from zoo_detection.ops import distance_box_iou
        >>> distance_box_iou(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[3.0, 0.0, 4.0, 1.0]]))
        tensor([[-0.5294]])
    """
    return box_iou(boxes1, boxes2) - distance_penalty(*_every_pair(boxes1, boxes2), eps)


def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """Return the complete intersection over union of every pair of boxes, at most 1.

    Paper and arguments are those of `distance_box_iou`, equations 8 to 11; `eps` is added to both penalties' divisors.

    Example:
        >>> import torch
        >>> from zoo_detection.ops import complete_box_iou
        >>> complete_box_iou(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[0.0, 0.0, 1.0, 1.0]]))
        tensor([[1.]])
    """
    iou = box_iou(boxes1, boxes2)
    boxes1, boxes2 = _every_pair(boxes1, boxes2)
    return iou - distance_penalty(boxes1, boxes2, eps) - aspect_penalty(boxes1, boxes2, iou, eps)


def _every_pair(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """Give `(..., N, 4)` and `(..., M, 4)` shapes that broadcast to `(..., N, M, 4)`, and a type that holds areas."""
    return widen(boxes1)[..., :, None, :], widen(boxes2)[..., None, :, :]


def intersection_and_union(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    """Return both areas of boxes pair by pair, `(..., 4)` to `(...)`."""
    # Coordinate by coordinate, since a last dimension of two keeps processors from their stride.
    left, top, right, bottom = boxes1.unbind(-1)
    other_left, other_top, other_right, other_bottom = boxes2.unbind(-1)
    width = (torch.minimum(right, other_right) - torch.maximum(left, other_left)).clamp(min=0)
    height = (torch.minimum(bottom, other_bottom) - torch.maximum(top, other_top)).clamp(min=0)
    intersection = width * height
    return intersection, box_area(boxes1) + box_area(boxes2) - intersection


def hull_sides(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Return width and height of the smallest box around each pair, `(..., 4)` to `(..., 2)`."""
    sides = torch.maximum(boxes1[..., 2:], boxes2[..., 2:]) - torch.minimum(boxes1[..., :2], boxes2[..., :2])
    return sides.clamp(min=0)


def distance_penalty(boxes1: Tensor, boxes2: Tensor, eps: float) -> Tensor:
    """Return the squared distance of the centres over the squared diagonal of the hull, pair by pair."""
    boxes1, boxes2 = as_float(boxes1), as_float(boxes2)
    diagonal = hull_sides(boxes1, boxes2).square().sum(-1) + eps
    centres1, centres2 = ((boxes[..., :2] + boxes[..., 2:]) / 2 for boxes in (boxes1, boxes2))
    return (centres1 - centres2).square().sum(-1) / diagonal


def aspect_penalty(boxes1: Tensor, boxes2: Tensor, iou: Tensor, eps: float) -> Tensor:
    """Return by how much aspect ratios differ, pair by pair, weighted by a trade-off that has no gradient."""
    difference = _aspect_angle(boxes1) - _aspect_angle(boxes2)
    consistency = difference.square() * (4 / math.pi**2)
    with torch.no_grad():
        trade_off = consistency / (1 - iou + consistency + eps)
    return trade_off * consistency


def _aspect_angle(boxes: Tensor) -> Tensor:
    """Return the angle between the diagonal and the vertical side of each box, in radians; 0 for a point."""
    boxes = as_float(boxes)
    width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    is_point = (width == 0) & (height == 0)
    return torch.atan(width / height.masked_fill(is_point, 1))


def as_float(boxes: Tensor) -> Tensor:
    """Return boxes in single or double precision."""
    return widen(boxes) if boxes.is_floating_point() else boxes.float()
