"""A small Mask R-CNN learns to find drawn shapes, from nothing."""

import pytest
import torch

from shapes import CATEGORIES, SIDE, draw_scenes
from train_mask_rcnn import build_model, evaluate, train


def test_scenes_are_the_same_for_the_same_seed_and_their_boxes_are_around_their_masks():
    images, targets = draw_scenes(3, seed=5)
    again, _ = draw_scenes(3, seed=5)
    other, _ = draw_scenes(3, seed=6)
    assert all(map(torch.equal, images, again))
    assert not torch.equal(images[0], other[0])
    for image, target in zip(images, targets, strict=True):
        assert image.shape == (3, SIDE, SIDE)
        assert 0 <= image.min() < image.max() <= 1
        assert set(target["labels"].tolist()) <= set(range(1, len(CATEGORIES)))
        for (x1, y1, x2, y2), mask in zip(target["boxes"].int().tolist(), target["masks"], strict=True):
            assert mask.sum() > 0
            assert mask[y1:y2, x1:x2].sum() == mask.sum()


@pytest.mark.slow
def test_mask_rcnn_learns_to_find_shapes():
    torch.manual_seed(0)
    model = build_model()
    before, _ = evaluate(model)
    train(model)
    boxes, masks = evaluate(model)
    assert before.mean < 0.05
    assert boxes.mean > 0.6
    assert masks.mean > 0.55
    assert min(boxes.of_class.values()) > 0.5
