"""What concerns boxes one by one."""

import torch
from torch import Tensor

from zoo_detection.foundation.precision import widen

from ._rotated_boxes import ROTATED_FORMATS, convert_rotated

FORMATS = ("xyxy", "xywh", "cxcywh")


def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """Return the area of each box.

    Args:
        boxes: `(..., 4)`, in pixels.
        fmt: Their format, as for `box_convert`.

    Returns:
        `(...)`, in pixels squared. Integers narrower than 32 bits are widened, half precision becomes single, since
        areas would soon be too large.

    Raises:
        ValueError: The boxes have another shape or `fmt` is unknown.

    Example:
        >>> import torch
        >>> from zoo_detection.ops import box_area
        >>> box_area(torch.tensor([[10, 10, 14, 13]]))
        tensor([12])
    """
    require_boxes(boxes)
    if fmt not in FORMATS:
        raise ValueError(_unknown_format("fmt", fmt))
    wide = widen(boxes)
    if fmt == "xyxy":
        return (wide[..., 2] - wide[..., 0]) * (wide[..., 3] - wide[..., 1])
    return wide[..., 2] * wide[..., 3]


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Convert boxes from one format to another.

    Args:
        boxes: `(..., 4)`, in pixels; `(..., 5)` or `(..., 8)` if they are rotated.
        in_fmt: `"xyxy"` for two opposite corners, `"xywh"` for the upper left corner, width and height, `"cxcywh"` for
            the centre, width and height. Of rotated boxes `"xywhr"` and `"cxcywhr"` with an angle, counter-clockwise in
            degrees, around that corner or centre, and `"xyxyxyxy"` for all corners, from the upper left one clockwise
            before it is rotated.
        out_fmt: Likewise; rotated if `in_fmt` is.

    Returns:
        New boxes of the same type; integers become single precision where there are halves, those of rotated boxes are
        rounded.

    Raises:
        ValueError: The boxes have another shape or a format is unknown.
        NotImplementedError: One format is rotated, the other is not.

    Example:
        >>> import torch
        >>> from zoo_detection.ops import box_convert
        >>> box_convert(torch.tensor([10, 10, 14, 13]), "xyxy", "xywh")
        tensor([10, 10,  4,  3])
    """
    for name, found in (("in_fmt", in_fmt), ("out_fmt", out_fmt)):
        if found not in FORMATS and found not in ROTATED_FORMATS:
            raise ValueError(_unknown_format(name, found, *ROTATED_FORMATS))
    require_boxes(boxes, ROTATED_FORMATS.get(in_fmt, 4))
    if (in_fmt in FORMATS) != (out_fmt in FORMATS):
        raise NotImplementedError(
            f"Boxes are converted from rotated to rotated formats, or from others to others, found in_fmt {in_fmt!r} "
            f"and out_fmt {out_fmt!r}"
        )
    if in_fmt == out_fmt:
        return boxes.clone()
    if in_fmt in ROTATED_FORMATS:
        return convert_rotated(boxes, in_fmt, out_fmt)
    corners = _to_corners(boxes, in_fmt)
    if out_fmt == "xyxy":
        return corners
    x1, y1, x2, y2 = corners.unbind(-1)
    width, height = x2 - x1, y2 - y1
    if out_fmt == "xywh":
        return torch.stack((x1, y1, width, height), -1)
    return torch.stack(((x1 + x2) / 2, (y1 + y2) / 2, width, height), -1)


def _to_corners(boxes: Tensor, fmt: str) -> Tensor:
    if fmt == "xyxy":
        return boxes
    x, y, width, height = boxes.unbind(-1)
    if fmt == "cxcywh":
        return torch.stack((x - 0.5 * width, y - 0.5 * height, x + 0.5 * width, y + 0.5 * height), -1)
    return torch.stack((x, y, x + width, y + height), -1)


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Move the corners of boxes that lie outside of an image to its border.

    Args:
        boxes: `(..., 4)`, in pixels.
        size: Height and width of the image.

    Returns:
        New boxes of the same shape, with `x` in `[0, width]` and `y` in `[0, height]`.

    Raises:
        ValueError: The boxes have another shape.

    Example:
        >>> import torch
        >>> from zoo_detection.ops import clip_boxes_to_image
        >>> clip_boxes_to_image(torch.tensor([[-3.0, 2.0, 50.0, 20.0]]), (30, 40))
        tensor([[ 0.,  2., 40., 20.]])
    """
    require_boxes(boxes)
    height, width = size
    x1, y1, x2, y2 = boxes.unbind(-1)
    clipped = (x1.clamp(0, width), y1.clamp(0, height), x2.clamp(0, width), y2.clamp(0, height))
    return torch.stack(clipped, -1)


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """Find the boxes of which neither side is shorter than a limit.

    Args:
        boxes: `(N, 4)`, in pixels.
        min_size: The least width and height, in pixels.

    Returns:
        The indices of these boxes, in ascending order, int64.

    Example:
        >>> import torch
        >>> from zoo_detection.ops import remove_small_boxes
        >>> remove_small_boxes(torch.tensor([[0.0, 0.0, 9.0, 9.0], [0.0, 0.0, 9.0, 2.0]]), 3)
        tensor([0])
    """
    require_boxes(boxes)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return torch.where((width >= min_size) & (height >= min_size))[0]


def masks_to_boxes(masks: Tensor) -> Tensor:
    """Return the box around the nonzero pixels of each mask.

    Args:
        masks: `(N, H, W)`.

    Returns:
        `(N, 4)`, float32: the first and the last column and row that have such a pixel, as `(x1, y1, x2, y2)`; zeros
        for a mask that has none.

    Raises:
        ValueError: The masks have another shape.

    Example:
        >>> import torch
        >>> from zoo_detection.ops import masks_to_boxes
        >>> mask = torch.zeros(1, 8, 8)
        >>> mask[0, 2:5, 3:7] = 1
        >>> masks_to_boxes(mask)
        tensor([[3., 2., 6., 4.]])
    """
    if masks.ndim != 3:
        raise ValueError(f"masks should be of shape (N, H, W), found {tuple(masks.shape)}")
    if masks.numel() == 0:
        return masks.new_zeros((masks.shape[0], 4), dtype=torch.float32)
    x1, x2 = _ends(masks.any(1))
    y1, y2 = _ends(masks.any(2))
    return torch.stack((x1, y1, x2, y2), 1).float()


def _ends(present: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first and the last true position of each row, zeros if there is none."""
    marks = present.int()
    first, from_end = marks.argmax(1), marks.flip(1).argmax(1)
    return first, (present.shape[1] - 1 - from_end) * present.any(1)


def require_boxes(boxes: Tensor, numbers: int = 4) -> None:
    """Check that a box has so many numbers; otherwise it is a `ValueError`."""
    if boxes.ndim == 0 or boxes.shape[-1] != numbers:
        raise ValueError(f"boxes should be of shape (..., {numbers}), found {tuple(boxes.shape)}")


def _unknown_format(name: str, found: str, *more: str) -> str:
    known = ", ".join((*FORMATS, *more))
    return f"Unsupported bounding box format: {name} should be one of {known}, found {found!r}"
