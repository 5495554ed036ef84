"""Masks of boxes: cut out, learned, and given back."""

import pytest
import torch

from zoo_detection.masks.loss import crop_masks, mask_loss, mask_probabilities
from zoo_detection.masks.pasting import paste_masks_in_image


def test_mask_of_the_predicted_class_is_the_one_returned():
    logits = torch.randn(3, 4, 5, 5)
    masks = mask_probabilities(logits, [torch.tensor([2, 1]), torch.tensor([3])])
    assert [mask.shape for mask in masks] == [(2, 1, 5, 5), (1, 1, 5, 5)]
    torch.testing.assert_close(masks[0][1, 0], logits[1, 1].sigmoid())
    torch.testing.assert_close(masks[1][0, 0], logits[2, 3].sigmoid())


def test_masks_are_cut_out_at_boxes_and_resized():
    masks = torch.zeros(2, 40, 40)
    masks[1, 10:30, 20:40] = 1
    crops = crop_masks(
        masks, torch.tensor([[20.0, 10.0, 40.0, 30.0], [0.0, 10.0, 40.0, 30.0]]), torch.tensor([1, 1]), 8
    )
    assert crops.shape == (2, 8, 8)
    assert crops[0, 1:-1, 1:-1].min().item() == pytest.approx(1)
    assert crops[1, 1:-1, :3].max() == 0
    assert crops[1, 1:-1, 5:-1].min().item() == pytest.approx(1)


def test_mask_loss_is_of_the_true_class_alone():
    masks = torch.ones(1, 40, 40)
    logits = torch.full((2, 3, 8, 8), -50.0)
    logits[:, 2] = 50.0
    proposals = [torch.tensor([[5.0, 5.0, 20.0, 20.0], [8.0, 8.0, 30.0, 30.0]])]
    good = mask_loss(logits, proposals, [masks], [torch.tensor([2])], [torch.tensor([0, 0])])
    bad = mask_loss(logits, proposals, [masks], [torch.tensor([1])], [torch.tensor([0, 0])])
    assert good.item() == pytest.approx(0, abs=1e-4)
    assert bad.item() == pytest.approx(50, rel=1e-4)


def test_masks_of_many_objects_are_cut_out_of_their_own_in_half_precision():
    masks = torch.zeros(300, 8, 8)
    masks[259] = 1
    boxes = torch.tensor([[0.0, 0.0, 8.0, 8.0]]).bfloat16()
    assert crop_masks(masks, boxes, torch.tensor([259]), 4).min() == 1


def test_masks_are_pasted_in_their_precision_under_autocast() -> None:
    masks, boxes = torch.rand(2, 1, 7, 7), torch.tensor([[1.0, 2.0, 9.0, 8.0], [0.0, 0.0, 5.0, 5.0]])
    expected = paste_masks_in_image(masks, boxes, (10, 12))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(paste_masks_in_image(masks, boxes, (10, 12)), expected)
