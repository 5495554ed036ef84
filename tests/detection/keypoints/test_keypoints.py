"""Keypoints from heatmaps, and heatmaps for keypoints."""

import pytest
import torch
from torch.nn import functional as F

from detection.random_boxes import boxes
from zoo_detection import TargetError
from zoo_detection.keypoints import resizing
from zoo_detection.keypoints.heatmaps import heatmaps_to_keypoints, keypoints_to_heatmap
from zoo_detection.keypoints.loss import keypoint_loss


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
    monkeypatch.setattr(resizing, "_PIXELS", 1000)
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


@pytest.mark.parametrize("side", [10.0, 200.0], ids=["small boxes", "large boxes"])
def test_keypoints_are_found_in_the_precision_of_their_maps_under_autocast(side: float) -> None:
    maps, boxes = torch.randn(2, 3, 8, 8), torch.tensor([[1.0, 2.0, 1.0 + side, 2.0 + side], [0.0, 0.0, side, side]])
    expected = heatmaps_to_keypoints(maps, boxes)
    with torch.autocast("cpu", torch.bfloat16):
        found = heatmaps_to_keypoints(maps, boxes)
    assert all(map(torch.equal, found, expected))
