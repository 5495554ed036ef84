"""From outlines of objects to the classes of pixels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._dataset import DatasetError
from ._label_files import IGNORED
from .pixel_samples import Outline

_LEAST = 6
"""Numbers of a polygon: two for each of three corners."""


def draw(objects: Sequence[tuple[int, Outline]], height: int, width: int) -> NDArray[np.uint8]:
    """Return the class of each pixel: 0 outside of all objects, 255 where several overlap.

    Args:
        objects: Class and outline of each.
        height: In pixels.
        width: Likewise.

    Returns:
        uint8 `(height, width)`.

    Raises:
        DatasetError: An outline is none.

    Example:
        >>> draw([(7, [[1, 0, 3, 0, 3, 2, 1, 2]])], 2, 4).tolist()
        [[0, 7, 7, 0], [0, 7, 7, 0]]
    """
    labels = np.zeros((height, width), dtype=np.uint8, order="F")  # masks lie in memory column by column
    drawn, several = np.zeros_like(labels, dtype=bool), np.zeros_like(labels, dtype=bool)
    for label, outline in objects:
        mask = draw_mask(outline, height, width)
        several |= drawn & mask
        drawn |= mask
        np.maximum(labels, mask * np.uint8(label), out=labels)
    labels[several] = IGNORED
    return np.ascontiguousarray(labels)


def is_outline(outline: object, height: int, width: int) -> bool:
    """Tell whether it is polygons, or run lengths for an image of this size."""
    if isinstance(outline, Mapping):
        return outline.get("size") == [height, width] and isinstance(outline.get("counts"), (list, str))
    return isinstance(outline, list) and all(
        isinstance(polygon, list)
        and len(polygon) % 2 == 0
        and all(isinstance(number, (int, float)) for number in polygon)
        for polygon in outline
    )


def draw_mask(outline: Outline, height: int, width: int) -> NDArray[np.bool_]:
    """Return the pixels of an object as COCO's tools draw them.

    Args:
        outline: Polygons, each as `[x1, y1, x2, y2, …]` in pixels; or run lengths, with `size` and `counts`.
        height: Of the image, in pixels.
        width: Likewise.

    Returns:
        Booleans `(height, width)`.

    Raises:
        DatasetError: It is neither, or the run lengths are for another size.

    Example:
        >>> from zoo_evaluation.datasets import draw_mask
        >>> draw_mask([[1, 0, 3, 0, 3, 2, 1, 2]], 2, 4).tolist()
        [[False, True, True, False], [False, True, True, False]]
    """
    from faster_coco_eval.core import mask as coco_masks

    try:
        if isinstance(outline, Mapping):
            packed = isinstance(outline["counts"], (str, bytes))
            runs: Any = outline if packed else coco_masks.frPyObjects(outline, height, width)
        else:
            polygons = [polygon for polygon in outline if len(polygon) >= _LEAST]
            runs = coco_masks.merge(coco_masks.frPyObjects(polygons, height, width)) if polygons else None
        mask = np.zeros((height, width)) if runs is None else coco_masks.decode(runs)
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"Expected polygons or run lengths of COCO's, found {outline!r:.80}: {error}.") from None
    if mask.shape != (height, width):
        raise DatasetError(f"Run lengths are of {mask.shape} pixels, and the image has {(height, width)}.")
    found: NDArray[np.bool_] = mask.astype(bool)
    return found
