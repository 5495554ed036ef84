"""RAFT learns from nothing what the example shows."""

import pytest
import torch

from train_raft import build_model, evaluate, train
from translations import translations
from zoo_flow.warping import warp


def test_moving_textures_have_the_flow_that_is_said() -> None:
    first, second, flow = translations(4, 48, torch.Generator().manual_seed(0))
    inside = (..., slice(8, -8), slice(8, -8))
    assert (warp(second, flow) - first)[inside].abs().mean() < 0.1 * (second - first)[inside].abs().mean()
    assert flow.flatten(2).std(dim=2).max() == 0


@pytest.mark.slow
def test_some_hundred_steps_on_translations_bring_the_error_well_under_a_pixel() -> None:
    torch.manual_seed(0)
    model = build_model()
    train(model)
    error, motion = evaluate(model)
    assert motion > 3
    assert error < 0.5
