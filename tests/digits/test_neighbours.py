"""Digits that look alike have vectors that are near each other."""

import pytest
import torch

from zoo_core import embed
from zoo_digits.held_out import load_split

DIGITS = "shufflenet_v2_x0_5_digits"


def test_the_nearest_digit_that_was_seen_in_training_shows_what_a_held_out_one_shows():
    pytest.importorskip("sklearn")
    known, held_out = load_split()
    vectors = [
        embed(digits.images[:300], model=DIGITS, normalize=True, batch_size=100).vectors for digits in (known, held_out)
    ]
    nearest = (vectors[1] @ vectors[0].T).argmax(dim=1)
    found = torch.tensor(known.labels)[nearest]
    assert (found == torch.tensor(held_out.labels[:300])).float().mean() > 0.95
