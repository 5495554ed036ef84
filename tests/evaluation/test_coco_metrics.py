"""COCO's numbers, against pycocotools: exactly the same."""

import contextlib
import copy
import io
import math

import numpy as np
import pytest

from evaluation.coco_cases import random_case
from zoo_evaluation.metrics import coco_metrics

KINDS = ["bbox", "segm", "keypoints"]


def reference(truth, results, kind):
    """Return what pycocotools computes."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, results = copy.deepcopy((truth, results))
    with contextlib.redirect_stdout(io.StringIO()):
        expected = COCO()
        expected.dataset = truth
        expected.createIndex()
        evaluation = COCOeval(expected, expected.loadRes(results), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def check(kind, seeds):
    for seed in seeds:
        truth, results = random_case(seed, kind)
        theirs = reference(truth, results, kind)
        ours = coco_metrics(truth, results, kind)
        assert list(ours.numbers.values()) == theirs.stats.tolist(), seed
        np.testing.assert_array_equal(ours.precision, theirs.eval["precision"])
        np.testing.assert_array_equal(ours.recall, theirs.eval["recall"])


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_pycocotools_exactly(kind):
    check(kind, range(12))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_pycocotools_exactly_in_300_cases(kind):
    check(kind, range(300))


@pytest.mark.parametrize("kind", KINDS)
def test_matches_give_the_same_precision_as_the_library(kind):
    for seed in range(30):
        truth, results = random_case(seed, kind)
        metrics = coco_metrics(truth, results, kind)
        again = metrics.matches.average_precision(np.ones(len(truth["images"])))
        assert again == pytest.approx(metrics.numbers["map"], abs=1e-9) or (
            math.isnan(again) and metrics.numbers["map"] == -1
        ), seed


IMAGE = {"id": 4, "height": 100, "width": 100}
TRUTH = {"id": 1, "image_id": 4, "category_id": 3, "bbox": [0, 0, 40, 40], "area": 1600, "iscrowd": 0}
FOUND = {"image_id": 4, "category_id": 3, "bbox": [0, 0, 40, 40], "score": 0.9}


def data(*annotations):
    return {"images": [IMAGE], "annotations": list(annotations), "categories": [{"id": 3, "name": "cat"}]}


def test_ids_of_0_and_ids_given_twice_count_as_any_other():
    other = TRUTH | {"bbox": [50, 50, 40, 40]}
    found = [FOUND, FOUND | {"bbox": [50, 50, 40, 40]}]
    for number in (0, 1):
        metrics = coco_metrics(data(TRUTH | {"id": number}, other | {"id": number}), found)
        assert metrics.numbers["map"] == 1


def test_a_mask_s_area_is_its_own():
    truth = data(TRUTH | {"segmentation": [[0, 0, 10, 0, 10, 10, 0, 10]], "area": 100})
    masks = [
        {"size": [100, 100], "counts": [0, 10, *[90, 10] * 9, 9090]},
        {"size": [100, 100], "counts": [5000, 10, *[90, 10] * 9, 4090]},  # nowhere near, and as small
    ]
    given = [{"image_id": 4, "category_id": 3, "score": score} for score in (0.5, 0.9)]
    found = [one | {"segmentation": mask, "bbox": [0, 0, 99, 99]} for one, mask in zip(given, masks, strict=True)]
    assert coco_metrics(truth, found, "segm").numbers["map_small"] == pytest.approx(0.5)


def test_what_is_given_is_not_written_into():
    truth, results = random_case(3, "segm")
    before = copy.deepcopy((truth, results))
    coco_metrics(truth, results, "segm")
    assert (truth, results) == before


def test_without_objects_or_results_there_is_no_number_or_none_right():
    assert set(coco_metrics(data(), [FOUND]).numbers.values()) == {-1}
    assert math.isnan(coco_metrics(data(), [FOUND]).interval()[0])
    assert coco_metrics(data(TRUTH), []).numbers["map"] == 0
    assert coco_metrics(data(TRUTH), []).interval() == (0, 0)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (FOUND | {"image_id": 5}, "results of image 5, which is not among the 1 images"),
        (FOUND | {"score": float("nan")}, "has a score of nan"),
        (
            {"image_id": 4, "category_id": 3, "score": 0.5},
            "needs image_id, category_id, score, bbox .* 'bbox' is missing",
        ),
    ],
)
def test_results_that_cannot_be_compared_are_refused(result, message):
    with pytest.raises(ValueError, match=message):
        coco_metrics(data(TRUTH), [result])


def test_the_interval_is_wide_for_few_images_and_narrow_for_many():
    widths = []
    for count in (10, 1000):
        images = [IMAGE | {"id": number} for number in range(1, count + 1)]
        truth = {"images": images, "annotations": [TRUTH | {"image_id": image["id"]} for image in images]}
        truth["categories"] = [{"id": 3}]
        found = [FOUND | {"image_id": image["id"], "score": 1 / image["id"]} for image in images if image["id"] % 2]
        low, high = coco_metrics(truth, found).interval()
        assert low < 0.5 < high + 0.02  # half of them found, at full precision
        widths.append(high - low)
    # The share of images that are found has a standard error of 0.5 / sqrt(n).
    assert widths == pytest.approx([2 * 1.96 * 0.5 / math.sqrt(count) for count in (10, 1000)], rel=0.25)
