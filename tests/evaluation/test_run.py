"""One process: known answers, modules and predictors, partial and broken data sets, folders that are continued."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

import zoo_digits
from evaluation.makers_run import NAMES, ReadingPredictor, write_images
from zoo_core import get_model
from zoo_digits import ShuffleNet_V2_X0_5_Digits_Weights
from zoo_evaluation import EvaluationJob, Measured, Record, evaluate, open_dataset
from zoo_evaluation.metrics import wilson

DIGITS = ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1
TASK = "classification"


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path / "images", each=5, wrong=1)


def test_a_model_that_errs_once_in_five_is_right_in_80_per_cent(images):
    record = evaluate(ReadingPredictor(), images, task=TASK)
    assert [(metric.name, metric.value) for metric in record.metrics] == [("acc@1", 80), ("acc@5", 100)]
    assert (record.metrics[0].low, record.metrics[0].high) == pytest.approx([100 * each for each in wilson(16, 20)])
    assert record.per_class == {name: {"acc@1": 80.0, "count": 5} for name in NAMES}
    assert record.protocol["name"] == "images"
    assert record.failures == 0
    assert record.metrics[0].published is None
    assert record.model["name"] == "ReadingPredictor"


def test_classes_are_found_by_name_whatever_their_order(images):
    record = evaluate(ReadingPredictor(NAMES[::-1]), images, task=TASK)
    assert record["acc@1"] == 80
    assert set(record.per_class) == set(NAMES)


def test_an_image_that_cannot_be_read_counts_as_wrong_and_is_told(images):
    (images / "bee" / "4.png").write_bytes(b"no image")
    record = evaluate(ReadingPredictor(), images, task=TASK)
    assert record["acc@1"] == 75
    assert record.failures == 1
    (note,) = record.notes
    assert "1 samples could not be read, and count as wrong" in note
    assert "bee/4.png" in note


def test_a_limited_data_set_is_named_partial_and_not_compared(tmp_path):
    root = write_images(tmp_path / "images", wrong=1)
    (root / "dataset.json").write_text('{"published": "UCI digits, held out"}')
    record = evaluate(ReadingPredictor(), root, task=TASK, limit=5)
    assert "This is a partial data set: 5 of 360 samples." in record.notes
    assert "This is another data set: it has 4 classes, and UCI digits, the 360 that were held out 10." in record.notes
    assert not record.is_whole
    assert not any("published" in text for text in record.summary())


def test_a_value_is_as_published_when_it_is_that_when_rounded():
    record = Record(
        protocol={"name": "p", "version": 1, "title": "P"},
        model={"name": "m", "weights": "W.V", "file": None, "sha256": None},
        dataset={"expected": 360, "samples": 360},
        metrics=tuple(measured(name, value, 99.722) for name, value in (("acc@1", 99.7222), ("acc@5", 99.7226))),
    )
    assert record.summary() == ["acc@1: as published.", "acc@5: not as published."]
    with pytest.raises(KeyError, match=r"'box_map' is not in the record, which has acc@1, acc@5"):
        record["box_map"]


def measured(name, value, published):
    return Measured(name=name, value=value, published=published)


def test_a_network_in_memory_is_evaluated_with_its_weights_entry(tmp_path):
    data = tmp_path / "digits"
    for path in (Path(str(zoo_digits.__file__)).parent / "samples").glob("*.png"):
        (data / path.stem).mkdir(parents=True)
        (data / path.stem / path.name).write_bytes(path.read_bytes())
    network = get_model("shufflenet_v2_x0_5_digits", weights=DIGITS)
    record = evaluate(network, data, weights="ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1", batch_size=4)
    by_name = evaluate("shufflenet_v2_x0_5_digits", data, batch_size=4)
    assert record.metrics == by_name.metrics
    assert record["acc@1"] == 100
    assert record.model["file"] is None
    assert len(record.model["sha256"]) == 64
    with torch.no_grad():
        network.fc.bias += 1
    assert evaluate(network, data, weights=DIGITS).model["sha256"] != record.model["sha256"]


def test_a_network_with_another_number_of_classes_is_refused(images):
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 11))
    for folder, name in zip(sorted(images.iterdir()), ("one", "two", "three", "four"), strict=True):
        folder.rename(images / name)
    with pytest.raises(ValueError, match=r"None of 20 samples .* The model gives 11 classes, and its weights name 10"):
        evaluate(network, images, weights=DIGITS)


def test_a_predictor_that_keeps_too_few_classes_is_refused(images):
    with pytest.raises(ValueError, match="needs a predictor with topk=4, and ReadingPredictor has 1: construct it so"):
        evaluate(ReadingPredictor(topk=1), images, task=TASK)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": nn.ReLU()}, "It is not known what the model is for"),
        ({"model": nn.ReLU(), "task": TASK}, "A network needs weights="),
        ({"model": ReadingPredictor(), "task": "colouring"}, "states the task 'colouring'"),
        ({"model": "resnet50", "limit": 0}, "limit is a number of samples"),
        ({"model": "resnet50", "batch_size": 0}, "batch_size is a number of samples"),
        ({"model": "resnet50", "shard": (1, 2)}, "need an output folder"),
        ({"model": "resnet50", "shard": (3, 2), "output": "x"}, "shard is I/N, with I from 1 to N: found"),
        ({"model": "resnet50", "retry": True}, "there is none"),
        ({"model": "resnet50", "protocol": "imagenet"}, "Did you mean imagenet-1k"),
        ({"model": "resnet51"}, "Did you mean"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_is_refused_at_construction(arguments, message):
    with pytest.raises(ValueError, match=message):
        EvaluationJob(dataset="nowhere", **arguments)


def test_a_run_goes_on_where_it_was_stopped_and_predicts_nothing_twice(images, tmp_path):
    out = tmp_path / "run"
    first, second = ReadingPredictor(), ReadingPredictor()
    evaluate(first, images, task=TASK, output=out, limit=12)
    record = evaluate(second, images, task=TASK, output=out)
    assert (first.calls, second.calls) == (12, 8)
    alone = evaluate(ReadingPredictor(), images, task=TASK, output=tmp_path / "alone")
    assert without_times(out) == without_times(tmp_path / "alone")
    assert Record.from_json(out / "record.json") == record
    assert alone.metrics == record.metrics
    assert "| acc@1 | 80.000 |" in (out / "record.md").read_text()


def test_numbers_computed_again_keep_the_times(images, tmp_path):
    from zoo_evaluation._evaluate import job_of

    evaluate(ReadingPredictor(), images, task=TASK, output=tmp_path / "run")
    before = (tmp_path / "run" / "record.json").read_bytes()
    images.rename(tmp_path / "moved")
    job_of(tmp_path / "run", tmp_path / "moved").recompute()
    assert (tmp_path / "run" / "record.json").read_bytes() == before


def test_rows_of_other_data_or_another_model_are_refused_and_nothing_is_lost(images, tmp_path):
    out = tmp_path / "run"
    evaluate(ReadingPredictor(), images, task=TASK, output=out)
    kept = {path.name: path.read_bytes() for path in out.iterdir()}
    other = write_images(tmp_path / "others", each=4)
    for predictor, data in ((ReadingPredictor(), other), (ReadingPredictor(NAMES[::-1], topk=4), images)):
        predictor.model = nn.Linear(2, 2)
        with pytest.raises(ValueError, match="holds rows that were made by"):
            evaluate(predictor, data, task=TASK, output=out)
        assert {path.name: path.read_bytes() for path in out.iterdir()} == kept


def test_a_broken_image_that_was_mended_is_predicted_when_asked(images, tmp_path):
    path = images / "bee" / "4.png"
    whole = path.read_bytes()
    path.write_bytes(b"no image")
    assert evaluate(ReadingPredictor(), images, task=TASK, output=tmp_path / "run")["acc@1"] == 75
    path.write_bytes(whole)
    assert evaluate(ReadingPredictor(), images, task=TASK, output=tmp_path / "run")["acc@1"] == 75
    predictor = ReadingPredictor()
    record = evaluate(predictor, images, task=TASK, output=tmp_path / "run", retry=True)
    assert (record["acc@1"], record.failures, predictor.calls) == (80, 0, 1)


def test_a_file_that_is_no_record_says_so(tmp_path):
    for text in ("[]", "{}", "no", '{"version": 99}'):
        (tmp_path / "record.json").write_text(text)
        with pytest.raises(ValueError, match=r"record\.json is (not )?a record"):
            Record.from_json(tmp_path / "record.json")


def test_a_data_set_in_memory_is_taken_as_it_is(images):
    assert evaluate(ReadingPredictor(), open_dataset(images).first(6), task=TASK)["acc@1"] == pytest.approx(100 * 4 / 6)


def without_times(folder):
    content = json.loads((folder / "record.json").read_text())
    del content["timing"]
    return json.dumps(content)
