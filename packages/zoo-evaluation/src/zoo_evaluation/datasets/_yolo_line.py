"""A line of YOLO's labels: a box or a polygon, as an object in COCO's terms."""

import math
from collections.abc import Sequence
from typing import Any

_TOLERANCE = 0.01
"""By how much a share may leave [0, 1], as rounding does."""


def parse_line(text: str) -> tuple[int, list[float]]:
    """Return a class's number and the shares behind it.

    Raises:
        ValueError: There are other things in the line.

    Example:
        >>> from zoo_evaluation.datasets._yolo_line import parse_line
        >>> parse_line("2 0.5 0.5 0.25 0.75")
        (2, [0.5, 0.5, 0.25, 0.75])
    """
    try:
        label, *shares = (float(word) for word in text.split())
    except ValueError:
        raise ValueError(f"expected numbers, found {text.strip()[:60]!r}") from None
    if not all(map(math.isfinite, (label, *shares))):
        raise ValueError("a number that is not finite")
    if len(shares) == 5:
        raise ValueError("6 numbers: predictions have a confidence at the end, labels have none")
    if len(shares) != 4 and (len(shares) < 6 or len(shares) % 2):
        raise ValueError(f"{len(shares) + 1} numbers: expected 5 for a box, or an odd number from 7 on for a polygon")
    if label != int(label) or label < 0:
        raise ValueError(f"{label:g} is no class's number")
    return int(label), shares


def object_of(label: int, shares: Sequence[float], num_classes: int, size: tuple[int, int]) -> dict[str, Any]:
    """Return an object as COCO has it, in pixels.

    Args:
        label: Its class.
        shares: Centre x, centre y, width, height of a box; or x and y of each point of a polygon.
        num_classes: How many there are.
        size: Height and width of the image.

    Raises:
        ValueError: There is no such class, or no such place in the image.
    """
    if label >= num_classes:
        raise ValueError(f"class {label}, and there are {num_classes} classes, 0 to {num_classes - 1}")
    if not all(-_TOLERANCE <= share <= 1 + _TOLERANCE for share in shares):
        raise ValueError("coordinates outside of 0 to 1: are they pixels?")
    height, width = size
    if len(shares) == 4:
        return {"category_id": label, **_of_box(shares, height, width), "iscrowd": 0}
    return {"category_id": label, **_of_polygon(shares, height, width), "iscrowd": 0}


def _of_box(shares: Sequence[float], height: int, width: int) -> dict[str, Any]:
    x, y, across, down = (share * side for share, side in zip(shares, (width, height) * 2, strict=True))
    if across <= 0 or down <= 0:
        raise ValueError("a box without width or height")
    return {"bbox": [x - across / 2, y - down / 2, across, down], "area": across * down}


def _of_polygon(shares: Sequence[float], height: int, width: int) -> dict[str, Any]:
    """Return a polygon with its box; the area is that of its outline, by the shoelace formula."""
    xs, ys = [share * width for share in shares[::2]], [share * height for share in shares[1::2]]
    area = abs(sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(xs)))) / 2
    if not area:
        raise ValueError("a polygon without area")
    return {
        "bbox": [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)],
        "area": area,
        "segmentation": [[value for point in zip(xs, ys, strict=True) for value in point]],
    }
