"""Metrics of label maps and of flow are what their definitions say."""

import math

import numpy as np
import pytest

from zoo_evaluation.metrics import (
    class_ious,
    confusion_matrix,
    end_point_error,
    end_point_errors,
    mean_iou,
    outlier_rate,
    outliers,
    pixel_accuracy,
)


def by_definition(labels, target, classes):
    """Return pixel accuracy, the IoU of each class, and their mean, pixel by pixel."""
    pairs = [(int(p), int(t)) for p, t in zip(labels.flat, target.flat, strict=True) if t != 255]
    accuracy = 100 * sum(p == t for p, t in pairs) / len(pairs)
    found = []
    for c in range(classes):
        union = sum(c in pair for pair in pairs)
        found.append(100 * sum(p == t == c for p, t in pairs) / union if union else math.nan)
    known = [value for value in found if not math.isnan(value)]
    return accuracy, found, sum(known) / len(known)


@pytest.mark.parametrize("seed", range(20))
def test_metrics_of_label_maps_are_those_of_the_definition(seed):
    generator = np.random.default_rng(seed)
    classes = int(generator.integers(1, 7))
    target = generator.integers(0, classes, (9, 11)).astype(np.uint8)
    labels = np.where(generator.random((9, 11)) < 0.6, target, generator.integers(0, classes, (9, 11)))
    target[generator.random((9, 11)) < 0.1] = 255
    matrix = confusion_matrix(labels, target, classes)
    accuracy, found, mean = by_definition(labels, target, classes)
    assert pixel_accuracy(matrix) == pytest.approx(accuracy, abs=1e-12)
    assert class_ious(matrix).tolist() == pytest.approx(found, abs=1e-12, nan_ok=True)
    assert mean_iou(matrix) == pytest.approx(mean, abs=1e-12)


def test_a_class_that_is_neither_there_nor_predicted_does_not_count_for_the_mean():
    matrix = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    assert mean_iou(matrix) == pytest.approx((75 + 80) / 2)
    assert mean_iou(matrix, [0, 2]) == 75
    assert math.isnan(mean_iou(matrix, [2]))
    assert math.isnan(pixel_accuracy(np.zeros((2, 2), dtype=int)))


@pytest.mark.parametrize(
    ("labels", "target", "message"),
    [
        ([[0, 1, 1]], [[0, 1]], r"shape of the true ones, \(1, 2\), found \(1, 3\)"),
        ([[0, 1]], [[0, 3]], "a true one is 3"),
        ([[0, 3]], [[0, 1]], "a predicted one is 3"),
        ([[0, -1]], [[0, 1]], "a predicted one is -1"),
    ],
)
def test_label_maps_that_do_not_fit_are_refused(labels, target, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(np.array(labels), np.array(target), 3)


@pytest.mark.parametrize("seed", range(20))
def test_metrics_of_flow_are_those_of_the_definition(seed):
    generator = np.random.default_rng(seed)
    flow, target = generator.normal(0, 3, (2, 2, 6, 7)) + generator.normal(0, 60, (2, 1, 1, 1))
    flow = target + generator.normal(0, 4, (2, 6, 7))
    valid = generator.random((6, 7)) < 0.8
    errors, wrong = [], []
    for y in range(6):
        for x in range(7):
            if valid[y, x]:
                error = math.dist(flow[:, y, x], target[:, y, x])
                errors.append(error)
                wrong.append(error > 3 and error > 0.05 * math.hypot(*target[:, y, x]))
    assert end_point_errors(flow, target, valid).tolist() == pytest.approx(errors)
    assert outliers(flow, target, valid).tolist() == wrong
    assert end_point_error(flow, target, valid) == pytest.approx(sum(errors) / len(errors))
    assert outlier_rate(flow, target, valid) == pytest.approx(100 * sum(wrong) / len(wrong))


def test_a_pixel_is_an_outlier_only_beyond_three_pixels_and_five_per_cent():
    target = np.array([[[100.0, 100.0, 0.0, 0.0]], [[0.0, 0.0, 0.0, 0.0]]])
    errors = np.array([[[5.0, 5.01, 3.0, 3.01]], [[0.0, 0.0, 0.0, 0.0]]])
    assert outliers(target + errors, target).tolist() == [False, True, False, True]


def test_no_valid_pixel_gives_no_number():
    flow, nowhere = np.zeros((2, 3, 4)), np.zeros((3, 4), dtype=bool)
    assert math.isnan(end_point_error(flow, flow, nowhere))
    assert math.isnan(outlier_rate(flow, flow, nowhere))


@pytest.mark.parametrize(
    ("flow", "valid", "message"),
    [
        (np.zeros((2, 3, 5)), None, "same shape"),
        (np.zeros((3, 4)), None, "same shape"),
        (np.zeros((2, 3, 4)), np.ones((3, 4)), "valid should be booleans"),
        (np.zeros((2, 3, 4)), np.ones((4, 3), dtype=bool), "valid should be booleans"),
    ],
)
def test_flow_of_another_shape_is_refused(flow, valid, message):
    with pytest.raises(ValueError, match=message):
        end_point_errors(flow, np.zeros((2, 3, 4)), valid)
