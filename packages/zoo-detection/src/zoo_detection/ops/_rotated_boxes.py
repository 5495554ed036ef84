"""Boxes that are turned: formats, and by how much they overlap.

A box turns around the point that its format names first, counter-clockwise as one sees the image, by degrees.
"""

import torch
from torch import Tensor

from zoo_detection.foundation.precision import widen

ROTATED_FORMATS = {"xywhr": 5, "cxcywhr": 5, "xyxyxyxy": 8}
"""With how many numbers a box has in each."""


def convert_rotated(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Convert `(..., 5)` or `(..., 8)`; integers are rounded, as `"xywhr"` first."""
    if boxes.is_floating_point():
        return _from_corner(_to_corner(widen(boxes), in_fmt), out_fmt).to(boxes.dtype)
    return _from_corner(_to_corner(boxes.float(), in_fmt).round(), out_fmt).round().to(boxes.dtype)


def _to_corner(boxes: Tensor, fmt: str) -> Tensor:
    """Return boxes as `"xywhr"`."""
    if fmt == "xywhr":
        return boxes
    if fmt == "cxcywhr":
        x, y, width, height, angle = boxes.unbind(-1)
        across, down = _offset(width, height, angle)
        return torch.stack((x - across / 2, y - down / 2, width, height, angle), -1)
    x1, y1, x2, y2, x3, y3, _, _ = boxes.unbind(-1)
    angle = torch.atan2(y1 - y2, x2 - x1).rad2deg()
    return torch.stack((x1, y1, _length(x2 - x1, y2 - y1), _length(x3 - x2, y3 - y2), angle), -1)


def _from_corner(boxes: Tensor, fmt: str) -> Tensor:
    if fmt == "xywhr":
        return boxes
    x, y, width, height, angle = boxes.unbind(-1)
    across, down = _offset(width, height, angle)
    if fmt == "cxcywhr":
        return torch.stack((x + across / 2, y + down / 2, width, height, angle), -1)
    right, below = _offset(width, torch.zeros_like(height), angle)
    return torch.stack((x, y, x + right, y + below, x + across, y + down, x + across - right, y + down - below), -1)


def _offset(width: Tensor, height: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Return how far the corner opposite to the first is from it, to the right and downwards."""
    sine, cosine = angle.deg2rad().sin(), angle.deg2rad().cos()
    return width * cosine + height * sine, height * cosine - width * sine


def _length(x: Tensor, y: Tensor) -> Tensor:
    return (x.square() + y.square()).sqrt()


def rotated_iou(boxes1: Tensor, boxes2: Tensor, fmt: str) -> Tensor:
    """Return the intersection over union of every pair, `(..., N, ·)` and `(..., M, ·)` to `(..., N, M)`."""
    first, second = (
        _from_corner(_to_corner(widen(boxes) if boxes.is_floating_point() else boxes.float(), fmt), "cxcywhr")
        for boxes in (boxes1, boxes2)
    )
    first, second = first.unsqueeze(-2), second.unsqueeze(-3)
    areas, other_areas = first[..., 2] * first[..., 3], second[..., 2] * second[..., 3]
    has_area = ~((areas <= 0) | (other_areas <= 0))  # true of NaN, which stays NaN
    intersection = _intersection(first, second)
    union = (areas + other_areas - intersection).where(has_area, 1.0)
    return (intersection / union).where(has_area, 0.0)


def _intersection(first: Tensor, second: Tensor) -> Tensor:
    """Return the area common to two boxes as `"cxcywhr"`, pair by pair.

    With the second box upright around the origin, it is the integral along the outline of the first one of its height
    above the second one's lower side, both coordinates limited to the second box. Each edge is cut where a limit begins
    to hold, and between cuts it is straight.
    """
    x, y = _turned(first[..., 0] - second[..., 0], first[..., 1] - second[..., 1], -second[..., 4])
    right, down = _turned(first[..., 2], torch.zeros_like(first[..., 2]), first[..., 4] - second[..., 4])
    across, below = _turned(torch.zeros_like(first[..., 3]), first[..., 3], first[..., 4] - second[..., 4])
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    corners_x = torch.stack([x + (i * right + j * across) / 2 for i, j in signs], -1)
    corners_y = torch.stack([y + (i * down + j * below) / 2 for i, j in signs], -1)
    half_width, half_height = second[..., 2, None, None] / 2, second[..., 3, None, None] / 2
    start_x, start_y = corners_x.unsqueeze(-1), corners_y.unsqueeze(-1)
    edge_x, edge_y = (corners.roll(-1, -1).unsqueeze(-1) - corners.unsqueeze(-1) for corners in (corners_x, corners_y))
    cuts = torch.cat((*_cuts(start_x, edge_x, half_width), *_cuts(start_y, edge_y, half_height)), -1)
    ends = torch.zeros_like(cuts[..., :1])
    cuts = torch.cat((ends, cuts.sort(-1).values, ends + 1), -1)
    limited_x = (start_x + cuts * edge_x).clamp(-half_width, half_width)
    height = (start_y + cuts * edge_y).clamp(-half_height, half_height) + half_height
    pieces = (limited_x[..., 1:] - limited_x[..., :-1]) * (height[..., 1:] + height[..., :-1]) / 2
    return -pieces.sum((-2, -1)).clamp(max=0)  # y points downwards, and the outline begins with the upper side


def _cuts(start: Tensor, edge: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Return the shares of edges, in [0, 1], at which a coordinate reaches either limit."""
    divisor = edge.where(edge != 0, 1.0)
    first, second = ((limit - start) / divisor for limit in (-half, half))
    return first.clamp(0, 1), second.clamp(0, 1)


def _turned(x: Tensor, y: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Turn vectors counter-clockwise, as one sees them with y downwards."""
    sine, cosine = angle.deg2rad().sin(), angle.deg2rad().cos()
    return x * cosine + y * sine, y * cosine - x * sine
