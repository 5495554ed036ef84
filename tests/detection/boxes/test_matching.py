"""Matching predictions with true boxes, and drawing from the matches."""

import pytest
import torch

from zoo_detection.boxes.matching import Matcher, SSDMatcher
from zoo_detection.boxes.sampling import BalancedPositiveNegativeSampler


def test_overlap_decides_between_match_neither_and_background():
    overlaps = torch.tensor([[0.7, 0.69, 0.3, 0.29, 0.0], [0.1, 0.2, 0.25, 0.1, 0.0]])
    assert Matcher(0.7, 0.3)(overlaps).tolist() == [0, -2, -2, -1, -1]


def test_best_predictions_of_a_true_box_are_matched_however_low_with_the_box_they_overlap_most():
    overlaps = torch.tensor([[0.2, 0.2, 0.1, 0.0], [0.1, 0.6, 0.0, 0.05]])
    assert Matcher(0.7, 0.3)(overlaps).tolist() == [-1, -2, -1, -1]
    assert Matcher(0.7, 0.3, allow_low_quality_matches=True)(overlaps).tolist() == [0, 1, -1, -1]


def test_every_true_box_of_ssd_has_a_match():
    overlaps = torch.tensor([[0.4, 0.3, 0.1], [0.2, 0.7, 0.6], [0.05, 0.0, 0.1]])
    assert SSDMatcher(0.5)(overlaps).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("shape", "what"), [((0, 3), "ground-truth"), ((3, 0), "proposal")])
def test_nothing_to_match_is_refused(shape, what):
    with pytest.raises(ValueError, match=f"No {what} boxes available"):
        Matcher(0.5, 0.5)(torch.zeros(shape))


def test_thresholds_must_be_in_order():
    with pytest.raises(ValueError, match=r"low_threshold should be <= high_threshold, found 0.7 and 0.3"):
        Matcher(0.3, 0.7)


@pytest.mark.parametrize(
    ("positives", "negatives", "expected"), [(30, 100, (8, 24)), (3, 100, (3, 29)), (30, 5, (8, 5)), (0, 0, (0, 0))]
)
def test_sampler_draws_as_many_as_there_are_and_no_more_positives_than_their_share(positives, negatives, expected):
    labels = torch.cat([torch.ones(positives), torch.zeros(negatives), -torch.ones(10)])[
        torch.randperm(positives + negatives + 10)
    ]
    (drawn,), (rejected,) = BalancedPositiveNegativeSampler(32, 0.25)([labels])
    assert (int(drawn.sum()), int(rejected.sum())) == expected
    assert (labels[drawn] == 1).all()
    assert (labels[rejected] == 0).all()


def test_sampler_draws_each_candidate_as_often():
    torch.manual_seed(0)
    labels = torch.zeros(20)
    counts = sum(BalancedPositiveNegativeSampler(5, 0.5)([labels])[1][0].long() for _ in range(2000))
    assert counts.min() > 400
    assert counts.max() < 600
