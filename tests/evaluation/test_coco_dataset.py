"""Data sets in COCO's layout: what is read, what is told, what is refused."""

import json
import pickle

import pytest

from evaluation.makers_coco import COCO_PAIR, SIDE, make_coco
from zoo_evaluation import open_dataset
from zoo_evaluation.datasets import DatasetError
from zoo_evaluation.datasets._coco import COCO_IDS

COCO = {number: "person" if number == 1 else f"class {number}" for number in COCO_IDS}


def test_coco_itself_is_recognised_by_its_names_and_ids(tmp_path):
    make_coco(tmp_path, COCO)
    dataset = open_dataset(tmp_path, holds="objects")
    assert (dataset.layout, dataset.published, len(dataset)) == ("coco", "COCO-val2017", 9)
    assert dataset.category_ids == COCO_IDS
    assert len(COCO_IDS) == 80
    assert [path.name for path in dataset.files] == ["instances_val2017.json"]
    assert dataset.notes == ()


def test_samples_are_by_rising_id_as_coco_s_tools_count_them_with_those_without_objects(tmp_path):
    make_coco(tmp_path, COCO_PAIR)
    samples = open_dataset(tmp_path, holds="objects").samples
    assert [sample.image_id for sample in samples] == sorted(sample.image_id for sample in samples)
    assert sorted(len(sample.objects) for sample in samples) == [0, *[4] * 8]
    assert samples[0].name.startswith("val2017/")
    assert (samples[0].height, samples[0].width) == (SIDE, SIDE)
    assert pickle.loads(pickle.dumps(samples)) == samples


def test_other_classes_under_coco_s_file_names_are_people_s_own(tmp_path):
    make_coco(tmp_path, COCO_PAIR)
    assert open_dataset(tmp_path, holds="objects").published == ""


def test_keypoints_of_their_own_file_are_put_to_the_same_objects(tmp_path):
    make_coco(tmp_path, COCO)
    make_coco(tmp_path, {1: "person"}, annotations="other.json", keypoints=True)
    people = json.loads((tmp_path / "other.json").read_text())
    known = {
        one["id"]: one
        for one in json.loads((tmp_path / "annotations/instances_val2017.json").read_text())["annotations"]
    }
    people["annotations"] = [one for one in people["annotations"] if known[one["id"]]["category_id"] == 1]
    (tmp_path / "other.json").unlink()
    (tmp_path / "annotations/person_keypoints_val2017.json").write_text(json.dumps(people))
    dataset = open_dataset(tmp_path, holds="objects")
    objects = [one for sample in dataset for one in sample.objects]
    assert {one["category_id"] for one in objects if "keypoints" in one} == {1}
    assert sum("keypoints" in one for one in objects) == len(people["annotations"])
    assert [path.name for path in dataset.files] == ["instances_val2017.json", "person_keypoints_val2017.json"]


@pytest.mark.parametrize(
    ("annotations", "images"),
    [
        ("annotations/boxes.json", "images"),
        ("boxes.json", "pictures"),
        ("valid/_annotations.coco.json", "valid"),
        ("annotations/instances_mine.json", "mine"),
    ],
)
def test_people_s_own_file_finds_the_folder_of_images_beside_it(tmp_path, annotations, images):
    path = make_coco(tmp_path, {0: "cat", 7: "dog"}, annotations=annotations, images=images)
    for root in (tmp_path, path):
        dataset = open_dataset(root, holds="objects")
        assert (len(dataset), dataset.categories, dataset.category_ids) == (9, ("cat", "dog"), (0, 7))


def test_of_several_files_validation_is_taken_or_one_has_to_be_given(tmp_path):
    make_coco(tmp_path, COCO_PAIR, annotations="annotations/train.json")
    make_coco(tmp_path, COCO_PAIR, annotations="annotations/val.json")
    assert open_dataset(tmp_path, holds="objects").files[0].name == "val.json"
    assert open_dataset(tmp_path, holds="objects", split="train").files[0].name == "train.json"
    (tmp_path / "annotations/val.json").rename(tmp_path / "annotations/test.json")
    with pytest.raises(DatasetError, match=r"several annotations files: annotations/test.json, annotations/train.json"):
        open_dataset(tmp_path, holds="objects")


def test_of_coco_s_own_files_the_validation_instances_are_taken(tmp_path):
    for name in ("instances_train2017", "instances_val2017", "panoptic_val2017", "stuff_val2017", "panoptic_train2017"):
        make_coco(tmp_path, COCO, annotations=f"annotations/{name}.json")
    (tmp_path / "annotations/captions_val2017.json").write_text('{"images": [], "annotations": []}')
    assert [path.name for path in open_dataset(tmp_path, holds="objects").files] == ["instances_val2017.json"]


def test_missing_images_are_counted_and_told(tmp_path):
    make_coco(tmp_path, COCO_PAIR)
    (tmp_path / "val2017/000000000003.png").unlink()
    dataset = open_dataset(tmp_path, holds="objects")
    assert len(dataset) == 8
    assert dataset.notes == ("1 of 9 images are listed and not there, and are left out: 000000000003.png.",)
    for path in (tmp_path / "val2017").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match=r"None of the 9 images .* expected them in a folder beside the annotations"):
        open_dataset(tmp_path, holds="objects")


def _contiguous(content):
    places = {number: place for place, number in enumerate(COCO_IDS, 1)}
    for one in content["annotations"]:
        one["category_id"] = places[one["category_id"]]


def _zero_based(content):
    for one in content["annotations"]:
        one["category_id"] -= 1


def _spoil(which, **values):
    return lambda content: content[which][0].update(values)


REFUSED = {
    "80 against 91": (COCO, _contiguous, r"COCO's ids, of 1 to 90 with gaps, and the objects count COCO's 80 classes"),
    "off by one": ({1: "cat", 2: "dog"}, _zero_based, r"ids 0; it lists 1, 2\. The ids are probably off by one"),
    "unknown class": (COCO_PAIR, _spoil("annotations", category_id=55), r"list: ids 55.*Add these categories"),
    "unknown image": (
        COCO_PAIR,
        _spoil("annotations", image_id=5),
        r"1 images that it does not list: ids 5",
    ),
    "image id twice": (COCO_PAIR, _spoil("images", id=993), r"two images have the id 993"),
    "category id twice": (COCO_PAIR, _spoil("categories", id=90), r"two categories have the id 90"),
    "name twice": (COCO_PAIR, _spoil("categories", name="toothbrush"), r"two categories are called toothbrush"),
    "short box": (COCO_PAIR, _spoil("annotations", bbox=[1, 2, 3]), r"annotations need image_id, category_id and bbox"),
    "no number": (COCO_PAIR, _spoil("annotations", bbox=[1, 2, float("nan"), 4]), r"one cannot be read so .*nan"),
    "nothing": (COCO_PAIR, lambda content: content.update(annotations=[]), r"has no objects in any of its 23 images"),
    "no list": (COCO_PAIR, lambda content: content.update(images={}), r"expected lists called images, annotations"),
}


@pytest.mark.parametrize(("categories", "change", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_together_is_refused_with_the_reason(tmp_path, categories, change, message):
    make_coco(tmp_path, categories, change=change, number=22)
    with pytest.raises(DatasetError, match=message):
        open_dataset(tmp_path, holds="objects")


TOLD = {
    "no width": (_spoil("annotations", bbox=[3, 2, 0, 20]), "1 boxes have no width or height; the first are in: "),
    "outside": (_spoil("annotations", bbox=[110, 2, 24, 20]), "1 boxes reach beyond their image; the first are in: "),
    "id twice": (
        _spoil("annotations", id=8),
        "1 ids belong to several objects, which count all the same; the first: 8.",
    ),
    "no area": (lambda content: content["annotations"][0].pop("area"), "1 objects have no area: that of their box"),
}


@pytest.mark.parametrize(("change", "note"), TOLD.values(), ids=TOLD)
def test_what_is_odd_counts_and_is_told(tmp_path, change, note):
    make_coco(tmp_path, COCO_PAIR, change=change)
    dataset = open_dataset(tmp_path, holds="objects")
    assert len(dataset.notes) == 1
    assert dataset.notes[0].startswith(note)
    assert sum(len(sample.objects) for sample in dataset) == 32


def test_sizes_that_are_not_stated_are_read_from_the_images(tmp_path):
    make_coco(tmp_path, COCO_PAIR, change=lambda content: [image.pop("height") for image in content["images"]])
    assert {(sample.height, sample.width) for sample in open_dataset(tmp_path, holds="objects")} == {(SIDE, SIDE)}


def test_80_classes_without_coco_s_gaps_are_matched_by_name_and_that_is_told(tmp_path):
    make_coco(tmp_path, {place: COCO[number] for place, number in enumerate(COCO_IDS, 1)}, annotations="mine.json")
    (note,) = open_dataset(tmp_path, holds="objects").notes
    assert note.startswith("Its 80 classes count from 1 to 80 without COCO's gaps")


def test_a_folder_without_annotations_is_none(tmp_path):
    (tmp_path / "results.json").write_text("[]")
    (tmp_path / "empty.json").write_text("")
    with pytest.raises(DatasetError, match="none of the known layouts of objects"):
        open_dataset(tmp_path, holds="objects")
