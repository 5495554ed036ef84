"""An exported file as a model: found by its path, with the same predictions and figures as the model itself."""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import zoo_digits
from zoo_core import embed, get_model, get_weight, load_predictor, predict, task_of
from zoo_core.prediction import PredictionJob
from zoo_evaluation import evaluate
from zoo_export import ExportError, export

from .makers import DIGITS, TinyNetwork

SAMPLES = Path(str(zoo_digits.__file__)).parent / "samples"


def test_predictions_are_those_of_the_model(digits_file):
    sources = [SAMPLES / "seven.png", SAMPLES / "three.png"]
    found, expected = predict(sources, model=str(digits_file), topk=2), predict(sources, model=DIGITS, topk=2)
    for one, other in zip(found, expected, strict=True):
        assert type(one) is type(other)
        assert [label.label for label in one.top] == [label.label for label in other.top]
        assert [label.score for label in one.top] == pytest.approx([label.score for label in other.top], abs=1e-3)


def test_what_a_file_is_for_is_known_without_torch(digits_file):
    code = (
        "import sys; from zoo_core.prediction import PredictionJob;"
        "job = PredictionJob(sources='.', model=sys.argv[1]); print(job.task.name, len(job.entry.meta['categories']));"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, str(digits_file)], capture_output=True, text=True, check=True)
    assert done.stdout == "classification 10\n"


def test_a_file_is_evaluated_as_the_model_is(digits_file, tmp_path):
    for name in ("two", "nine"):
        (tmp_path / "data" / name).mkdir(parents=True)
        shutil.copy(SAMPLES / f"{name}.png", tmp_path / "data" / name)
    record = evaluate(str(digits_file), tmp_path / "data", output=tmp_path / "run")
    assert record["acc@1"] == 100
    assert record.model["weights"] == str(digits_file)


def test_rows_are_continued_with_the_same_file_only(digits_file, tmp_path):
    path = tmp_path / "model.pt2"
    shutil.copy(digits_file, path)
    told = PredictionJob(sources=SAMPLES, model=str(path)).made_by
    path.write_bytes(path.read_bytes() + b"\0")
    assert PredictionJob(sources=SAMPLES, model=str(path)).made_by != told


def test_a_file_has_no_features(digits_file):
    with pytest.raises(ValueError, match="gives scores alone, as exported files do"):
        embed(SAMPLES, model=str(digits_file))


def test_a_batch_of_one_length_is_kept_to(tmp_path):
    path = tmp_path / "one.pt2"
    export(DIGITS, "pt2", path, network=TinyNetwork(), fixed=["batch"], certificate=False)
    network = get_model(str(path))
    pictures = torch.randint(0, 256, (3, 3, 20, 30), dtype=torch.uint8)
    with torch.no_grad():
        together, alone = network(pictures), torch.cat([network(each[None]) for each in pictures])
    torch.testing.assert_close(together, alone)


def test_pictures_of_another_size_than_the_file_takes_are_failures(tmp_path):
    path = tmp_path / "sized.pt2"
    export(DIGITS, "pt2", path, network=TinyNetwork(), size=(20, 30), certificate=False)
    (prediction,) = load_predictor(str(path))(SAMPLES / "two.png")
    assert "takes pictures that are 20 pixels high" in str(prediction)


def test_a_raw_file_is_given_what_the_preset_makes(tmp_path):
    path, network = tmp_path / "raw.pt2", TinyNetwork().eval()
    export(DIGITS, "pt2", path, network=network, raw=True, certificate=False)
    entry = get_weight(str(path))
    assert entry.transforms().crop_size == [64]
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(get_model(str(path))(images), network(images))


def test_an_entry_of_a_file_has_what_is_published_of_the_weights(digits_file):
    entry = get_weight(str(digits_file))
    published = get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT")
    assert entry.meta["_metrics"] == published.meta["_metrics"]
    assert pickle.loads(pickle.dumps(entry)).file == entry.file
    assert entry.size == digits_file.stat().st_size


def test_a_file_without_its_weights_is_no_model(digits_file):
    with pytest.raises(ExportError, match="comes with its weights"):
        get_model(str(digits_file), weights=None)


@pytest.mark.parametrize("name", ["nothing.onnx", "folder/nothing.pt2", "./nothing.xml"])
def test_a_file_that_is_not_there_is_told(name):
    with pytest.raises(FileNotFoundError, match="expected a file that `zoo export` has written"):
        task_of(name)
