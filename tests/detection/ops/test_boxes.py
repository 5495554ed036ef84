"""Boxes one by one, pairs of boxes, and the losses."""

import math
from fractions import Fraction

import pytest
import torch

from zoo_detection.ops import (
    box_area,
    box_convert,
    box_iou,
    clip_boxes_to_image,
    complete_box_iou,
    complete_box_iou_loss,
    distance_box_iou,
    distance_box_iou_loss,
    generalized_box_iou,
    generalized_box_iou_loss,
    masks_to_boxes,
    remove_small_boxes,
    sigmoid_focal_loss,
)

FIRST = [(0, 0, 10, 10), (5, 5, 8, 20), (-4, -4, -1, -1)]
SECOND = [(0, 0, 10, 10), (2, 1, 9, 4), (30, 5, 40, 9), (-4, -4, 30, 30)]


def tensor(boxes) -> torch.Tensor:
    return torch.tensor(boxes, dtype=torch.float64)


def exact_iou(first, second) -> tuple[Fraction, int, int]:
    """Return intersection over union, union, and area of the hull."""
    (a_left, a_top, a_right, a_bottom), (b_left, b_top, b_right, b_bottom) = first, second
    inner = max(0, min(a_right, b_right) - max(a_left, b_left)) * max(0, min(a_bottom, b_bottom) - max(a_top, b_top))
    union = (a_right - a_left) * (a_bottom - a_top) + (b_right - b_left) * (b_bottom - b_top) - inner
    return (
        Fraction(inner, union),
        union,
        (max(a_right, b_right) - min(a_left, b_left)) * (max(a_bottom, b_bottom) - min(a_top, b_top)),
    )


def exact_generalized(first, second) -> float:
    iou, union, hull = exact_iou(first, second)
    return float(iou - Fraction(hull - union, hull))


def exact_distance(first, second) -> float:
    (a_left, a_top, a_right, a_bottom), (b_left, b_top, b_right, b_bottom) = first, second
    distance = Fraction((a_left + a_right - b_left - b_right) ** 2 + (a_top + a_bottom - b_top - b_bottom) ** 2, 4)
    diagonal = (max(a_right, b_right) - min(a_left, b_left)) ** 2 + (max(a_bottom, b_bottom) - min(a_top, b_top)) ** 2
    return float(exact_iou(first, second)[0] - distance / diagonal)


def exact_complete(first, second) -> float:
    angles = [math.atan2(x2 - x1, y2 - y1) for x1, y1, x2, y2 in (first, second)]
    v = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    iou = float(exact_iou(first, second)[0])
    alpha = v / (1 - iou + v) if v else 0.0
    return exact_distance(first, second) - alpha * v


PAIRWISE = [
    (box_iou, None, lambda first, second: float(exact_iou(first, second)[0])),
    (generalized_box_iou, generalized_box_iou_loss, exact_generalized),
    (distance_box_iou, distance_box_iou_loss, exact_distance),
    (complete_box_iou, complete_box_iou_loss, exact_complete),
]


@pytest.mark.parametrize(("function", "loss", "exact"), PAIRWISE, ids=lambda value: getattr(value, "__name__", ""))
def test_every_pair_has_the_value_of_its_definition(function, loss, exact):
    expected = tensor([[exact(first, second) for second in SECOND] for first in FIRST])
    torch.testing.assert_close(function(tensor(FIRST), tensor(SECOND)), expected)
    torch.testing.assert_close(function(torch.tensor(FIRST), torch.tensor(SECOND)), expected.float())
    torch.testing.assert_close(function(tensor(FIRST).half(), tensor(SECOND).half()), expected.float())


@pytest.mark.parametrize(("function", "loss", "exact"), PAIRWISE[1:], ids=lambda value: getattr(value, "__name__", ""))
def test_losses_are_one_minus_the_value(function, loss, exact):
    expected = tensor([1 - exact(first, second) for first, second in zip(FIRST, SECOND, strict=False)])
    found = loss(tensor(FIRST), tensor(SECOND)[:3])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(loss(tensor(FIRST), tensor(SECOND)[:3], reduction="sum"), found.sum())
    torch.testing.assert_close(loss(tensor(FIRST), tensor(SECOND)[:3], reduction="mean"), found.mean())


@pytest.mark.parametrize("loss", [loss for _, loss, _ in PAIRWISE[1:]])
def test_the_mean_loss_of_nothing_is_zero_and_differentiable(loss):
    boxes = torch.zeros(0, 4, requires_grad=True)
    loss(boxes, boxes, reduction="mean").backward()
    assert boxes.grad is not None


@pytest.mark.parametrize("loss", [loss for _, loss, _ in PAIRWISE[1:]])
def test_losses_of_boxes_without_area_are_finite(loss):
    boxes = torch.tensor([[1.0, 1.0, 1.0, 3.0], [0.0, 0.0, 2.0, 2.0]])
    assert loss(boxes, boxes + 1).isfinite().all()


def test_points_have_no_shape_that_could_differ():
    points = torch.tensor([[3.0, 3.0, 3.0, 3.0], [9.0, 9.0, 9.0, 9.0]], requires_grad=True)
    boxes = torch.tensor([[0.0, 0.0, 6.0, 6.0], [0.0, 0.0, 6.0, 0.0]])
    loss = complete_box_iou_loss(points, boxes)
    loss.sum().backward()
    assert loss.isfinite().all()
    assert points.grad.isfinite().all()
    assert complete_box_iou(points, boxes[:1]).max() <= 1


def test_a_better_box_has_a_smaller_complete_loss_along_its_gradient():
    target = torch.tensor([[10.0, 10.0, 30.0, 40.0]])
    boxes = torch.tensor([[60.0, 15.0, 70.0, 20.0]], requires_grad=True)
    for _ in range(400):
        (gradient,) = torch.autograd.grad(complete_box_iou_loss(boxes, target).sum(), boxes)
        boxes = (boxes - gradient * 20).detach().requires_grad_()
    assert box_iou(boxes, target) > 0.8


def test_leading_dimensions_of_iou_are_kept():
    first, second = tensor(FIRST).expand(2, 5, 3, 4), tensor(SECOND).expand(2, 5, 4, 4)
    assert torch.equal(box_iou(first, second)[1, 3], box_iou(first[1, 3], second[1, 3]))


@pytest.mark.parametrize("fmt", ["xywh", "cxcywh"])
def test_iou_and_area_of_other_formats(fmt):
    first, second = (box_convert(tensor(boxes), "xyxy", fmt) for boxes in (FIRST, SECOND))
    torch.testing.assert_close(box_iou(first, second, fmt=fmt), box_iou(tensor(FIRST), tensor(SECOND)))
    torch.testing.assert_close(box_area(first, fmt), box_area(tensor(FIRST)))


@pytest.mark.parametrize("out_fmt", ["xyxy", "xywh", "cxcywh"])
@pytest.mark.parametrize("in_fmt", ["xyxy", "xywh", "cxcywh"])
def test_formats_convert_into_each_other(in_fmt, out_fmt):
    same = {"xyxy": (10, 20, 16, 24), "xywh": (10, 20, 6, 4), "cxcywh": (13, 22, 6, 4)}
    assert box_convert(tensor(same[in_fmt]), in_fmt, out_fmt).tolist() == list(same[out_fmt])


def test_halves_of_integers_are_kept():
    assert box_convert(torch.tensor([0, 0, 3, 5]), "xyxy", "cxcywh").tolist() == [1.5, 2.5, 3.0, 5.0]


def test_areas_of_narrow_types_do_not_overflow():
    assert box_area(torch.tensor([[0, 0, 200, 200]], dtype=torch.uint8)).tolist() == [40000]
    assert box_area(torch.tensor([[0.0, 0.0, 1000.0, 1000.0]], dtype=torch.float16)).tolist() == [1e6]


def test_boxes_are_clipped_to_height_and_width():
    clipped = clip_boxes_to_image(tensor([[-5, -6, 50, 60], [1, 2, 3, 4], [90, 90, 95, 99]]), (30, 40))
    assert clipped.tolist() == [[0, 0, 40, 30], [1, 2, 3, 4], [40, 30, 40, 30]]


def test_boxes_of_exactly_the_least_size_stay():
    boxes = tensor([[0, 0, 3, 3], [0, 0, 2.9, 9], [0, 0, 9, 2.9], [5, 5, 4, 4]])
    assert remove_small_boxes(boxes, 3).tolist() == [0]


def test_masks_are_enclosed_from_first_to_last_pixel():
    masks = torch.zeros(4, 6, 8, dtype=torch.bool)
    masks[0, 1, 2] = masks[0, 4, 6] = True
    masks[1] = True
    masks[2, 5, 7] = True
    assert masks_to_boxes(masks).tolist() == [[2, 1, 6, 4], [0, 0, 7, 5], [7, 5, 7, 5], [0, 0, 0, 0]]
    assert masks_to_boxes(masks[:0]).shape == (0, 4)


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2), (0.5, 0), (-1, 1.5), (1, 3)])
def test_the_focal_loss_is_that_of_its_equation(alpha, gamma):
    logits, targets = torch.tensor([-2.0, 0.5, 3.0, -1.0]), torch.tensor([0.0, 1.0, 0.0, 1.0])
    expected = []
    for logit, target in zip(logits.tolist(), targets.tolist(), strict=True):
        p = 1 / (1 + math.exp(-logit))
        p_t, weight = (p, alpha) if target else (1 - p, 1 - alpha)
        expected.append((weight if alpha >= 0 else 1) * -((1 - p_t) ** gamma) * math.log(p_t))
    torch.testing.assert_close(sigmoid_focal_loss(logits, targets, alpha, gamma), torch.tensor(expected))


def test_the_focal_loss_of_certain_mistakes_is_finite():
    assert sigmoid_focal_loss(torch.tensor([1e4, -1e4]), torch.tensor([0.0, 1.0])).isfinite().all()


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: box_area(torch.zeros(3, 5)), r"found \(3, 5\)"),
        (lambda: box_area(torch.zeros(3, 4), "yxyx"), "fmt should be one of xyxy, xywh, cxcywh, found 'yxyx'"),
        (lambda: box_convert(torch.zeros(4), "xyxy", "corners"), "out_fmt .* found 'corners'"),
        (lambda: masks_to_boxes(torch.zeros(3, 4)), r"\(N, H, W\), found \(3, 4\)"),
        (lambda: sigmoid_focal_loss(torch.zeros(1), torch.zeros(1), reduction="max"), "'max'"),
        (lambda: sigmoid_focal_loss(torch.zeros(1), torch.zeros(1), alpha=2), "alpha"),
        (lambda: generalized_box_iou_loss(torch.zeros(1, 4), torch.zeros(1, 4), "average"), "'average'"),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()
