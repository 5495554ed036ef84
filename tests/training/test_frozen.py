"""Classifiers of frozen networks, trained on features that are computed once."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from zoo_classification import resnet18, squeezenet1_1
from zoo_core import get_model_weights
from zoo_evaluation import EvaluationJob, open_dataset
from zoo_evaluation.datasets import DatasetError
from zoo_training import _head, train
from zoo_training._feature_file import FeatureFile
from zoo_training._frozen import FrozenNetwork, content_digest, features_of, views_of
from zoo_training._recipe import Recipe

MODEL = "shufflenet_v2_x0_5_digits"
CLASSES = {"dark": 40, "light": 200}
RECIPE = {"freeze": "head", "epochs": 3, "batch_size": 4, "lr": 0.01}


@pytest.fixture
def photos(tmp_path):
    """Grey images of two classes, eight to train on and four to validate with."""
    chance = np.random.default_rng(0)
    for part, count in (("train", 4), ("val", 2)):
        for name, level in CLASSES.items():
            folder = tmp_path / "photos" / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.clip(level + chance.normal(0, 20, (40, 50, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "photos"


def run_on(photos, folder, **changes):
    resume = changes.pop("resume", False)
    return train(MODEL, photos, RECIPE | changes, output=folder, workers=0, resume=resume)


def weights_of(run):
    return load_file(run.folder / "model.safetensors")


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_only_the_classifier_changes(photos, tmp_path):
    trained = weights_of(run_on(photos, tmp_path / "run"))
    before = get_model_weights(MODEL).DEFAULT.get_state_dict()
    changed = {name for name in trained if name in before and not torch.equal(trained[name], before[name])}
    assert changed == {"fc.weight", "fc.bias"}


def test_numbers_on_features_are_those_of_the_whole_network(photos, tmp_path):
    run = run_on(photos, tmp_path / "run")
    record = EvaluationJob(model=run.name, dataset=photos / "val", workers=0).run()
    assert run.metrics["acc@1"] == record["acc@1"] == max(row["metrics"]["acc@1"] for row in run.epochs)


def test_classes_are_learnt(photos, tmp_path):
    assert run_on(photos, tmp_path / "run", epochs=30).metrics["acc@1"] == 100


def test_features_go_when_the_run_is_done(photos, tmp_path):
    folder = run_on(photos, tmp_path / "run").folder
    assert not (folder / _head.FEATURES).exists()


@pytest.mark.parametrize("views", [1, 3])
def test_a_stopped_run_ends_with_the_same_weights(photos, tmp_path, views, monkeypatch):
    whole = run_on(photos, tmp_path / "whole", views=views)

    class StoppedError(Exception):
        pass

    def stop(row):
        raise StoppedError

    with pytest.raises(StoppedError):
        train(MODEL, photos, RECIPE | {"views": views}, output=tmp_path / "parts", workers=0, report=stop)
    resumed = run_on(photos, tmp_path / "parts", views=views, resume=True)
    assert equal(weights_of(whole), weights_of(resumed))


def test_features_of_a_stopped_run_are_not_computed_again(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo_training._frozen.PART", 2)
    whole = run_on(photos, tmp_path / "whole")
    calls, add = [], FeatureFile.add

    def stopping(self, values):
        calls.append(len(values))
        if len(calls) == 3:
            raise OSError("No space left on device")
        add(self, values)

    monkeypatch.setattr(FeatureFile, "add", stopping)
    with pytest.raises(OSError, match="No space"):
        run_on(photos, tmp_path / "parts")
    resumed = run_on(photos, tmp_path / "parts", resume=True)
    assert calls == [2] * 7  # of eight images to train on two parts, one in vain, the other two; and two of the others
    assert equal(weights_of(whole), weights_of(resumed))


def cut_off(image):
    """Leave of an image its header, which is looked at before, and little more."""
    image.write_bytes(image.read_bytes()[:60])


def test_an_image_that_cannot_be_read_is_named(photos, tmp_path):
    cut_off(photos / "train" / "dark" / "2.png")
    with pytest.raises(DatasetError, match=r"dark/2\.png cannot be trained on"):
        run_on(photos, tmp_path / "run")


def test_an_image_for_validation_that_cannot_be_read_is_named(photos, tmp_path):
    cut_off(photos / "val" / "light" / "1.png")
    with pytest.raises(DatasetError, match=r"light/1\.png cannot be trained on"):
        run_on(photos, tmp_path / "run")


def test_another_image_under_the_same_name_is_other_data(photos):
    dataset = open_dataset(photos / "train")
    before = content_digest(dataset)
    (photos / "train" / "dark" / "0.png").write_bytes((photos / "train" / "light" / "0.png").read_bytes())
    assert content_digest(dataset) != before


def test_a_run_does_not_go_on_with_changed_images(photos, tmp_path):
    def stop(row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(MODEL, photos, RECIPE, output=tmp_path / "run", workers=0, report=stop)
    (photos / "train" / "dark" / "0.png").write_bytes((photos / "train" / "light" / "0.png").read_bytes())
    with pytest.raises(ValueError, match=r"another recipe, data set or model|differs in"):
        run_on(photos, tmp_path / "run", resume=True)


def test_a_sample_is_trained_on_in_all_its_views(photos, tmp_path, monkeypatch):
    seen = []
    read = _head.HeadTraining.read

    def noting(self, keys):
        batch = read(self, keys)
        seen.extend((name, row.tolist()) for name, row in zip(batch.names, batch.inputs, strict=True))
        return batch

    monkeypatch.setattr(_head.HeadTraining, "read", noting)
    run_on(photos, tmp_path / "run", views=3)
    rows = {tuple(row[:8]) for name, row in seen if name == "dark/0.png"}
    assert len(rows) == 3


def test_nothing_changes_no_views():
    assert views_of(Recipe(views=4, crop=1.0, flip=0.0, color=0.0)) == 1


def test_a_network_that_computes_after_its_classifier_is_not_divided():
    with pytest.raises(ValueError, match="linear classifier"):
        FrozenNetwork(squeezenet1_1().eval(), torch.zeros(1, 3, 64, 64))


def test_a_network_is_as_it_was_after_being_divided():
    network = resnet18().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    FrozenNetwork(network, torch.rand(2, 3, 64, 64))
    assert network.training
    assert equal(before, network.state_dict())


def test_mixed_images_are_trained_on_by_the_whole_network(photos, tmp_path):
    folder = run_on(photos, tmp_path / "run", mixup=0.2, epochs=1).folder
    assert "model.safetensors" in {path.name for path in folder.iterdir()}


def values(count, start=0.0):
    return (np.arange(count * 2 * 3, dtype=np.float32) + start).reshape(count, 2, 3)


def test_a_file_takes_up_what_is_there(tmp_path):
    FeatureFile(tmp_path / "a.bin", (4, 2, 3), {"data": "x"}).add(values(2))
    file = FeatureFile(tmp_path / "a.bin", (4, 2, 3), {"data": "x"})
    assert (file.done, file.is_whole) == (2, False)
    file.add(values(2, 50))
    assert file.is_whole
    np.testing.assert_array_equal(file.values(), np.concatenate([values(2), values(2, 50)]))


@pytest.mark.parametrize("made_of", [{"data": "y"}, {"data": "x", "torch": "2"}])
def test_a_file_of_something_else_is_made_anew(tmp_path, made_of):
    FeatureFile(tmp_path / "a.bin", (2, 2, 3), {"data": "x"}).add(values(2))
    assert FeatureFile(tmp_path / "a.bin", (2, 2, 3), made_of).done == 0


def test_damaged_numbers_are_made_anew(tmp_path):
    FeatureFile(tmp_path / "a.bin", (2, 2, 3), {}).add(values(2))
    content = bytearray((tmp_path / "a.bin").read_bytes())
    content[5] ^= 1
    (tmp_path / "a.bin").write_bytes(content)
    assert FeatureFile(tmp_path / "a.bin", (2, 2, 3), {}).done == 0


@pytest.mark.parametrize("text", ["", "[]", '{"done": "all"}'])
def test_a_damaged_header_is_no_header(tmp_path, text):
    FeatureFile(tmp_path / "a.bin", (2, 2, 3), {}).add(values(2))
    (tmp_path / "a.json").write_text(text)
    assert FeatureFile(tmp_path / "a.bin", (2, 2, 3), {}).done == 0


def test_what_was_written_and_not_told_is_written_over(tmp_path):
    FeatureFile(tmp_path / "a.bin", (4, 2, 3), {}).add(values(2))
    with (tmp_path / "a.bin").open("ab") as file:
        file.write(b"half of the next part")
    file = FeatureFile(tmp_path / "a.bin", (4, 2, 3), {})
    file.add(values(2, 50))
    np.testing.assert_array_equal(file.values()[2:], values(2, 50))


def test_a_full_disk_is_told_of_and_loses_nothing(tmp_path, monkeypatch):
    file = FeatureFile(tmp_path / "a.bin", (4, 2, 3), {})
    file.add(values(2))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OSError, match=r"a\.bin cannot be written: .*No space left"):
            file.add(values(2, 50))
    file.add(values(2, 50))
    np.testing.assert_array_equal(FeatureFile(tmp_path / "a.bin", (4, 2, 3), {}).values()[2:], values(2, 50))


def test_a_header_states_what_features_were_made_of(photos, tmp_path):
    kept = {}

    def keep(*arguments, **more):
        file = features_of(*arguments, **more)
        kept[arguments[3].stem] = json.loads(arguments[3].with_suffix(".json").read_text())
        return file

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_head, "features_of", keep)
        run_on(photos, tmp_path / "run", epochs=1)
    assert kept.keys() == {"train", "validation"}
    assert {"data", "weights", "preprocessing", "recipe", "sha256", "done"} <= kept["train"].keys()
