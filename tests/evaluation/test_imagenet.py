"""ImageNet: a class is a place among the sorted synsets, whatever form the truth has."""

import json
import pickle

import pytest

from evaluation.makers_folders import (
    ALL_SYNSETS,
    IDS,
    SYNSETS,
    development_kit,
    flat_images,
    mat_file,
    synset_folders,
    text,
)
from zoo_evaluation import open_dataset
from zoo_evaluation.datasets import DatasetError, _imagenet_truth
from zoo_evaluation.datasets._matlab import read_records
from zoo_evaluation.protocols import get_protocol
from zoo_evaluation.tasks.classification import ClassificationEvaluation


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    """Let ImageNet have twenty classes: a thousand folders take long to make."""
    monkeypatch.setattr(_imagenet_truth, "CLASSES", len(SYNSETS))


def labels(dataset):
    return {sample.name: sample.label for sample in dataset}


def test_a_folders_label_is_its_place_among_all_synsets(tmp_path, monkeypatch):
    monkeypatch.setattr(_imagenet_truth, "CLASSES", 1000)
    root = synset_folders(tmp_path / "imagenet" / "val", ALL_SYNSETS, {ALL_SYNSETS[3]: 1, ALL_SYNSETS[999]: 2})
    dataset = open_dataset(root.parent, holds="classes")
    assert labels(dataset) == {
        f"{ALL_SYNSETS[3]}/0.JPEG": 3,
        f"{ALL_SYNSETS[999]}/0.JPEG": 999,
        f"{ALL_SYNSETS[999]}/1.JPEG": 999,
    }
    assert (dataset.layout, dataset.published, dataset.categories) == ("imagenet", "ImageNet-1K", None)
    assert dataset.notes[0].startswith(f"998 classes have no images: {ALL_SYNSETS[0]}, ")
    assert pickle.loads(pickle.dumps(dataset)).digest == open_dataset(root).digest


@pytest.mark.parametrize("count", [19, 10])
def test_missing_folders_are_refused_since_places_would_move(tmp_path, count):
    root = synset_folders(tmp_path / "val", SYNSETS[:count], {SYNSETS[0]: 1})
    with pytest.raises(DatasetError, match=rf"folders of {count} synsets, expected ImageNet's 20: .* Add the folders"):
        open_dataset(root)


def test_some_folders_do_with_a_list_of_all(tmp_path):
    root = synset_folders(tmp_path / "val", SYNSETS[5:8], {SYNSETS[6]: 1})
    text(tmp_path / "LOC_synset_mapping.txt", *(f"{name} a thing, another" for name in reversed(SYNSETS)))
    dataset = open_dataset(tmp_path)
    assert labels(dataset) == {f"{SYNSETS[6]}/0.JPEG": 6}
    assert f"17 of 20 classes have no folder, and are left out: {SYNSETS[0]}" in " ".join(dataset.notes)
    (root / "n99999999").mkdir()
    with pytest.raises(DatasetError, match=r"1 folders whose synsets are not in .*: n99999999\. Remove them"):
        open_dataset(tmp_path)


def test_a_list_with_a_synset_twice_is_refused(tmp_path):
    synset_folders(tmp_path / "val", SYNSETS[5:8], {SYNSETS[6]: 1})
    text(tmp_path / "synsets.txt", *SYNSETS[:-1], SYNSETS[0])
    with pytest.raises(DatasetError, match=r"synsets.txt lists 19 different synsets, expected 20"):
        open_dataset(tmp_path)


def test_a_few_folders_of_synsets_are_somebodys_own_classes(tmp_path):
    root = synset_folders(tmp_path / "imagenette", SYNSETS[:3], {SYNSETS[1]: 1})
    assert open_dataset(root).layout == "image-folder"


def test_truth_of_the_development_kit_goes_by_its_ids(tmp_path):
    true = [SYNSETS[0], SYNSETS[10], SYNSETS[19]]
    flat_images(tmp_path / "val", [1, 3])
    folder = development_kit(tmp_path, true)
    dataset = open_dataset(tmp_path, holds="classes")
    assert list(labels(dataset).values()) == [0, 19]
    assert [IDS[name] for name in true] != [1, 11, 20]
    assert dataset.notes == ("1 of 3 images are missing, and are left out: ILSVRC2012_val_00000002.JPEG.",)
    assert dataset.files == (folder / "ILSVRC2012_validation_ground_truth.txt", folder / "meta.mat")


def test_ids_without_their_meaning_are_refused(tmp_path):
    flat_images(tmp_path / "val", [1])
    development_kit(tmp_path, SYNSETS[:1], meta=False)
    with pytest.raises(
        DatasetError, match=r"ILSVRC's ids, which are not places .* put the development kit's meta\.mat"
    ):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0", r"ground_truth\.txt, line 2: 0 is none of ILSVRC's ids .*1 to 20\. They seem to count from 0"),
        ("21", r"ground_truth\.txt, line 2: 21 is none of ILSVRC's ids"),
        ("cat", r"ground_truth\.txt, line 2: expected one of ILSVRC's ids, found 'cat'"),
    ],
)
def test_wrong_ids_are_refused_by_their_line(tmp_path, line, message):
    flat_images(tmp_path / "val", [1])
    folder = development_kit(tmp_path, SYNSETS[:1])
    text(folder / "ILSVRC2012_validation_ground_truth.txt", "5", line)
    with pytest.raises(DatasetError, match=message):
        open_dataset(tmp_path)


def test_a_synset_for_each_image_is_truth_too(tmp_path):
    flat_images(tmp_path / "val", [2])
    text(tmp_path / "labels.txt", *SYNSETS[::-1], SYNSETS[4])
    assert list(labels(open_dataset(tmp_path)).values()) == [18]


def test_the_solution_of_the_contest_is_truth_too(tmp_path):
    flat_images(tmp_path / "val", [7])
    rows = [f"ILSVRC2012_val_{number:08},{SYNSETS[9]} 1 2 3 4" for number in (6, 7)]
    path = text(tmp_path / "LOC_val_solution.csv", "ImageId,PredictionString", *rows)
    with pytest.raises(DatasetError, match="has 1 different synsets, expected ImageNet's 20"):
        open_dataset(tmp_path)
    text(tmp_path / "LOC_synset_mapping.txt", *SYNSETS)
    assert list(labels(open_dataset(tmp_path)).values()) == [9]
    text(path, "ImageId,PredictionString", rows[0], "ILSVRC2012_val_00000007,cat")
    with pytest.raises(DatasetError, match=r"solution\.csv, line 3: expected an image's name and a synset"):
        open_dataset(tmp_path)


def test_images_without_truth_are_refused(tmp_path):
    flat_images(tmp_path, [1])
    with pytest.raises(DatasetError, match=r"nothing that says what is true of them\. Put the development kit"):
        open_dataset(tmp_path)
    development_kit(tmp_path, SYNSETS[:1])
    flat_images(tmp_path, [2])
    with pytest.raises(DatasetError, match=r"says nothing of 1 images, such as ILSVRC2012_val_00000002\.JPEG"):
        open_dataset(tmp_path)


def test_a_model_of_other_classes_is_refused(tmp_path):
    root = synset_folders(tmp_path / "val", images={SYNSETS[3]: 1})
    with pytest.raises(DatasetError, match=r"with 1000 classes, and the model has 3: .*--layout image-folder"):
        ClassificationEvaluation(open_dataset(root), get_protocol("imagenet-1k"), ["a", "b", "c"])


@pytest.mark.parametrize("order", ["<", ">"])
def test_records_of_matlab_are_read(tmp_path, order):
    path = tmp_path / "meta.mat"
    path.write_bytes(mat_file("synsets", [(1, "n1", 0), (2, "n0000002", 5)], order=order))
    assert read_records(path, "synsets") == [
        {"ILSVRC2012_ID": (1.0,), "WNID": "n1", "num_children": (0,)},
        {"ILSVRC2012_ID": (2.0,), "WNID": "n0000002", "num_children": (5,)},
    ]
    with pytest.raises(ValueError, match="no array of records called 'others'"):
        read_records(path, "others")


def test_damaged_files_of_matlab_are_refused(tmp_path):
    whole = mat_file("synsets", [(1, "n1", 0)])
    for content in (b"", b"MATLAB 7.3".ljust(200), whole[:150], whole[:-9], whole[:140] + b"\xff" * 30 + whole[170:]):
        (tmp_path / "meta.mat").write_bytes(content)
        with pytest.raises(ValueError, match=r"no MATLAB file|is damaged|no array"):
            read_records(tmp_path / "meta.mat", "synsets")


def test_images_say_themselves_that_they_are_published(tmp_path):
    root = synset_folders(tmp_path / "some", SYNSETS[:2], {SYNSETS[0]: 1})
    (root / "dataset.json").write_text(json.dumps({"published": "UCI digits, held out"}))
    assert open_dataset(root).published == "UCI digits, held out"
