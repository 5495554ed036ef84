"""From proposals to detections and losses."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zoo_detection import RoIHeads, TargetError, _keypoint_resizing
from zoo_detection._keypoint_decoding import heatmaps_to_keypoints, keypoints_to_heatmap
from zoo_detection._keypoints import keypoint_loss
from zoo_detection._mask_pasting import paste_masks_in_image
from zoo_detection._masks import crop_masks, mask_loss, mask_probabilities
from zoo_detection.ops import box_iou

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


def boxes(number, seed=0):
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(number, 2, generator=generator) * 60
    return torch.cat([corners, corners + 5 + torch.rand(number, 2, generator=generator) * 50], dim=1)


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
    (samples,) = [heads(batch_size_per_image=100).select_training_samples(
        [proposals], [{"boxes": true, "labels": torch.tensor([3])}]
    )]  # fmt: skip
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


def test_keypoints_are_pixels_of_the_heatmap_and_those_outside_do_not_count():
    box = torch.tensor([[10.0, 20.0, 30.0, 40.0]])
    points = torch.tensor([[[10.0, 20.0, 1], [30.0, 40.0, 1], [19.9, 20.0, 1], [9.0, 30.0, 1], [15.0, 25.0, 0]]])
    pixels, valid = keypoints_to_heatmap(points, box, 4)
    assert valid.tolist() == [[True, True, True, False, False]]
    assert pixels.tolist() == [[0, 15, 1, 0, 0]]


def test_keypoint_loss_is_small_where_the_heatmap_points_there():
    logits = torch.zeros(1, 2, 4, 4)
    logits[0, 0, 0, 0] = 50
    box, points = torch.tensor([[10.0, 20.0, 30.0, 40.0]]), torch.tensor([[[11.0, 21.0, 1.0], [25.0, 35.0, 0.0]]])
    assert keypoint_loss(logits, [box], [points], [torch.tensor([0])]).item() == pytest.approx(0, abs=1e-5)
    assert keypoint_loss(-logits, [box], [points], [torch.tensor([0])]).item() > 40


def test_another_number_of_keypoints_than_the_predictor_s_is_refused():
    with pytest.raises(TargetError, match="Expected 2 keypoints for each object, found 3 for target at index 0"):
        keypoint_loss(torch.zeros(1, 2, 4, 4), [boxes(1)], [torch.ones(1, 3, 3)], [torch.tensor([0])])


def keypoints_by_definition(maps, rois):
    """Resize each map as PyTorch does, and take the greatest pixel."""
    places, scores = [], []
    for box, box_maps in zip(rois, maps, strict=True):
        sides = (box[2:] - box[:2]).clamp(min=1)
        width, height = sides.ceil().int().tolist()
        resized = F.interpolate(box_maps[None], (height, width), mode="bicubic", align_corners=False)[0]
        score, index = resized.flatten(1).max(dim=1)
        pixel = torch.stack([index % width, index // width], dim=1) + 0.5
        places.append(pixel * (sides / sides.ceil()) + box[:2])
        scores.append(score)
    return torch.stack(places), torch.stack(scores)


def gaussians(number, keypoints, size):
    """Draw maps as trained networks give them: one blob, and some noise."""
    grid = torch.arange(float(size))
    centres = torch.rand(number, keypoints, 2, 1) * size
    rows, columns = (((grid - centres[:, :, axis]) ** 2) for axis in (0, 1))
    blobs = 8 * torch.exp(-(rows[..., :, None] + columns[..., None, :]) / 8)
    return blobs + 0.3 * torch.randn(number, keypoints, size, size)


@pytest.mark.parametrize("kind", ["blobs", "noise", "flat"])
def test_keypoints_are_those_of_maps_that_are_resized_whole(kind):
    torch.manual_seed(0)
    makers = {"blobs": gaussians, "noise": lambda *shape: torch.randn(*shape, shape[-1])}
    maps = makers.get(kind, lambda *shape: torch.ones(*shape, shape[-1]))(12, 3, 20)
    corners = torch.rand(12, 2) * 50
    rois = torch.cat([corners, corners + torch.rand(12, 2) * torch.logspace(-1, 2.2, 12)[:, None]], dim=1)
    keypoints, scores = heatmaps_to_keypoints(maps, rois)
    places, expected = keypoints_by_definition(maps, rois)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-5)
    assert (keypoints[..., 2] == 1).all()
    if kind != "flat":  # where rounding alone decides
        torch.testing.assert_close(keypoints[..., :2], places)


def test_boxes_of_all_sizes_are_decoded_in_parts(monkeypatch):
    torch.manual_seed(0)
    maps, rois = gaussians(20, 3, 20), boxes(20)
    whole = heatmaps_to_keypoints(maps, rois)
    monkeypatch.setattr(_keypoint_resizing, "_PIXELS", 1000)
    for found, expected in zip(heatmaps_to_keypoints(maps, rois), whole, strict=True):
        torch.testing.assert_close(found, expected)


def test_bound_on_the_sides_of_boxes_changes_nothing():
    torch.manual_seed(0)
    maps, rois = gaussians(5, 3, 20), boxes(5)
    for found, expected in zip(heatmaps_to_keypoints(maps, rois, 400), heatmaps_to_keypoints(maps, rois), strict=True):
        torch.testing.assert_close(found, expected)


def test_no_boxes_have_no_keypoints():
    keypoints, scores = heatmaps_to_keypoints(torch.zeros(0, 17, 56, 56), torch.zeros(0, 4))
    assert (tuple(keypoints.shape), tuple(scores.shape)) == ((0, 17, 3), (0, 17))


def test_masks_and_keypoints_are_where_their_boxes_are_in_half_precision():
    """bfloat16 holds integers to 256 only."""
    boxes = torch.tensor([[600.0, 600.0, 640.0, 640.0]])
    pasted = paste_masks_in_image(torch.ones(1, 1, 28, 28).bfloat16(), boxes.bfloat16(), (700, 700))
    assert torch.equal(pasted > 0.5, paste_masks_in_image(torch.ones(1, 1, 28, 28), boxes, (700, 700)) > 0.5)
    maps = torch.zeros(1, 1, 56, 56)
    maps[0, 0, 40, 41] = 10
    found, expected = (heatmaps_to_keypoints(maps.to(dtype), boxes)[0] for dtype in (torch.bfloat16, torch.float32))
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=1)


def test_masks_of_many_objects_are_cut_out_of_their_own_in_half_precision():
    masks = torch.zeros(300, 8, 8)
    masks[259] = 1
    boxes = torch.tensor([[0.0, 0.0, 8.0, 8.0]]).bfloat16()
    assert crop_masks(masks, boxes, torch.tensor([259]), 4).min() == 1
