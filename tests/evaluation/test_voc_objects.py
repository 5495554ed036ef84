"""Pascal VOC's annotations: objects in COCO's terms, difficult ones as crowds; each wrong one is named."""

import pickle

import pytest

from evaluation.makers_folders import image, text, voc_object, voc_xml
from zoo_evaluation import open_dataset
from zoo_evaluation.datasets import DatasetError

DOG = voc_object("dog", (11, 6, 30, 25))


def write(root, annotations, lists=None):
    for name, objects in annotations.items():
        image(root / "JPEGImages" / f"{name}.jpg", 100, 50)
        voc_xml(root / "Annotations" / f"{name}.xml", *objects)
    for name, lines in (lists or {}).items():
        text(root / "ImageSets" / "Main" / f"{name}.txt", *lines)
    return root


def read(root, **options):
    return open_dataset(root, holds="objects", **options)


def test_boxes_include_both_edges_and_count_from_one(tmp_path):
    hard = voc_object("cat", (1, 1, 100, 50), difficult=1)
    dataset = read(write(tmp_path, {"a": [DOG, hard], "b": []}))
    assert (dataset.layout, dataset.categories, dataset.category_ids) == ("voc", ("cat", "dog"), (0, 1))
    first, second = dataset
    assert (first.name, first.image_id, first.height, first.width) == ("JPEGImages/a.jpg", 1, 50, 100)
    assert first.objects == (
        {"id": 1, "category_id": 1, "bbox": [10, 5, 20, 20], "area": 400, "iscrowd": 0},
        {"id": 2, "category_id": 0, "bbox": [0, 0, 100, 50], "area": 5000, "iscrowd": 1},
    )
    assert second.objects == ()
    assert pickle.loads(pickle.dumps(dataset)).digest == dataset.digest


def test_a_list_says_which_images(tmp_path):
    root = write(
        tmp_path / "VOCdevkit" / "VOC2007", {"a": [DOG], "b": [DOG]}, {"val": ["b  1", "gone"], "train": ["a"]}
    )
    dataset = read(tmp_path)
    assert [sample.name for sample in dataset] == ["VOCdevkit/VOC2007/JPEGImages/b.jpg"]
    assert dataset.notes == ("1 of 2 images are missing, or their annotations, and are left out: gone.",)
    assert dataset.files == (root / "ImageSets" / "Main" / "val.txt",)
    assert len(open_dataset(tmp_path, layout="voc", split="train")) == 1
    with pytest.raises(DatasetError, match=r"no list .*test\.txt: choose a split that is there: train, val"):
        open_dataset(tmp_path, layout="voc", split="test")


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        (["<object>"], r"a\.xml, line 3: no XML: mismatched tag"),
        ([DOG, "<object><bndbox/></object>"], r"a\.xml, object 2: it has no name"),
        (["<object><name>dog</name></object>"], r"a\.xml, object 1: it has no xmin"),
        ([voc_object("dog", ("x", 1, 2, 2))], r"a\.xml, object 1: its xmin is 'x', no number"),
        ([voc_object("dog", (1, "nan", 2, 2))], r"a\.xml, object 1: its ymin is nan"),
        ([voc_object("dog", (9, 1, 2, 2))], r"object 1: its box of dog goes from \(9, 1\) back to \(2, 2\)"),
        ([voc_object("dog", (1, 1, 50, 99))], r"object 1: its box of dog, .* is not inside 100 x 50 pixels"),
    ],
)
def test_wrong_annotations_are_refused_by_file(tmp_path, objects, message):
    with pytest.raises(DatasetError, match=message) as refused:
        read(write(tmp_path, {"a": objects, "b": [DOG]}))
    assert "Each object needs a name, and a bndbox" in str(refused.value)


def test_missing_images_and_objects_are_refused(tmp_path):
    root = write(tmp_path, {"a": []})
    with pytest.raises(DatasetError, match="has no objects in any of 1 images"):
        read(root)
    (root / "JPEGImages" / "a.jpg").unlink()
    with pytest.raises(DatasetError, match=r"None of the 1 images of .* is there, such as a\.jpg"):
        read(root)
