"""From proposals to detections and losses."""

import pytest
import torch
from torch import nn

from detection.random_boxes import boxes
from zoo_detection import RoIHeads
from zoo_detection.keypoints.heatmaps import heatmaps_to_keypoints
from zoo_detection.keypoints.loss import keypoint_loss
from zoo_detection.masks.loss import mask_loss
from zoo_detection.masks.pasting import paste_masks_in_image
from zoo_detection.ops import box_iou
from zoo_detection.two_stage.roi_heads import Samples

SHAPES = [(100, 120), (90, 80)]


class Pool(nn.Module):
    """Features of boxes that depend on the boxes alone."""

    def forward(self, features, boxes, shapes):
        boxes = torch.cat(list(boxes)) / 100
        return torch.cat([boxes, boxes.sin(), (7 * boxes).cos()], dim=1)


class Predictor(nn.Module):
    def __init__(self, classes):
        super().__init__()
        torch.manual_seed(0)
        self.scores, self.codes = nn.Linear(12, classes), nn.Linear(12, 4 * classes)
        nn.init.normal_(self.scores.weight, std=3)

    def forward(self, x):
        return self.scores(x), self.codes(x)


def heads(**kwargs):
    settings = {
        "fg_iou_thresh": 0.5,
        "bg_iou_thresh": 0.5,
        "batch_size_per_image": 16,
        "positive_fraction": 0.25,
        "bbox_reg_weights": None,
        "score_thresh": 0.3,
        "nms_thresh": 0.5,
        "detections_per_img": 15,
        **kwargs,
    }
    return RoIHeads(Pool(), nn.Identity(), Predictor(4), **settings)


@torch.no_grad()
def test_detections_are_probable_decoded_clipped_and_do_not_overlap_with_better_ones_of_their_class():
    roi_heads, proposals = heads().eval(), [boxes(40), boxes(30, 1)]
    results, losses = roi_heads({}, proposals, SHAPES)
    assert losses == {}
    logits, codes = roi_heads.box_predictor(roi_heads.box_roi_pool({}, proposals, SHAPES))
    scores, decoded = logits.softmax(1), roi_heads.box_coder.decode(codes, proposals)
    for result, rows, (height, width) in zip(results, (range(40), range(40, 70)), SHAPES, strict=True):
        candidates = [(scores[row, label].item(), row, label) for row in rows for label in (1, 2, 3)]
        kept = []
        for score, row, label in sorted((c for c in candidates if c[0] > 0.3), reverse=True):
            box = decoded[row, label].clamp(min=0).minimum(torch.tensor([width, height, width, height]))[None]
            if all(label != other or box_iou(box, better) <= 0.5 for _, other, better in kept):
                kept.append((score, label, box))
        kept = kept[:15]
        assert result["labels"].tolist() == [label for _, label, _ in kept]
        torch.testing.assert_close(result["scores"], torch.tensor([score for score, _, _ in kept]))
        torch.testing.assert_close(result["boxes"], torch.cat([box for _, _, box in kept]))


@torch.no_grad()
def test_no_proposals_are_no_detections():
    results, _ = heads().eval()({}, [torch.zeros(0, 4)] * 2, SHAPES)
    assert [{name: tuple(value.shape) for name, value in result.items()} for result in results] == [
        {"boxes": (0, 4), "labels": (0,), "scores": (0,)}
    ] * 2


def test_samples_are_labelled_by_overlap_and_true_boxes_are_among_them():
    true = torch.tensor([[10.0, 10.0, 50.0, 50.0]])
    proposals = torch.cat([true + 2, true + 15, boxes(3, 5) + 200])
    samples = Samples(*heads(batch_size_per_image=100).select_training_samples(
        [proposals], [{"boxes": true, "labels": torch.tensor([3])}]
    ))  # fmt: skip
    assert torch.equal(samples.proposals[0], torch.cat([proposals, true]))
    assert samples.labels[0].tolist() == [3, 0, 0, 0, 0, 3]
    assert samples.regression_targets[0][-1].tolist() == [0, 0, 0, 0]
    positives, matches = samples.positives()
    assert torch.equal(positives[0], proposals[[0, 0]] * torch.tensor([[1], [0]]) + true * torch.tensor([[0], [1]]))
    assert matches[0].tolist() == [0, 0]


def test_losses_reach_the_predictor_and_images_may_be_empty():
    roi_heads = heads().train()
    targets = [
        {"boxes": boxes(2, 3), "labels": torch.tensor([1, 3])},
        {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)},
    ]
    detections, losses = roi_heads({}, [boxes(40), boxes(30, 1)], SHAPES, targets)
    assert detections == []
    assert list(losses) == ["loss_classifier", "loss_box_reg"]
    sum(losses.values()).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in roi_heads.parameters())


def test_labels_that_the_predictor_does_not_know_are_refused():
    targets = [{"boxes": boxes(2), "labels": torch.tensor([1, 4])}] * 2
    with pytest.raises(IndexError, match=r"from 1 to 3 .*found 4 for the box at row 1 for target at index 0"):
        heads().train()({}, [boxes(4)] * 2, SHAPES, targets)


def test_no_positives_have_no_mask_or_keypoint_loss_but_a_gradient():
    logits = torch.zeros(0, 3, 8, 8, requires_grad=True)
    nothing, no_boxes = torch.zeros(0, dtype=torch.int64), torch.zeros(0, 4)
    losses = (
        mask_loss(logits, [no_boxes], [torch.ones(1, 9, 9)], [torch.tensor([1])], [nothing]),
        keypoint_loss(logits, [no_boxes], [torch.ones(1, 3, 3)], [nothing]),
    )
    for loss in losses:
        assert loss.item() == 0
        loss.backward()


def test_masks_and_keypoints_are_where_their_boxes_are_in_half_precision():
    """bfloat16 holds integers to 256 only."""
    boxes = torch.tensor([[600.0, 600.0, 640.0, 640.0]])
    pasted = paste_masks_in_image(torch.ones(1, 1, 28, 28).bfloat16(), boxes.bfloat16(), (700, 700))
    assert torch.equal(pasted > 0.5, paste_masks_in_image(torch.ones(1, 1, 28, 28), boxes, (700, 700)) > 0.5)
    maps = torch.zeros(1, 1, 56, 56)
    maps[0, 0, 40, 41] = 10
    found, expected = (heatmaps_to_keypoints(maps.to(dtype), boxes)[0] for dtype in (torch.bfloat16, torch.float32))
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=1)
