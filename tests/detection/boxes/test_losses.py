"""Losses of predicted boxes."""

import pytest
import torch

from zoo_detection.boxes.coding import BoxCoder
from zoo_detection.boxes.losses import box_regression_loss
from zoo_detection.ops import generalized_box_iou_loss

CODER = BoxCoder((1.0, 1.0, 1.0, 1.0))
ANCHORS = torch.tensor([[0.0, 0.0, 10.0, 10.0], [5.0, 5.0, 25.0, 15.0]])
BOXES = torch.tensor([[1.0, 0.0, 11.0, 10.0], [5.0, 5.0, 20.0, 15.0]])


@pytest.mark.parametrize("kind", ["l1", "smooth_l1", "giou", "diou", "ciou"])
def test_perfect_codes_have_no_loss_and_others_have(kind):
    codes = CODER.encode_single(BOXES, ANCHORS)
    assert box_regression_loss(kind, CODER, ANCHORS, BOXES, codes).item() == pytest.approx(0, abs=1e-5)
    assert box_regression_loss(kind, CODER, ANCHORS, BOXES, codes + 0.5).item() > 0.1


def test_losses_are_summed():
    codes = CODER.encode_single(BOXES, ANCHORS) + torch.tensor([[1.0, 0.0, 0.0, -2.0], [0.25, 0.0, 0.0, 0.0]])
    assert box_regression_loss("l1", CODER, ANCHORS, BOXES, codes).item() == pytest.approx(3.25)
    smooth = box_regression_loss("smooth_l1", CODER, ANCHORS, BOXES, codes, beta=0.5).item()
    assert smooth == pytest.approx(0.75 + 1.75 + 0.25**2 / 2 / 0.5)


def test_overlaps_are_those_of_the_decoded_boxes():
    codes = torch.tensor([[0.1, 0.0, 0.0, 0.0], [0.0, 0.0, 0.2, 0.0]])
    expected = generalized_box_iou_loss(CODER.decode_single(codes, ANCHORS), BOXES, reduction="sum")
    torch.testing.assert_close(box_regression_loss("giou", CODER, ANCHORS, BOXES, codes), expected)


def test_an_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="Unsupported loss 'iou': expected l1, smooth_l1"):
        box_regression_loss("iou", CODER, ANCHORS, BOXES, torch.zeros(2, 4))
