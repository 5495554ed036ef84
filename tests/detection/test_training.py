"""A small Mask R-CNN and a small SSDlite learn to find drawn shapes, from nothing."""

from functools import partial

import pytest
import torch
from torch import nn

from shapes import CATEGORIES, SIDE, draw_scenes
from train_mask_rcnn import build_model, evaluate, train
from zoo_core.layers import ConvNormActivation, IntermediateLayerGetter
from zoo_detection import SSD, DefaultBoxGenerator, SSDLiteHead
from zoo_detection.evaluation import average_precision


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


def small_ssdlite():
    """Build a network of 0.3 million parameters, with three levels, of strides 8, 16 and 32."""
    unit = partial(ConvNormActivation, kernel_size=3)
    fine = nn.Sequential(unit(3, 16, stride=2), unit(16, 32, stride=2), unit(32, 64, stride=2), unit(64, 64))
    middle = nn.Sequential(unit(64, 96, stride=2), unit(96, 96))
    body = IntermediateLayerGetter(nn.Sequential(fine, middle, unit(96, 96, stride=2)), {"0": "0", "1": "1", "2": "2"})
    anchors = DefaultBoxGenerator([[], [], []], scales=[0.16, 0.28, 0.42, 0.6])
    head = SSDLiteHead([64, 96, 96], anchors.num_anchors_per_location(), len(CATEGORIES), nn.BatchNorm2d)
    mean_and_std = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    return SSD(body, anchors, (SIDE, SIDE), len(CATEGORIES), head=head, **mean_and_std)


@torch.inference_mode()
def precision_of_boxes(model):
    images, targets = draw_scenes(40, seed=10**6)
    return average_precision(model.eval()(images), targets)


@pytest.mark.slow
def test_ssdlite_learns_to_find_shapes():
    torch.manual_seed(0)
    model = small_ssdlite()
    before = precision_of_boxes(model)
    train(model, steps=300, learning_rate=5e-3)
    boxes = precision_of_boxes(model)
    assert before.mean < 0.05
    assert boxes.mean > 0.5
    assert boxes.at[0.5] > 0.7
    assert min(boxes.of_class.values()) > 0.4
