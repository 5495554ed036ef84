"""Folders of splits are never classes: what is for training is trained on, what is for tests is left alone."""

import shutil
from pathlib import Path

import pytest

from drawn_data import write_flows, write_label_maps
from evaluation.makers_folders import ALL_SYNSETS, SYNSETS, development_kit, flat_images, image, synset_folders, text
from zoo_evaluation.datasets import DatasetError, _imagenet_truth
from zoo_training import prepare
from zoo_training._split import open_split

MODEL = "shufflenet_v2_x0_5_digits"


def classes(root: Path, *folders: str, names: tuple[str, ...] = ("cat", "dog"), images: int = 4) -> Path:
    """Write as many images of each class into each of the folders, called after both."""
    for folder in folders:
        for name in names:
            for number in range(images):
                image(root / folder / name / f"{'all' if folder == '.' else folder.replace('/', '-')}-{number}.png")
    return root


def folders_of(dataset) -> set[str]:
    return {sample.paths[0].name.rpartition("-")[0] for sample in dataset}


@pytest.fixture
def few(monkeypatch):
    """Let ImageNet have twenty classes."""
    monkeypatch.setattr(_imagenet_truth, "CLASSES", len(SYNSETS))


@pytest.mark.parametrize("layout", [None, "image-folder"])
@pytest.mark.parametrize(
    ("train", "val"),
    [("train", "val"), ("Train", "Val"), ("training", "validation"), ("TRAIN", "valid"), ("Training", "Validation")],
)
def test_training_and_validation_are_found_however_they_are_written(tmp_path, train, val, layout):
    classes(tmp_path, train, val, "test")
    trained, held_out = open_split(tmp_path, "classes", 0.2, 0, layout)
    assert trained.categories == held_out.categories == ("cat", "dog")
    assert (folders_of(trained), folders_of(held_out)) == ({train}, {val})
    assert (len(trained), len(held_out)) == (8, 8)


@pytest.mark.parametrize("layout", [None, "image-folder"])
@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "Testing")])
def test_beside_a_test_folder_alone_the_training_folder_is_divided_by_chance(tmp_path, train, test, layout):
    trained, held_out = open_split(classes(tmp_path, train, test), "classes", 0.25, 0, layout)
    assert trained.categories == ("cat", "dog")
    assert folders_of(trained) == folders_of(held_out) == {train}
    assert (len(trained), len(held_out)) == (6, 2)
    assert trained.notes[-1].endswith(f"not used is what lies beside them: {test}.")
    assert any(test in note for note in prepare(MODEL, tmp_path, layout=layout).notes)


def test_a_training_folder_by_itself_has_the_classes(tmp_path):
    trained, held_out = open_split(classes(tmp_path, "train"), "classes", 0.25, 0)
    assert (trained.categories, len(trained), len(held_out)) == (("cat", "dog"), 6, 2)
    assert trained.notes == ()


@pytest.mark.parametrize("layout", [None, "image-folder"])
def test_without_anything_to_train_on_splits_are_refused_as_classes(tmp_path, layout):
    classes(tmp_path, "Val", "test")
    with pytest.raises(DatasetError, match=r"has Val and test, and nothing to train on: expected a folder train"):
        open_split(tmp_path, "classes", 0.2, 0, layout)


@pytest.mark.parametrize("layout", [None, "image-folder"])
def test_splits_without_folders_of_classes_are_refused_as_classes(tmp_path, layout):
    classes(tmp_path, ".", names=("train", "test"))
    with pytest.raises(DatasetError, match=r"train has (none of the known layouts|no folders with images)"):
        open_split(tmp_path, "classes", 0.2, 0, layout)


@pytest.mark.parametrize("layout", [None, "image-folder"])
def test_trains_may_be_a_class_beside_others(tmp_path, layout):
    trained, _ = open_split(classes(tmp_path, ".", names=("bus", "car", "train")), "classes", 0.25, 0, layout)
    assert trained.categories == ("bus", "car", "train")


@pytest.mark.parametrize("layout", [None, "csv"])
def test_a_list_says_itself_where_its_samples_are(tmp_path, layout):
    classes(tmp_path, "train/scene", "test/scene")
    names = [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*.png"))]
    text(tmp_path / "samples.csv", "path,label", *(f"{name},{Path(name).parent.name}" for name in names))
    trained, held_out = open_split(tmp_path, "classes", 0.25, 0, layout)
    assert (trained.layout, trained.categories, len(trained) + len(held_out)) == ("csv", ("cat", "dog"), 16)


def test_a_given_list_is_taken_beside_folders_of_splits(tmp_path):
    classes(tmp_path, "train", "val")
    text(
        tmp_path / "samples.csv", "path,label", "train/cat/train-0.png,a", "val/cat/val-0.png,b", "val/cat/val-1.png,a"
    )
    trained, held_out = open_split(tmp_path, "classes", 0.5, 0, "csv")
    assert (trained.layout, len(trained) + len(held_out)) == ("csv", 3)


@pytest.mark.parametrize("layout", [None, "flow-pairs"])
def test_pairs_for_validation_and_tests_are_not_trained_on(tmp_path, layout):
    write_flows(tmp_path / "Train", 5, side=64)
    shutil.copytree(tmp_path / "Train", tmp_path / "test")
    trained, held_out = open_split(tmp_path, "flows", 0.2, 0, layout)
    assert {sample.paths[0].parent.name for sample in (*trained, *held_out)} == {"Train"}
    assert (len(trained), len(held_out)) == (4, 1)
    assert "test" in trained.notes[-1]
    (tmp_path / "test").rename(tmp_path / "val")
    trained, held_out = open_split(tmp_path, "flows", 0.2, 0, layout)
    assert [{sample.paths[0].parent.name for sample in part} for part in (trained, held_out)] == [{"Train"}, {"val"}]
    assert (len(trained), len(held_out)) == (5, 5)


@pytest.mark.parametrize("layout", [None, "label-map-folder"])
def test_label_maps_of_tests_are_not_trained_on(tmp_path, layout):
    write_label_maps(tmp_path / "training", 5)
    shutil.copytree(tmp_path / "training", tmp_path / "testing")
    trained, held_out = open_split(tmp_path, "label maps", 0.2, 0, layout)
    assert (len(trained), len(held_out)) == (4, 1)
    assert "testing" in trained.notes[-1]


def test_label_maps_in_folders_of_splits_are_trained_on_and_measured_with(tmp_path):
    write_label_maps(tmp_path, 5)
    for kind in ("images", "labels"):
        for split, places in {"train": range(3), "val": range(3, 5)}.items():
            (tmp_path / kind / split).mkdir()
            for place in places:
                (tmp_path / kind / f"{place:03d}.png").rename(tmp_path / kind / split / f"{place:03d}.png")
    trained, held_out = open_split(tmp_path, "label maps", 0.2, 0)
    assert [sample.name for sample in trained] == ["train/000.png", "train/001.png", "train/002.png"]
    assert [sample.name for sample in held_out] == ["val/003.png", "val/004.png"]


def imagenet(root: Path, *folders: str) -> Path:
    for folder in folders:
        synset_folders(root / folder, SYNSETS, dict.fromkeys(SYNSETS, 2))
    return root


@pytest.mark.parametrize("layout", [None, "imagenet", "image-folder"])
def test_imagenets_own_splits_are_trained_on_and_measured_with(tmp_path, few, layout):
    trained, held_out = open_split(imagenet(tmp_path, "train", "val"), "classes", 0.2, 0, layout)
    assert trained.categories == held_out.categories == tuple(SYNSETS)
    assert (len(trained), len(held_out)) == (40, 40)
    assert {sample.paths[0].parents[1].name for sample in trained} == {"train"}
    assert {sample.paths[0].parents[1].name for sample in held_out} == {"val"}
    assert all(SYNSETS[sample.label] == sample.paths[0].parent.name for sample in (*trained, *held_out))
    assert prepare(MODEL, tmp_path, layout=layout).categories == tuple(SYNSETS)


@pytest.mark.parametrize("layout", [None, "imagenet"])
def test_imagenets_flat_validation_images_measure_what_its_folders_teach(tmp_path, few, layout):
    imagenet(tmp_path, "train")
    flat_images(tmp_path / "val", [1, 2])
    development_kit(tmp_path, [SYNSETS[7], SYNSETS[3]])
    trained, held_out = open_split(tmp_path, "classes", 0.2, 0, layout)
    assert trained.categories == held_out.categories == tuple(SYNSETS)
    assert [sample.label for sample in held_out] == [7, 3]


@pytest.mark.parametrize("folder", ["", "train"])
def test_imagenets_training_folder_alone_is_divided_by_chance(tmp_path, few, folder):
    trained, held_out = open_split(imagenet(tmp_path, folder), "classes", 0.5, 0)
    assert (trained.categories, len(trained), len(held_out)) == (tuple(SYNSETS), 20, 20)


def test_imagenet_with_a_thousand_folders_is_prepared(tmp_path):
    for split in ("train", "val"):
        synset_folders(tmp_path / split, ALL_SYNSETS, dict.fromkeys(ALL_SYNSETS, 1))
    prepared = prepare(MODEL, tmp_path)
    assert prepared.categories == tuple(ALL_SYNSETS)
    assert (len(prepared.training.dataset), len(prepared.held_out)) == (1000, 1000)


def test_what_is_said_of_kinetics_validation_videos_is_not_said_of_those_to_train_on(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo_evaluation.datasets._kinetics.CLASSES", 2)
    for name in ("train/abseiling/a", "train/zumba/b", "val/abseiling/c", "val/zumba/d"):
        text(tmp_path / f"{name}.mp4")
    trained, held_out = open_split(tmp_path, "videos", 0.2, 0)
    assert [[sample.name for sample in part] for part in (trained, held_out)] == [
        ["abseiling/a.mp4", "zumba/b.mp4"],
        ["abseiling/c.mp4", "zumba/d.mp4"],
    ]
    assert (trained.layout, trained.categories, trained.notes) == ("kinetics", ("abseiling", "zumba"), ())
