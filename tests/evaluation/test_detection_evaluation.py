"""Detectors on small data sets in COCO's layout: with a set error the numbers are exactly the set ones."""

import contextlib
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest

from evaluation.makers_coco import COCO_PAIR, ReadingDetector, make_coco
from zoo_core import get_model_weights, get_weight, list_models
from zoo_core.prediction import PredictionJob
from zoo_evaluation import EvaluationJob, open_dataset
from zoo_evaluation.datasets import DatasetError
from zoo_evaluation.datasets._coco import COCO_IDS
from zoo_evaluation.protocols import get_protocol, protocol_of
from zoo_evaluation.tasks.detection import DetectionEvaluation

CATEGORIES = tuple(get_weight("FasterRCNN_ResNet50_FPN_Weights.COCO_V1").meta["categories"])
COCO = {number: CATEGORIES[number] for number in COCO_IDS}
FIRST = 1 / (1 + np.spacing(1))


def evaluate(root, detector, *, categories=CATEGORIES, protocol="objects"):
    """Return the evaluation, the rows, and the numbers."""
    evaluation = DetectionEvaluation(open_dataset(root, holds="objects"), get_protocol(protocol), categories)
    rows = []
    for sample in evaluation.dataset:
        inputs = detector.preprocess(detector.read(sample.paths))
        rows.append(evaluation.row(sample, detector.predict([inputs], [sample.name])[0], root))
    return SimpleNamespace(evaluation=evaluation, rows=rows, measures=evaluation.measure(rows, root))


def numbers(found):
    return {metric.name: metric.value for metric in found.measures.metrics}


def test_a_detector_without_errors_has_100_per_cent(tmp_path):
    make_coco(tmp_path, COCO_PAIR)
    found = evaluate(tmp_path, ReadingDetector(CATEGORIES))
    assert numbers(found) == {
        **{f"box_{name}": 100.0 for name in ("map", "map_50", "map_75", "map_small", "mar_10", "mar_100", "mar_small")},
        "box_mar_1": 50.0,  # two objects of a class in each image
    }
    assert found.measures.metrics[0].interval == pytest.approx((100, 100))
    assert found.measures.per_class["person"] == {"box_map": 100, "box_map_50": 100, "box_mar": 100, "count": 16}


def test_an_error_that_is_set_is_measured(tmp_path):
    make_coco(tmp_path, COCO_PAIR)
    found = evaluate(tmp_path, ReadingDetector(CATEGORIES, finds=lambda number: number > 8))  # nothing in 2 of 8 images
    assert numbers(found)["box_map"] == pytest.approx(100 * 76 / 101, rel=1e-12)  # recalls 0.00, 0.01, ..., 0.75
    assert numbers(found)["box_mar_100"] == 75
    low, high = found.measures.metrics[0].interval
    assert low < 100 * 76 / 101 < high


def test_files_of_results_give_the_same_numbers_in_pycocotools(tmp_path):
    from pycocotools.coco import COCO as Truth  # noqa: N811
    from pycocotools.cocoeval import COCOeval

    path = make_coco(tmp_path, COCO_PAIR, keypoints=True)
    detector = ReadingDetector(CATEGORIES, finds=lambda number: number % 5 > 0, masks=True, keypoints=True)
    found = evaluate(tmp_path, detector)
    found.evaluation.finish(found.rows, tmp_path)
    for name, kind in (("box", "bbox"), ("mask", "segm"), ("kp", "keypoints")):
        with contextlib.redirect_stdout(io.StringIO()):
            truth = Truth(str(path))
            reference = COCOeval(truth, truth.loadRes(str(tmp_path / f"results_{kind}.json")), kind)
            reference.evaluate()
            reference.accumulate()
            reference.summarize()
        ours = [value for key, value in numbers(found).items() if key.startswith(f"{name}_")]
        assert sorted(ours) == sorted(100 * value for value in reference.stats if value >= 0)
    assert list(numbers(found))[:3] == ["box_map", "mask_map", "kp_map"]


def test_classes_are_found_by_name_whatever_their_order_and_ids(tmp_path):
    make_coco(tmp_path, {5: "Dog", 6: "traffic_light"}, annotations="mine.json")
    places = {5: CATEGORIES.index("dog"), 6: CATEGORIES.index("traffic light")}
    found = evaluate(tmp_path, ReadingDetector(CATEGORIES, places.__getitem__))
    assert numbers(found)["box_map"] == 100
    assert set(found.measures.per_class) == {"Dog", "traffic_light"}
    assert {one["category_id"] for row in found.rows for one in row["detections"]} == {5, 6}


def test_labels_off_by_one_are_all_wrong_and_other_classes_count_for_nothing(tmp_path):
    make_coco(tmp_path, {1: "person", 2: "bicycle"}, annotations="mine.json")
    found = evaluate(tmp_path, ReadingDetector(CATEGORIES, lambda category: category % 2 + 1))
    assert numbers(found)["box_map"] == 0
    found = evaluate(tmp_path, ReadingDetector(CATEGORIES, lambda category: category + 1))
    assert {one["category"] for row in found.rows for one in row["detections"]} == {"bicycle"}


def test_classes_that_the_model_does_not_know_are_refused(tmp_path):
    make_coco(tmp_path, {1: "person", 2: "unicorn"}, annotations="mine.json")
    with pytest.raises(DatasetError, match="1 of 2 classes that the model does not know: unicorn"):
        evaluate(tmp_path, ReadingDetector(CATEGORIES))


def test_classes_without_objects_need_not_be_known(tmp_path):
    def add(content):
        content["categories"].append({"id": 0, "name": "objects"})

    make_coco(tmp_path, COCO_PAIR, change=add)
    assert numbers(evaluate(tmp_path, ReadingDetector(CATEGORIES)))["box_map"] == 100


def test_a_model_of_people_is_compared_on_people_alone(tmp_path):
    make_coco(tmp_path, COCO, keypoints=True)
    detector = ReadingDetector(("no person", "person"), finds=lambda number: number == 1, keypoints=True)
    found = evaluate(tmp_path, detector, categories=("no person", "person"), protocol="coco-detection")
    assert found.evaluation.dataset.published == "COCO-val2017"
    assert list(found.measures.per_class) == ["person"]
    assert (numbers(found)["box_map"], numbers(found)["kp_map"]) == (100 * FIRST, 100 * FIRST)


def test_images_that_could_not_be_read_have_no_detections(tmp_path):
    make_coco(tmp_path, COCO_PAIR)
    found = evaluate(tmp_path, ReadingDetector(CATEGORIES))
    rows = [{"error": "broken"} if number < 5 else row for number, row in enumerate(found.rows)]  # 4 of 8 with objects
    measures = found.evaluation.measure(rows, tmp_path)
    assert measures.metrics[0].value == pytest.approx(100 * 51 / 101)


def test_another_number_of_keypoints_is_refused(tmp_path):
    def shorten(content):
        for one in content["annotations"]:
            one["keypoints"] = one["keypoints"][:15]

    make_coco(tmp_path, COCO_PAIR, keypoints=True, change=shorten)
    with pytest.raises(DatasetError, match="data set have 5 keypoints, and the model gives 17"):
        evaluate(tmp_path, ReadingDetector(CATEGORIES, keypoints=True))


def test_a_run_compares_with_what_is_published(tmp_path, monkeypatch):
    make_coco(tmp_path / "coco", COCO, number=40)
    detector = ReadingDetector(CATEGORIES, masks=True)
    monkeypatch.setattr(PredictionJob, "load_predictor", lambda job: detector)
    job = EvaluationJob(model="maskrcnn_resnet50_fpn", dataset=tmp_path / "coco", output=tmp_path / "run")
    record = job.run()
    assert job.evaluation.options() == {"min_score": 0.0}
    assert {metric.name: metric.published for metric in record.metrics if metric.published} == {
        "box_map": 37.9,
        "mask_map": 34.6,
    }
    assert record["mask_map"] == pytest.approx(100)
    assert "This is a partial data set: 41 of 5000 samples." in record.notes
    assert set(record.dataset["files"]) == {"instances_val2017.json"}
    written = {path.name for path in (tmp_path / "run").iterdir()}
    assert written >= {"record.json", "results_bbox.json", "results_segm.json"}
    assert len(json.loads((tmp_path / "run/results_segm.json").read_text())) == 160
    again = job.recompute()
    assert again.metrics == record.metrics


def test_every_entry_of_the_detectors_states_metrics_of_the_protocol():
    protocol = protocol_of("COCO-val2017", "detection")
    entries = [entry for name in list_models(module="zoo_detection") for entry in get_model_weights(name)]
    stated = [name for entry in entries for name in entry.meta["_metrics"]["COCO-val2017"]]
    assert set(stated) == set(protocol.metrics)
    assert (stated.count("box_map"), stated.count("mask_map"), stated.count("kp_map")) == (13, 2, 2)
