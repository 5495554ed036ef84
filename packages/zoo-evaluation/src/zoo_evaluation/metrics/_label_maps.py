"""How many pixels have the right class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer]
IGNORED = 255
"""The class of pixels that do not count, as Pascal VOC has it."""


def confusion_matrix(labels: Integers, target: Integers, num_classes: int) -> NDArray[np.int64]:
    """Count pixels by their true class and by the one that was predicted.

    Args:
        labels: Predicted classes, integers of any shape from 0 to `num_classes` - 1.
        target: True classes, of the same shape. Pixels of class 255 do not count.
        num_classes: How many classes there are, at most 255.

    Returns:
        Counts `(num_classes, num_classes)`: a row for each true class, a column for each predicted one.

    Raises:
        ValueError: The shapes differ, or there are classes out of range.

    Example:
        >>> import numpy as np
        >>> from zoo_evaluation.metrics import confusion_matrix
        >>> confusion_matrix(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 255]), 2).tolist()
        [[1, 1], [0, 1]]
    """
    if labels.shape != target.shape:
        raise ValueError(f"Label maps should have the shape of the true ones, {target.shape}, found {labels.shape}.")
    if not 1 <= num_classes <= IGNORED:
        raise ValueError(f"num_classes is from 1 to {IGNORED}, found {num_classes}.")
    true, predicted = _as_bytes("true", target), _as_bytes("predicted", labels)
    pairs = (true.astype(np.uint16) << 8) | predicted
    counts = np.bincount(pairs.reshape(-1), minlength=1 << 16).reshape(256, 256)[:IGNORED]
    for name, pixels in (("true", counts.sum(axis=1)), ("predicted", counts.sum(axis=0))):
        if pixels[num_classes:].any():
            found = int(np.flatnonzero(pixels)[-1])
            raise ValueError(
                f"There are {num_classes} classes, from 0 to {num_classes - 1}, but a {name} one is {found}."
            )
    return counts[:num_classes, :num_classes]


def _as_bytes(name: str, classes: Integers) -> NDArray[np.uint8]:
    """Return classes as uint8, or refuse those that do not fit."""
    if classes.dtype != np.uint8 and classes.size and not (classes.min() >= 0 and classes.max() <= IGNORED):
        found = int(classes.min()) if classes.min() < 0 else int(classes.max())
        raise ValueError(f"Classes are from 0 to {IGNORED}, but a {name} one is {found}.")
    return classes.astype(np.uint8)


def pixel_accuracy(matrix: Integers) -> float:
    """Return the share of pixels whose class is right, in per cent; NaN of none.

    Args:
        matrix: Counts `(C, C)`, as `confusion_matrix` gives them.

    Example:
        >>> import numpy as np
        >>> from zoo_evaluation.metrics import pixel_accuracy
        >>> pixel_accuracy(np.array([[2, 1], [0, 1]]))
        75.0
    """
    total = int(matrix.sum())
    return 100 * int(np.trace(matrix)) / total if total else float("nan")


def class_ious(matrix: Integers) -> NDArray[np.float64]:
    """Return for each class the intersection of predicted and true pixels over their union, in per cent.

    Mark Everingham et al.: The Pascal Visual Object Classes Challenge: A Retrospective, 2015, section 4.3.

    Args:
        matrix: Counts `(C, C)`, as `confusion_matrix` gives them.

    Returns:
        Values `(C,)`; NaN for a class that is neither there nor predicted.

    Example:
        >>> import numpy as np
        >>> from zoo_evaluation.metrics import class_ious
        >>> class_ious(np.array([[2, 2], [0, 1]])).round(1).tolist()
        [50.0, 33.3]
    """
    return ious(np.diagonal(matrix), matrix.sum(axis=1), matrix.sum(axis=0))


def mean_iou(matrix: Integers, classes: Sequence[int] | None = None) -> float:
    """Return the mean of `class_ious`, in per cent, over the classes that are there or are predicted.

    Args:
        matrix: Counts `(C, C)`, as `confusion_matrix` gives them.
        classes: Which of them count; all by default.

    Example:
        >>> import numpy as np
        >>> from zoo_evaluation.metrics import mean_iou
        >>> mean_iou(np.array([[2, 2, 0], [0, 3, 0], [0, 0, 0]]))
        55.0
    """
    found = class_ious(matrix)
    return mean_of_known(found if classes is None else found[list(classes)])


def ious(right: Integers, true: Integers, predicted: Integers) -> NDArray[np.float64]:
    """Return intersections over unions of classes, in per cent, from counts of pixels of one shape."""
    union = true + predicted - right
    found = np.full(union.shape, np.nan)
    np.divide(100.0 * right, union, out=found, where=union > 0)
    return found


def mean_of_known(values: NDArray[np.float64]) -> float:
    """Return the mean of those that are not NaN; NaN of none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
