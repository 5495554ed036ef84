"""Which boxes overlap by more than a threshold, as non-maximum suppression understands it."""

import struct

import torch
from torch import Tensor

from zoo_detection.foundation.tracing import is_tracing


def with_areas(corners: Tensor) -> Tensor:
    """Put the areas of boxes, `(4, N)`, `x1, y1, x2, y2`, below their corners: `(5, N)`."""
    left, top, right, bottom = corners.unbind(0)
    return torch.cat((corners, ((right - left) * (bottom - top)).unsqueeze(0)))


def marks_of_overlap(first: Tensor, second: Tensor, iou_threshold: float) -> Tensor:
    """Mark which boxes have an intersection over union above a threshold, which is at least 0.

    Both, `(5, ...)`, are corners and areas, floating point, of shapes that broadcast; the marks, `(...)`, are 1 or 0 in
    their type, which is several times faster than booleans. Boxes without area, or with one that is no number, do not
    overlap.
    """
    upper_left, lower_right, (area,) = first.split_with_sizes((2, 2, 1))
    other_upper_left, other_lower_right, (other_area,) = second.split_with_sizes((2, 2, 1))
    sides = torch.minimum(lower_right, other_lower_right).sub_(torch.maximum(upper_left, other_upper_left))
    width, height = sides.clamp_(min=0).unbind(0)
    intersection = width * height if is_tracing() else width.mul_(height)  # ONNX knows no change of a part in place
    union = (area + other_area).sub_(intersection)
    if is_tracing():  # OpenVINO takes what is no number, nothing of nothing, to be above the threshold
        union = union.clamp(min=torch.finfo(union.dtype).tiny)
    iou = intersection.div_(union)
    return iou.gt_(threshold_for(iou.dtype, iou_threshold))


def threshold_for(dtype: torch.dtype, threshold: float) -> float:
    """Return the largest number of a type that is not greater than `threshold`, which is at least 0.

    A comparison of single-precision numbers with Python's 0.3 rounds it first, to more than 0.3.
    """
    if dtype == torch.float64:
        return threshold
    nearest: float = struct.unpack("<f", struct.pack("<f", threshold))[0]
    if nearest <= threshold:
        return nearest
    bits = struct.unpack("<i", struct.pack("<f", nearest))[0]
    below: float = struct.unpack("<f", struct.pack("<i", bits - 1))[0]
    return below
