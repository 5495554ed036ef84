"""Which boxes overlap by more than a threshold, as non-maximum suppression understands it."""

import struct

import torch
from torch import Tensor


def overlaps(boxes: Tensor, groups: Tensor | None, rows: Tensor, columns: Tensor, iou_threshold: float) -> Tensor:
    """Tell for each of some boxes with which of others it overlaps, within groups.

    Args:
        boxes: `(N, 4)`, of a wide type.
        groups: `(N,)`, or `None` if all are of one.
        rows: `(R,)`, indices.
        columns: `(C,)`, indices.
        iou_threshold: What the intersection over union has to exceed.

    Returns:
        `(R, C)`.
    """
    left, top, right, bottom = boxes[rows].unsqueeze(-1).unbind(1)
    other_left, other_top, other_right, other_bottom = boxes[columns].unbind(1)
    exceeds = iou_exceeds((left, top, right, bottom), (other_left, other_top, other_right, other_bottom), iou_threshold)
    return exceeds if groups is None else exceeds & (groups[rows].unsqueeze(-1) == groups[columns])


def iou_exceeds(
    first: tuple[Tensor, Tensor, Tensor, Tensor], second: tuple[Tensor, Tensor, Tensor, Tensor], iou_threshold: float
) -> Tensor:
    """Compare the intersection over union of boxes, given by their four coordinates, with a threshold.

    Where both have no area, there is no overlap.
    """
    width = (torch.minimum(first[2], second[2]) - torch.maximum(first[0], second[0])).clamp_(min=0)
    height = (torch.minimum(first[3], second[3]) - torch.maximum(first[1], second[1])).clamp_(min=0)
    intersection = width.mul_(height)
    areas, other_areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    union = (areas + other_areas).sub_(intersection)
    iou = intersection.div_(union) if intersection.is_floating_point() else intersection / union
    return iou > threshold_for(iou.dtype, iou_threshold)


def threshold_for(dtype: torch.dtype, threshold: float) -> float:
    """Return the largest number of a type that is not greater than `threshold`.

    A comparison of single-precision numbers with Python's 0.3 rounds it first, to more than 0.3.
    """
    if dtype == torch.float64:
        return threshold
    nearest: float = struct.unpack("<f", struct.pack("<f", threshold))[0]
    if nearest <= threshold:
        return nearest
    bits = struct.unpack("<i", struct.pack("<f", nearest))[0]
    below: float = struct.unpack("<f", struct.pack("<i", bits - 1 if nearest > 0 else bits + 1))[0]
    return below
