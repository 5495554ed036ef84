"""Average precision, against cases that can be counted."""

import sys

import pytest
import torch

from zoo_detection.evaluation import average_precision

BOXES = torch.tensor([[0.0, 0.0, 10.0, 10.0], [20.0, 0.0, 40.0, 10.0], [0.0, 30.0, 10.0, 60.0]])
LABELS = torch.tensor([1, 1, 2])
TARGET = {"boxes": BOXES, "labels": LABELS}


def found(boxes, labels, scores):
    return {"boxes": boxes, "labels": torch.tensor(labels), "scores": torch.tensor(scores)}


def test_perfect_detections_have_a_precision_of_one():
    result = average_precision([found(BOXES, [1, 1, 2], [0.9, 0.2, 0.5])], [TARGET])
    assert result.mean == pytest.approx(1)
    assert result.of_class == pytest.approx({1: 1.0, 2: 1.0})
    assert list(result.at) == pytest.approx([0.5 + 0.05 * step for step in range(10)])


def test_no_detections_have_a_precision_of_zero():
    assert average_precision([found(BOXES[:0], [], [])], [TARGET]).mean == 0


def test_half_of_the_objects_found_is_half_of_the_recalls():
    result = average_precision([found(BOXES[:1], [1], [0.9])], [TARGET])
    assert result.of_class == pytest.approx({1: 51 / 101, 2: 0.0})


def test_wrong_detections_before_right_ones_cost_precision():
    wrong = torch.cat([BOXES[:1] + 500, BOXES[:1]])
    result = average_precision([found(wrong, [1, 1], [0.9, 0.8])], [{"boxes": BOXES[:1], "labels": LABELS[:1]}])
    assert result.mean == pytest.approx(0.5)
    late = average_precision([found(wrong, [1, 1], [0.8, 0.9])], [{"boxes": BOXES[:1], "labels": LABELS[:1]}])
    assert late.mean == pytest.approx(1)


def test_an_object_is_found_once():
    twice = found(BOXES[[0, 0, 1]], [1, 1, 1], [0.9, 0.8, 0.7])
    result = average_precision([twice], [{"boxes": BOXES[:2], "labels": LABELS[:2]}])
    expected = (51 * 1 + 50 * 2 / 3) / 101  # recalls up to a half at precision 1, the others at 2 of 3
    assert result.mean == pytest.approx(expected)


def test_a_class_is_not_found_by_another():
    result = average_precision([found(BOXES, [2, 2, 1], [0.9, 0.8, 0.7])], [TARGET])
    assert result.mean == 0


def test_overlap_decides_at_which_thresholds_a_detection_is_right():
    shifted = BOXES[1:2] + torch.tensor([4.0, 0.0, 4.0, 0.0])  # 16 of 24
    result = average_precision([found(shifted, [1], [0.9])], [{"boxes": BOXES[1:2], "labels": LABELS[1:2]}])
    assert [round(value) for value in result.at.values()] == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    assert result.mean == pytest.approx(0.4)


def test_scores_rank_over_all_images():
    one = {"boxes": BOXES[:1], "labels": LABELS[:1]}
    results = [found(BOXES[:1], [1], [0.6]), found(BOXES[:1] + 500, [1], [0.9])]
    assert average_precision(results, [one, one]).mean == pytest.approx(51 / 101 * 0.5)


def test_only_the_most_probable_are_looked_at():
    result = average_precision([found(BOXES[[2, 0]], [1, 1], [0.9, 0.8])], [TARGET], most=1)
    assert result.of_class[1] == 0


def test_images_without_objects_count_what_is_found_there_as_wrong():
    nothing = {"boxes": BOXES[:0], "labels": LABELS[:0]}
    one = {"boxes": BOXES[:1], "labels": LABELS[:1]}
    results = [found(BOXES[:1], [1], [0.6]), found(BOXES[:1], [1], [0.9])]
    assert average_precision(results, [one, nothing]).mean == pytest.approx(0.5)


def test_masks_are_compared_pixel_by_pixel():
    masks = torch.zeros(2, 10, 10)
    masks[0, :4], masks[1, 2:8] = 1, 1
    target = {"boxes": BOXES[:1], "labels": LABELS[:1], "masks": masks[1:]}
    result = found(BOXES[:1] + 500, [1], [0.9]) | {"masks": 0.8 * masks[1:, None]}
    assert average_precision([result], [target], overlap="masks").mean == pytest.approx(1)
    assert average_precision([result], [target]).mean == 0


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="Expected detections of 1 images, as there are targets, found 0"):
        average_precision([], [TARGET])
    with pytest.raises(ValueError, match="needs true objects, found none"):
        average_precision([], [])


def test_overlap_of_exactly_a_threshold_is_enough():
    box, tall = torch.tensor([[0.0, 0.0, 10.0, 10.0]]), torch.tensor([[0.0, 0.0, 10.0, 7.0]])
    result = average_precision([found(tall, [1], [0.9])], [{"boxes": box, "labels": torch.tensor([1])}])
    assert [result.at[limit] for limit in (0.65, 0.7, 0.75, 0.85)] == pytest.approx([1, 1, 0, 0])


def test_detections_of_one_class_take_no_place_of_another_s():
    boxes = torch.arange(6)[:, None] * 20 + torch.tensor([0.0, 0.0, 10.0, 10.0])
    labels = [1, 1, 1, 1, 2, 2]
    scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    target = {"boxes": boxes, "labels": torch.tensor(labels)}
    result = average_precision([found(boxes, labels, scores)], [target], most=2)
    assert result.of_class == pytest.approx({1: 51 / 101, 2: 1.0})


def test_what_is_found_in_a_crowd_is_neither_right_nor_wrong():
    crowd = torch.tensor([0.0, 100.0, 200.0, 200.0])
    boxes = torch.cat([BOXES, crowd[None]])
    target = {"boxes": boxes, "labels": torch.tensor([1, 1, 2, 1]), "iscrowd": torch.tensor([0, 0, 0, 1])}
    inside = torch.tensor([[10.0, 110.0, 30.0, 130.0], [50.0, 150.0, 80.0, 170.0]])
    several = found(torch.cat([inside, BOXES]), [1, 1, 1, 1, 2], [0.9, 0.8, 0.7, 0.6, 0.5])
    assert average_precision([several], [target]).mean == pytest.approx(1)
    assert average_precision([several], [target | {"iscrowd": torch.zeros(4)}]).of_class[1] < 0.5


def test_small_and_medium_objects_have_numbers_of_their_own_and_large_ones_none_without_any():
    boxes = torch.cat([BOXES[:1], torch.tensor([[100.0, 0.0, 150.0, 50.0]])])
    target = {"boxes": boxes, "labels": torch.tensor([1, 1])}
    numbers = average_precision([found(boxes[1:], [1], [0.9])], [target]).numbers
    assert (numbers["map_small"], numbers["map_medium"]) == (0, pytest.approx(1))
    assert (numbers["mar_1"], numbers["mar_100"], numbers["mar_medium"]) == (0.5, 0.5, 1)
    assert "map_large" not in numbers
    stated = average_precision([found(boxes[1:], [1], [0.9])], [target | {"area": torch.tensor([100.0, 10000.0])}])
    assert stated.numbers["map_large"] == pytest.approx(1)


@pytest.mark.parametrize("count", [17, 4])
def test_keypoints_are_compared_by_their_distance(count):
    points = torch.cat([torch.rand(3, count, 2) * 10, torch.full((3, count, 1), 2.0)], dim=2)
    target = TARGET | {"keypoints": points}
    perfect = found(BOXES, [1, 1, 2], [0.9, 0.8, 0.7]) | {"keypoints": points}
    assert average_precision([perfect], [target], overlap="keypoints").mean == pytest.approx(1)
    far = perfect | {"keypoints": points + 100}
    assert average_precision([far], [target], overlap="keypoints").mean == 0


def test_crowds_alone_are_nothing_to_compare_with():
    with pytest.raises(ValueError, match="needs true objects, found none"):
        average_precision([found(BOXES, [1, 1, 2], [0.9, 0.8, 0.7])], [TARGET | {"iscrowd": torch.ones(3)}])


def test_without_zoo_evaluation_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "zoo_evaluation.metrics", None)
    with pytest.raises(ImportError, match=r"pip install zoo-detection\[evaluation\]"):
        average_precision([], [])
