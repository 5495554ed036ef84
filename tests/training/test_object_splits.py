"""Data sets of objects are divided as they say themselves, else by chance."""

import json
from pathlib import Path

import pytest

from evaluation.makers_coco import COCO_PAIR, make_coco
from evaluation.makers_folders import image, text, voc_object, voc_xml
from zoo_evaluation import open_dataset
from zoo_evaluation.datasets import DatasetError, find_layout
from zoo_training._split import open_split


def names(dataset) -> list[str]:
    return [Path(sample.name).stem for sample in dataset]


def yolo(root: Path, images: dict[str, list[str]], *description: str) -> Path:
    """Write images below `images/`, each with an object of the class that its number tells."""
    for folder, stems in images.items():
        for stem in stems:
            image(root / "images" / folder / f"{stem}.jpg", 100, 50)
            text(root / "labels" / folder / f"{stem}.txt", f"{int(stem[-1]) % 2} 0.5 0.5 0.2 0.4")
    text(root / "data.yaml", "names: [cat, dog]", *description)
    return root


def voc(root: Path, lists: dict[str, dict[str, str]]) -> Path:
    """Write images with an object each, of the class that is said, and the lists."""
    for split, objects in lists.items():
        for stem, name in objects.items():
            image(root / "JPEGImages" / f"{stem}.jpg", 40, 40)
            voc_xml(root / "Annotations" / f"{stem}.xml", voc_object(name, (2, 2, 20, 20)))
        text(root / "ImageSets" / "Main" / f"{split}.txt", *objects)
    return root


def test_coco_with_two_files_is_divided(tmp_path):
    make_coco(tmp_path, COCO_PAIR, annotations="annotations/instances_train2017.json", images="train2017", number=5)
    make_coco(tmp_path, COCO_PAIR, number=2, empty=0)
    train, held_out = open_split(tmp_path, "objects", 0.2, 0)
    assert (len(train), len(held_out)) == (6, 2)
    assert all(sample.name.startswith("train2017") for sample in train)
    assert all(sample.name.startswith("val2017") for sample in held_out)


def test_coco_as_exported_for_each_split_is_divided(tmp_path):
    for split in ("train", "valid", "test"):
        make_coco(tmp_path, COCO_PAIR, annotations=f"{split}/_annotations.coco.json", images=split, number=2, empty=0)
    train, held_out = open_split(tmp_path, "objects", 0.2, 0)
    assert {sample.paths[0].parent.name for sample in train} == {"train"}
    assert {sample.paths[0].parent.name for sample in held_out} == {"valid"}


def test_coco_with_a_test_split_alone_beside_is_divided_by_chance(tmp_path):
    for split, number in (("train", 8), ("test", 2)):
        make_coco(tmp_path, COCO_PAIR, annotations=f"annotations/{split}.json", images=split, number=number, empty=0)
    train, held_out = open_split(tmp_path, "objects", 0.25, 0)
    assert len(train) + len(held_out) == 8


def test_one_whole_is_divided_by_chance_and_the_seed_decides(tmp_path):
    make_coco(tmp_path, COCO_PAIR, number=8, empty=2)
    train, held_out = open_split(tmp_path, "objects", 0.3, 0)
    assert not set(names(train)) & set(names(held_out))
    assert len(train) + len(held_out) == 10
    assert names(open_split(tmp_path, "objects", 0.3, 0)[1]) == names(held_out)
    assert any(names(open_split(tmp_path, "objects", 0.3, seed)[1]) != names(held_out) for seed in range(1, 4))
    assert train.published == ""


def test_a_rare_class_is_on_both_sides(tmp_path):
    def rare(content) -> None:
        for place, annotation in enumerate(content["annotations"]):
            annotation["category_id"] = 90 if place in {0, 8} else 1

    make_coco(tmp_path, COCO_PAIR, number=12, empty=0, change=rare)
    for seed in range(5):
        for part in open_split(tmp_path, "objects", 0.2, seed):
            assert 90 in {one["category_id"] for sample in part for one in sample.objects}


def test_yolo_with_two_folders_is_divided(tmp_path):
    yolo(tmp_path, {"train": ["a1", "a2", "a3"], "val": ["b1", "b2"], "test": ["c1"]})
    train, held_out = open_split(tmp_path, "objects", 0.2, 0)
    assert (names(train), names(held_out)) == (["a1", "a2", "a3"], ["b1", "b2"])


def test_yolo_with_one_folder_is_divided_by_chance(tmp_path):
    root = yolo(tmp_path, {"train": ["a1", "a2", "a3", "a4"]})
    train, held_out = open_split(root, "objects", 0.5, 0)
    assert sorted(names(train) + names(held_out)) == ["a1", "a2", "a3", "a4"]


@pytest.mark.parametrize("description", [(), ("train: images", "val: images")])
def test_yolo_without_folders_for_splits_is_divided_by_chance(tmp_path, description):
    root = yolo(tmp_path, {"": ["a1", "a2", "a3", "a4"]}, *description)
    assert find_layout(root, holds="objects").splits(root) == ()
    train, held_out = open_split(root, "objects", 0.5, 0)
    assert sorted(names(train) + names(held_out)) == ["a1", "a2", "a3", "a4"]


def test_voc_with_two_lists_is_divided_with_the_same_classes(tmp_path):
    voc(tmp_path, {"train": {"a": "cat", "b": "bird", "c": "dog"}, "val": {"d": "dog"}})
    train, held_out = open_split(tmp_path, "objects", 0.2, 0)
    assert train.categories == held_out.categories == ("bird", "cat", "dog")
    assert held_out[0].objects[0]["category_id"] == train[2].objects[0]["category_id"]


def test_voc_with_one_list_is_divided_by_chance(tmp_path):
    voc(tmp_path, {"trainval": {"a": "cat", "b": "dog", "c": "cat", "d": "dog"}})
    train, held_out = open_split(tmp_path, "objects", 0.5, 0)
    assert (len(train), len(held_out)) == (2, 2)


def test_classes_that_are_only_in_the_other_part_are_refused(tmp_path):
    voc(tmp_path, {"train": {"a": "cat"}, "val": {"d": "dog"}})
    with pytest.raises(DatasetError, match=r"has classes that .* has not: dog"):
        open_split(tmp_path, "objects", 0.2, 0)


def test_folders_that_are_data_sets_themselves_are_taken(tmp_path):
    for split in ("train", "val"):
        make_coco(tmp_path / split, COCO_PAIR, annotations="annotations/instances.json", images="images", number=2)
    train, held_out = open_split(tmp_path, "objects", 0.2, 0)
    assert (train.root.name, held_out.root.name) == ("train", "val")


def test_names_of_keypoints_are_read_with_the_people(tmp_path):
    def with_names(content) -> None:
        content["categories"][0]["keypoints"] = [f"left_{number}" for number in range(17)]

    make_coco(tmp_path, {1: "person"}, keypoints=True, change=with_names)
    assert open_dataset(tmp_path, holds="objects").keypoint_names[0] == "left_0"
    people = json.loads((tmp_path / "annotations/instances_val2017.json").read_text())
    (tmp_path / "annotations/person_keypoints_val2017.json").write_text(json.dumps(people))
    for category in people["categories"]:
        category.pop("keypoints", None)
    (tmp_path / "annotations/instances_val2017.json").write_text(json.dumps(people))
    assert len(open_dataset(tmp_path, holds="objects").keypoint_names) == 17


def test_a_test_split_that_is_not_used_is_told_of(tmp_path):
    yolo(tmp_path, {"train": ["a1", "a2", "a3", "a4"], "test": ["c1"]})
    train, held_out = open_split(tmp_path, "objects", 0.5, 0)
    assert sorted(names(train) + names(held_out)) == ["a1", "a2", "a3", "a4"]
    assert train.notes[-1].endswith("not used is what lies beside them: test.")
