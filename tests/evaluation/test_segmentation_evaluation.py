"""Evaluation of label maps: a model of a known error has exactly that error, and nothing goes wrong in silence."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from evaluation.makers_pixels import VOC, ClassReader, box, coco, label_maps, save_labels, use_model, voc
from zoo_core._registry import get_model_weights, list_models, task_of
from zoo_evaluation import EvaluationJob, evaluate, get_protocol, protocol_of
from zoo_evaluation.datasets import DatasetError

MODEL = "fcn_resnet50"
SIDE = 520
PERSON, DOG = VOC.index("person"), VOC.index("dog")


@pytest.fixture(autouse=True)
def _reader(monkeypatch):
    use_model(monkeypatch, ClassReader())


def filled(label, height=12, width=16):
    return np.full((height, width), label)


def test_a_known_error_on_coco_is_measured_exactly(tmp_path):
    predicted = np.zeros((SIDE, SIDE), dtype=int)
    predicted[100:300, 50:125] = PERSON  # of the 100 columns that are true
    objects = [{"category_id": 1, "segmentation": box(50, 100, 100, 200)}]
    record = evaluate(MODEL, coco(tmp_path / "coco", {"a.png": (predicted, objects)}), output=tmp_path / "run")
    pixels = SIDE * SIDE
    assert record.protocol["name"] == "coco-voc-segmentation"
    assert record["pixel_acc"] == pytest.approx(100 * (pixels - 5000) / pixels, abs=1e-9)
    background, person = 100 * (pixels - 20000) / (pixels - 15000), 75.0
    assert record["miou"] == pytest.approx((background + person) / 2, abs=1e-9)
    assert record.per_class["person"] == {"iou": person, "pixels": 20000}
    assert [metric.published for metric in record.metrics] == [91.4, 60.5]
    assert any("1 of 5000" in note for note in record.notes)


def test_coco_is_compared_where_the_shorter_side_has_520_pixels(tmp_path):
    root = coco(tmp_path / "coco", {"a.png": (filled(0, 260, 400), [])})
    evaluate(MODEL, root, output=tmp_path / "run")
    with Image.open(tmp_path / "run" / "label-maps" / "a.png") as labels:
        assert (labels.size, labels.mode) == ((800, 520), "P")


def test_pixels_of_two_objects_do_not_count_on_coco(tmp_path):
    objects = [{"category_id": 1, "segmentation": box(0, 0, SIDE, SIDE)}] * 2
    objects += [{"category_id": 18, "segmentation": box(0, 0, 100, SIDE)}]
    root = coco(tmp_path, {"a.png": (filled(3, SIDE, SIDE), objects), "b.png": (filled(0, SIDE, SIDE), [])})
    assert evaluate(MODEL, root)["pixel_acc"] == 100


def test_a_known_error_on_voc_is_measured_exactly(tmp_path):
    true = filled(PERSON)
    true[0] = DOG  # a row of 16 is wrong
    true[-1] = 255
    root = voc(tmp_path, {"a": (filled(PERSON), true), "b": (filled(0), filled(0))})
    record = evaluate(MODEL, root)
    assert record.protocol["name"] == "voc-segmentation"
    assert record["pixel_acc"] == pytest.approx(100 * (10 + 12) / (11 + 12), abs=1e-9)
    assert record["miou"] == pytest.approx((100 + 100 * 10 / 11 + 0) / 3, abs=1e-9)


def test_classes_are_found_by_name_whatever_their_order(tmp_path):
    names = ["person", "background", "dog"]
    images = {"a": (filled(PERSON), filled(0)), "b": (filled(0), filled(1)), "c": (filled(PERSON), filled(2))}
    record = evaluate(MODEL, label_maps(tmp_path, images, names))
    assert record.protocol["name"] == "label-maps"
    assert record["pixel_acc"] == pytest.approx(200 / 3)
    assert record["miou"] == pytest.approx((100 + 50 + 0) / 3)


def test_classes_that_the_model_does_not_know_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="1 of 2 classes that the model does not know: unicorn"):
        evaluate(MODEL, label_maps(tmp_path, {"a": (filled(0), filled(0))}, ["person", "unicorn"]))


def test_the_pixels_of_an_image_that_cannot_be_read_are_wrong(tmp_path):
    root = label_maps(
        tmp_path, {"a": (filled(0), filled(0)), "b": (filled(0), filled(0)), "c": (filled(0), filled(255))}
    )
    (root / "images" / "b.png").write_bytes(b"nothing")
    record = evaluate(MODEL, root)
    assert (record["pixel_acc"], record["miou"], record.failures) == (50, 50, 1)
    assert any("count as wrong" in note and "b.png" in note for note in record.notes)


def test_an_image_of_another_size_than_its_outlines_is_told_and_wrong(tmp_path):
    root = coco(tmp_path, {"a.png": (filled(0, SIDE, SIDE), []), "b.png": (filled(0, SIDE, SIDE), [])})
    Image.new("RGB", (540, SIDE)).save(root / "val2017" / "b.png")
    record = evaluate(MODEL, root)
    assert (record["pixel_acc"], record.failures) == (50, 1)
    assert any("540 x 520 pixels, and the true one 520 x 520" in note for note in record.notes)


def predicted(folder, root, *classes):
    """Return an evaluation of label maps, and rows as if the model had predicted one class all over each image."""
    evaluation = EvaluationJob(model=MODEL, dataset=root).evaluation
    for sample, label in zip(evaluation.dataset, classes, strict=True):
        save_labels(folder / evaluation.file_of(sample), filled(label))
    return evaluation, [{"label_map": evaluation.file_of(sample)} for sample in evaluation.dataset]


def test_the_interval_is_that_of_images_drawn_again(tmp_path):
    images = {f"{n:02d}": (filled(0), filled(0 if n % 4 else PERSON)) for n in range(40)}
    evaluation, rows = predicted(tmp_path, label_maps(tmp_path / "data", images), *[0] * 40)
    accuracy, miou = evaluation.measure(rows, tmp_path).metrics
    assert (accuracy.name, accuracy.value) == ("pixel_acc", 75)
    half = 1.96 * 100 * (0.75 * 0.25 / 40) ** 0.5
    assert accuracy.interval == pytest.approx((75 - half, 75 + half), abs=4)
    assert miou.interval == pytest.approx([bound / 2 for bound in accuracy.interval], abs=1e-6)


def test_numbers_come_from_the_files(tmp_path):
    root = label_maps(tmp_path / "data", {"a": (filled(0), filled(0)), "b": (filled(0), filled(0))})
    job = EvaluationJob(model=MODEL, dataset=root, output=tmp_path / "run")
    assert job.run()["pixel_acc"] == 100
    content = json.loads((tmp_path / "run" / "confusion.json").read_text())
    assert content["categories"] == VOC
    assert content["matrix"][0] == [2 * 12 * 16] + [0] * 20
    save_labels(tmp_path / "run" / "label-maps" / "b.png", filled(PERSON))
    assert job.recompute()["pixel_acc"] == 50
    again = EvaluationJob(model=MODEL, dataset=root, output=tmp_path / "run").recompute()
    assert again["pixel_acc"] == 50


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "b.png is missing"),
        (lambda path: save_labels(path, filled(0, 3, 3)), "does not fit its image: .* found \\(3, 3\\)"),
        (lambda path: save_labels(path, filled(21)), "a predicted one is 21"),
        (lambda path: path.write_bytes(path.read_bytes()[:50]), "does not fit its image: .* cannot be read"),
    ],
)
def test_a_predicted_label_map_that_is_missing_or_damaged_is_refused(tmp_path, spoil, message):
    root = label_maps(tmp_path / "data", {"a": (filled(0), filled(0)), "b": (filled(0), filled(0))})
    evaluation, rows = predicted(tmp_path, root, 0, 0)
    spoil(tmp_path / "label-maps" / "b.png")
    with pytest.raises(ValueError, match=message):
        evaluation.measure(rows, tmp_path)


def test_a_protocol_refuses_a_model_whose_input_has_another_size(tmp_path):
    protocol = get_protocol("coco-voc-segmentation")
    smaller = replace(protocol, settings={**protocol.settings, "resize_size": 256})
    root = coco(tmp_path, {"a.png": (filled(0, SIDE, SIDE), [])})
    with pytest.raises(ValueError, match="has 256 pixels, and this model's input has 520 x 520: choose"):
        evaluate(MODEL, root, protocol=smaller)


@pytest.mark.parametrize("model", [name for name in list_models() if task_of(name).name == "segmentation"])
def test_each_published_number_has_its_protocol(model):
    for entry in get_model_weights(model):
        for dataset, metrics in entry.meta["_metrics"].items():
            protocol = protocol_of(dataset, "segmentation")
            assert set(metrics) == set(protocol.metrics)
            assert protocol.reproducible
            assert entry.transforms().resize_size == [protocol.settings["resize_size"]]


def test_the_protocol_on_coco_is_of_all_5000_images():
    assert get_protocol("coco-voc-segmentation").count == 5000
