"""How often the right class is among the most probable ones."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def hits(top: Sequence[Sequence[int]], labels: Sequence[int], k: int = 1) -> NDArray[np.bool_]:
    """Tell for each sample whether its class is among the `k` most probable ones.

    Args:
        top: For each sample the classes, the most probable first; any number of them, also none.
        labels: For each sample its class.
        k: How many count.

    Returns:
        Booleans `(N,)`.

    Raises:
        ValueError: There are not as many of one as of the other.

    Example:
        >>> from zoo_evaluation.metrics import hits
        >>> hits([[3, 1], [2, 0]], [1, 2], k=1).tolist()
        [False, True]
    """
    if len(top) != len(labels):
        raise ValueError(f"Expected as many predictions as labels, found {len(top)} and {len(labels)}.")
    return np.array([label in found[:k] for found, label in zip(top, labels, strict=True)], dtype=bool)


def accuracy(top: Sequence[Sequence[int]], labels: Sequence[int], k: int = 1) -> float:
    """Return the share of samples whose class is among the `k` most probable ones, in per cent; NaN of none.

    Arguments and errors are those of `hits`.

    Example:
        >>> from zoo_evaluation.metrics import accuracy
        >>> accuracy([[3, 1], [2, 0]], [1, 2], k=1)
        50.0
    """
    found = hits(top, labels, k)
    return 100 * float(found.mean()) if len(found) else float("nan")
