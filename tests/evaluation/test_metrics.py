"""Shares, and how sure they are."""

import numpy as np
import pytest

from zoo_evaluation.metrics import accuracy, bootstrap, hits, wilson


def test_a_class_counts_among_the_k_most_probable_ones():
    top = [[3, 1, 2], [2, 0], [], [1]]
    assert hits(top, [1, 2, 0, 1]).tolist() == [False, True, False, True]
    assert hits(top, [1, 2, 0, 1], k=2).tolist() == [True, True, False, True]
    assert accuracy(top, [1, 2, 0, 1], k=2) == 75
    assert np.isnan(accuracy([], []))


def test_as_many_labels_as_predictions_are_needed():
    with pytest.raises(ValueError, match="as many predictions as labels, found 1 and 2"):
        hits([[1]], [1, 2])


@pytest.mark.parametrize(
    ("right", "count", "low", "high"),  # from the formula, with z = 1.959964
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (40_100, 50_000, 0.7985, 0.8055)],
)
def test_the_interval_of_wilson(right, count, low, high):
    assert wilson(right, count) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_of_wilson_solves_its_equation():
    """Both bounds p are those of |share - p| = z sqrt(p (1 - p) / n)."""
    for bound in wilson(37, 100):
        assert abs(0.37 - bound) == pytest.approx(1.959963984540054 * (bound * (1 - bound) / 100) ** 0.5)


@pytest.mark.parametrize(("right", "count"), [(-1, 3), (4, 3), (0, 0)])
def test_no_interval_of_what_is_no_share(right, count):
    with pytest.raises(ValueError, match="0 <= right <= count"):
        wilson(right, count)


def test_the_bootstrap_of_a_mean_is_as_wide_as_theory_has_it():
    values = np.random.default_rng(1).normal(size=400)
    low, high = bootstrap(lambda places: float(values[places].mean()), len(values), resamples=2000)
    half = 1.96 * values.std() / 400**0.5
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_the_bootstrap_is_the_same_each_time_and_leaves_out_what_is_no_number():
    values = np.array([1.0, np.nan, 3.0, 4.0, 5.0])
    found = [bootstrap(lambda places: float(values[places[0]]), len(values)) for _ in range(2)]
    assert found[0] == found[1]
    assert not np.isnan(found[0]).any()
