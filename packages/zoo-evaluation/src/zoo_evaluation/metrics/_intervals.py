"""How sure one can be of a number that was measured on some samples."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_Z = 1.959963984540054
"""The standard normal distribution has 2.5 % beyond it."""


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share, in [0, 1].

    Edwin B. Wilson: Probable Inference, the Law of Succession, and Statistical Inference, 1927.

    Args:
        right: How many of them are right.
        count: Of how many.

    Raises:
        ValueError: `right` is not in [0, `count`], or `count` is 0.

    Example:
        >>> from zoo_evaluation.metrics import wilson
        >>> [round(bound, 3) for bound in wilson(80, 100)]
        [0.711, 0.867]
    """
    if not 0 <= right <= count or count == 0:
        raise ValueError(f"Expected 0 <= right <= count and count > 0, found {right} of {count}.")
    share, square = right / count, _Z**2 / count
    middle = (share + square / 2) / (1 + square)
    half = _Z * (share * (1 - share) / count + square / (4 * count)) ** 0.5 / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], float], count: int, *, resamples: int = 200, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % confidence interval of any statistic, from samples drawn again with replacement.

    Bradley Efron: Bootstrap Methods: Another Look at the Jackknife, 1979.

    Args:
        statistic: Of the samples at these places, `(count,)`, some of them more than once.
        count: How many samples there are.
        resamples: How often they are drawn.
        seed: Of the drawing: the same interval each time.

    Example:
        >>> import numpy as np
        >>> from zoo_evaluation.metrics import bootstrap
        >>> values = np.array([1.0, 2.0, 3.0, 4.0])
        >>> low, high = bootstrap(lambda places: values[places].mean(), len(values))
        >>> low < 2.5 < high
        True
    """
    generator = np.random.default_rng(seed)
    values = [statistic(generator.integers(0, count, count)) for _ in range(resamples)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)
