"""Whether probabilities are as great as the share of predictions that are right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions whose confidence is in one range, `low` < confidence <= `high`; 0 is in the first one.

    Args:
        low: Where the range begins.
        high: Where it ends.
        count: How many predictions are in it.
        confidence: Their mean confidence, in [0, 1]; NaN of none.
        accuracy: The share of them that is right, in [0, 1]; NaN of none.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def reliability(
    confidences: Sequence[float] | NDArray[np.floating], right: Sequence[bool] | NDArray[np.bool_], bins: int = 15
) -> tuple[Bin, ...]:
    """Return for ranges of confidence how many predictions are in it, and how many of them are right.

    Alexandru Niculescu-Mizil, Rich Caruana: Predicting Good Probabilities with Supervised Learning, 2005.

    Args:
        confidences: Of each prediction the probability that it states, `(N,)`, in [0, 1].
        right: Whether it is right, `(N,)`.
        bins: How many ranges there are, all as wide.

    Raises:
        ValueError: There are not as many of one as of the other, a confidence is out of range, or `bins` is below 1.

    Example:
        >>> from zoo_evaluation.metrics import reliability
        >>> [(each.count, each.accuracy) for each in reliability([0.9, 0.8, 0.3], [True, False, False], bins=2)]
        [(1, 0.0), (2, 0.5)]
    """
    stated, correct = np.asarray(confidences, dtype=np.float64), np.asarray(right, dtype=bool)
    if stated.shape != correct.shape or stated.ndim != 1:
        raise ValueError(f"Expected as many confidences as predictions, found {stated.shape} and {correct.shape}.")
    if bins < 1:
        raise ValueError(f"bins is a number of ranges, at least 1: found {bins}.")
    if stated.size and not (stated.min() >= 0 and stated.max() <= 1):
        raise ValueError(f"Confidences are in [0, 1], found {stated.min()} to {stated.max()}.")
    edges = np.linspace(0, 1, bins + 1)
    places = np.clip(np.searchsorted(edges, stated, side="left") - 1, 0, bins - 1)
    return tuple(_bin(edges, place, stated[places == place], correct[places == place]) for place in range(bins))


def _bin(edges: NDArray[np.float64], place: int, stated: NDArray[np.float64], correct: NDArray[np.bool_]) -> Bin:
    nan, count = float("nan"), len(stated)
    return Bin(
        low=float(edges[place]),
        high=float(edges[place + 1]),
        count=count,
        confidence=float(stated.mean()) if count else nan,
        accuracy=float(correct.mean()) if count else nan,
    )


def expected_calibration_error(
    confidences: Sequence[float] | NDArray[np.floating], right: Sequence[bool] | NDArray[np.bool_], bins: int = 15
) -> float:
    """Return how far confidences are from the share that is right, in per cent, on average over predictions.

    Chuan Guo et al.: On Calibration of Modern Neural Networks, 2017, equation 3.

    Arguments and errors are those of `reliability`; NaN of no predictions.

    Example:
        >>> from zoo_evaluation.metrics import expected_calibration_error
        >>> round(expected_calibration_error([0.9, 0.9, 0.6, 0.6], [True, True, True, False]), 6)
        10.0
    """
    found = [each for each in reliability(confidences, right, bins) if each.count]
    total = sum(each.count for each in found)
    if not total:
        return float("nan")
    return 100 * sum(each.count * abs(each.accuracy - each.confidence) for each in found) / total
