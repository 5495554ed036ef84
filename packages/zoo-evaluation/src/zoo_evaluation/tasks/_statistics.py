"""What was computed from files of predictions, and how sure one can be of numbers made of that."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from zoo_evaluation.metrics import bootstrap

T = TypeVar("T")


class FileStatistics(Generic[T]):
    """Remembers what was computed from files, until they change."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, int], T]] = {}

    def of(self, path: Path, compute: Callable[[], T]) -> T:
        """Return what `compute` gives of a file, or has given before."""
        status = path.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            known = self._known[path] = (stamp, compute())
        return known[1]


def interval(
    value: Callable[[NDArray[np.float64]], float], statistics: NDArray[np.float64]
) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of what is computed from sums over samples.

    Args:
        value: Of sums `(...)`.
        statistics: Of each sample, `(N, ...)`.

    Returns:
        `None` where a number of all samples is not known.

    Example:
        >>> low, high = interval(lambda sums: sums[0] / sums[1], np.array([[1.0, 2.0], [3.0, 4.0], [0.0, 2.0]]))
        >>> low < 0.5 < high
        True
    """
    count = len(statistics)
    flat = statistics.reshape(count, -1)

    def of_drawn(places: NDArray[np.int64]) -> float:
        times = np.bincount(places, minlength=count)
        return value((times[:, None] * flat).sum(axis=0).reshape(statistics.shape[1:]))

    return None if np.isnan(value(statistics.sum(axis=0))) else bootstrap(of_drawn, count)
