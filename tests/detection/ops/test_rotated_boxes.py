"""Rotated boxes: formats, and areas in common."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from zoo_detection.ops import box_convert, box_iou

FORMATS = ("xywhr", "cxcywhr", "xyxyxyxy")


def turned_boxes(count: int, seed: int = 0) -> Tensor:
    """Return boxes as `"cxcywhr"`, float64."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(count, 5, generator=generator, dtype=torch.float64)
    return share * torch.tensor([40, 40, 40, 30, 360.0]) + torch.tensor([0, 0, 1, 1, -180.0])


def clipped_area(polygon: list[tuple[float, float]], clip: list[tuple[float, float]]) -> float:
    """Clip one convex polygon by each side of another (Sutherland and Hodgman, 1974), and return its area."""
    for (ax, ay), (bx, by) in zip(clip, clip[1:] + clip[:1], strict=True):
        side = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in polygon]
        kept = []
        for i, (x, y) in enumerate(polygon):
            j = (i + 1) % len(polygon)
            if side[i] >= 0:
                kept.append((x, y))
            if side[i] * side[j] < 0:
                share = side[i] / (side[i] - side[j])
                kept.append((x + share * (polygon[j][0] - x), y + share * (polygon[j][1] - y)))
        polygon = kept
    pairs = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return abs(sum(x * v - u * y for (x, y), (u, v) in pairs)) / 2


@pytest.mark.parametrize("fmt", FORMATS)
def test_rotated_iou_is_that_of_polygons_clipped_one_by_one(fmt):
    first, second = turned_boxes(12), turned_boxes(9, seed=1)
    second[:3] = first[:3]  # the same ones
    second[3] = first[3] + torch.tensor([0, 0, 5, 5, 0.0])  # around it
    corners = [box_convert(boxes, "cxcywhr", "xyxyxyxy").reshape(-1, 4, 2).tolist() for boxes in (first, second)]
    expected = torch.zeros(12, 9, dtype=torch.float64)
    for (i, one), (j, other) in itertools.product(enumerate(corners[0]), enumerate(corners[1])):
        common = clipped_area([tuple(c) for c in one], [tuple(c) for c in other])
        areas = (first[i, 2] * first[i, 3] + second[j, 2] * second[j, 3]).item()
        expected[i, j] = common / (areas - common)
    found = box_iou(*(box_convert(boxes, "cxcywhr", fmt) for boxes in (first, second)), fmt=fmt)
    torch.testing.assert_close(found, expected)
    single = box_iou(*(box_convert(boxes, "cxcywhr", fmt).float() for boxes in (first, second)), fmt=fmt)
    torch.testing.assert_close(single, expected.float(), rtol=1e-4, atol=2e-5)


def test_boxes_that_are_not_turned_have_the_iou_of_plain_ones() -> None:
    boxes = torch.cat((turned_boxes(10)[:, :4], torch.zeros(10, 1)), 1)
    plain = box_convert(boxes[:, :4], "cxcywh", "xyxy")
    torch.testing.assert_close(box_iou(boxes, boxes, fmt="cxcywhr"), box_iou(plain, plain))


def test_gradients_of_the_rotated_iou_are_right() -> None:
    boxes = [turned_boxes(4, seed).requires_grad_() for seed in (2, 3)]
    assert torch.autograd.gradcheck(lambda one, other: box_iou(one, other, fmt="cxcywhr"), boxes)


def test_boxes_without_area_overlap_by_nothing_and_there_may_be_none() -> None:
    point = torch.tensor([[5.0, 5.0, 0.0, 0.0, 30.0]])
    assert box_iou(point, point, fmt="xywhr").item() == 0
    assert box_iou(point[:0], point, fmt="xywhr").shape == (0, 1)


@pytest.mark.parametrize(("in_fmt", "out_fmt"), [*itertools.permutations(FORMATS, 2)])
def test_conversions_go_there_and_back(in_fmt: str, out_fmt: str) -> None:
    boxes = box_convert(turned_boxes(20), "cxcywhr", in_fmt)
    torch.testing.assert_close(box_convert(box_convert(boxes, in_fmt, out_fmt), out_fmt, in_fmt), boxes)


def test_a_box_turns_counter_clockwise_around_its_first_corner() -> None:
    corners = box_convert(torch.tensor([10.0, 20.0, 30.0, 50.0, 90.0]), "xywhr", "xyxyxyxy")
    torch.testing.assert_close(corners, torch.tensor([10.0, 20, 10, -10, 60, -10, 60, 20]))


def test_integers_are_rounded_and_keep_their_type() -> None:
    boxes = torch.tensor([[10, 20, 30, 50, 30]])
    assert box_convert(boxes, "xywhr", "xyxyxyxy").tolist() == [[10, 20, 36, 5, 61, 48, 35, 63]]
    assert box_convert(boxes.int(), "xywhr", "cxcywhr").dtype == torch.int32


def test_rotated_and_plain_formats_are_not_converted_into_each_other() -> None:
    with pytest.raises(NotImplementedError, match="rotated"):
        box_convert(torch.zeros(1, 4), "xyxy", "xywhr")
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 5\)"):
        box_iou(torch.zeros(1, 4), torch.zeros(1, 5), fmt="xywhr")


def test_what_is_no_number_gives_none() -> None:
    boxes = torch.tensor([[math.nan, 0, 1, 1, 0], [0, 0, 1, 1, 0]])
    assert math.isnan(box_iou(boxes[:1], boxes[1:], fmt="xywhr").item())
