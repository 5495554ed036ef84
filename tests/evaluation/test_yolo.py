"""YOLO's text files: boxes and polygons in COCO's terms, classes by name; each wrong line is named."""

import pickle

import pytest

from evaluation.makers_folders import image, text
from zoo_evaluation import open_dataset
from zoo_evaluation.datasets import DatasetError

NAMES = "names: [cat, dog]"


def write(root, labels, *description, width=100, height=50):
    """Write images/val and labels/val, and a description."""
    for name, lines in labels.items():
        image(root / "images" / "val" / f"{name}.jpg", width, height)
        if lines is not None:
            text(root / "labels" / "val" / f"{name}.txt", *lines)
    text(root / "data.yaml", *(description or (NAMES,)))
    return root


def read(root, **options):
    return open_dataset(root, holds="objects", **options)


def test_boxes_and_polygons_are_objects_in_cocos_terms(tmp_path):
    root = write(tmp_path, {"a": ["1 0.5 0.5 0.2 0.4", "", "0 0.1 0.2 0.3 0.2 0.1 0.6"], "b": [], "c": None})
    dataset = read(root)
    assert (dataset.layout, dataset.categories, dataset.category_ids) == ("yolo", ("cat", "dog"), (0, 1))
    first, *others = dataset
    assert (first.name, first.image_id, first.height, first.width) == ("images/val/a.jpg", 1, 50, 100)
    box, polygon = first.objects
    assert box == {
        "id": 1,
        "category_id": 1,
        "bbox": pytest.approx([40, 15, 20, 20]),
        "area": pytest.approx(400),
        "iscrowd": 0,
    }
    assert polygon["bbox"] == pytest.approx([10, 10, 20, 20])
    assert polygon["segmentation"] == [pytest.approx([10, 10, 30, 10, 10, 30])]
    assert (polygon["id"], polygon["area"]) == (2, pytest.approx(200))
    assert [sample.objects for sample in others] == [(), ()]
    assert dataset.notes == ("1 of 3 images have no file of labels: they count as without objects.",)
    assert pickle.loads(pickle.dumps(dataset)).digest == dataset.digest


def test_sizes_are_those_of_the_image_as_it_is_shown(tmp_path):
    root = write(tmp_path, {"a": ["0 0.5 0.5 1 1"]})
    exif = {0x0112: 6}  # turned by a quarter
    from PIL import Image

    turned = Image.Exif()
    turned.update(exif)
    image(root / "images" / "val" / "a.jpg", 100, 50, exif=turned)
    sample = read(root)[0]
    assert (sample.height, sample.width, sample.objects[0]["bbox"]) == (100, 50, [0, 0, 50, 100])


def test_an_image_that_cannot_be_read_keeps_its_objects(tmp_path):
    root = write(tmp_path, {"a": ["0 0.5 0.5 1 1"]})
    (root / "images" / "val" / "a.jpg").write_bytes(b"nothing")
    assert len(read(root)[0].objects) == 1


@pytest.mark.parametrize(
    "lines",
    [
        ("names: ['cat', \"dog\"]  # two",),
        ("train: images/train", "nc: 2", "names:", "  - cat", "  - dog"),
        ("names:", "- 'cat'", "- dog # the other"),
        ("names:", "  1: dog", "  0: cat", "val: images/val"),
        ("names: {0: cat, 1: dog}",),
        ("names: [cat,", "  dog]", "path: ../elsewhere"),
    ],
)
def test_names_are_understood_in_the_forms_that_people_write(tmp_path, lines):
    root = write(tmp_path, {"a": ["0 0.5 0.5 1 1"]}, *lines)
    assert read(root).categories == ("cat", "dog")
    assert read(root / "data.yaml").categories == ("cat", "dog")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("nc: 3", NAMES), r"data\.yaml says nc: 3, and has 2 names"),
        (("names:", "  1: cat", "  2: dog"), r"numbers its names 1, 2, and so on: expected each number from 0 on"),
        (("names:", "  first: cat"), r"data\.yaml, line 2: expected the number of a class and its name"),
        (("names: [cat, cat]",), "has the name 'cat' twice"),
    ],
)
def test_names_that_do_not_fit_are_refused(tmp_path, lines, message):
    with pytest.raises(DatasetError, match=message):
        read(write(tmp_path, {"a": ["0 0.5 0.5 1 1"]}, *lines))


def test_classes_txt_does_without_a_description(tmp_path):
    root = write(tmp_path, {"a": ["1 0.5 0.5 1 1"]})
    (root / "data.yaml").unlink()
    text(root / "classes.txt", "cat", "dog")
    assert read(root).categories == ("cat", "dog")


def test_images_are_where_the_description_says(tmp_path):
    root = text(tmp_path / "set" / "data.yaml", NAMES, "val: ../valid/images", "test: list.txt").parent
    image(root / "valid" / "images" / "a.png")
    text(root / "valid" / "labels" / "a.txt", "0 0.5 0.5 1 1")
    image(root / "images" / "b.png")
    text(root / "labels" / "b.txt", "1 0.5 0.5 1 1")
    text(root / "list.txt", "./images/b.png")
    assert [sample.name for sample in read(root)] == ["valid/images/a.png"]
    dataset = open_dataset(root, holds="objects", layout="yolo", split="test")
    assert [sample.name for sample in dataset] == ["images/b.png"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cat 0.5 0.5 1 1", "expected numbers, found 'cat 0.5 0.5 1 1'"),
        ("0 0.5 0.5 1", "4 numbers: expected 5 for a box"),
        ("0 0.5 0.5 1 1 0.9", "6 numbers: predictions have a confidence at the end"),
        ("0 50 25 20 10", "coordinates outside of 0 to 1: are they pixels?"),
        ("0 0.5 0.5 0 1", "a box without width or height"),
        ("0 0.5 0.5 nan 1", "a number that is not finite"),
        ("0.5 0.5 0.5 1 1", "0.5 is no class's number"),
        ("-1 0.5 0.5 1 1", "-1 is no class's number"),
        ("7 0.5 0.5 1 1", "class 7, and there are 2 classes, 0 to 1"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3", "a polygon without area"),
    ],
)
def test_wrong_lines_are_refused_by_file_and_number(tmp_path, line, message):
    root = write(tmp_path, {"a": ["0 0.5 0.5 1 1", line]})
    with pytest.raises(DatasetError) as refused:
        read(root)
    assert f"labels/val/a.txt, line 2: {message}" in str(refused.value)
    assert "Correct the lines, or remove them." in str(refused.value)


def test_all_wrong_lines_are_counted_and_the_first_named(tmp_path):
    root = write(tmp_path, {"a": ["x"] * 4, "b": ["x"] * 4})
    with pytest.raises(DatasetError, match=r"8 lines of labels cannot be used:(\n.*){5}\n  and 3 more\n"):
        read(root)


def test_labels_that_count_from_one_are_refused(tmp_path):
    root = write(tmp_path, {"a": ["1 0.5 0.5 1 1", "2 0.5 0.5 1 1"]})
    with pytest.raises(DatasetError, match=r"go from 1 to 2, and .*data\.yaml names 2, .* off by one: subtract 1"):
        read(root)


def test_images_without_any_labels_are_refused(tmp_path):
    root = write(tmp_path, {"a": None})
    with pytest.raises(DatasetError, match=r"None of the 1 images .* has labels, such as .*labels/val/a\.txt"):
        read(root, layout="yolo")


def test_labels_without_image_are_told(tmp_path):
    root = write(tmp_path, {"a": ["0 0.5 0.5 1 1"]})
    text(root / "labels" / "val" / "b.txt", "0 0.5 0.5 1 1")
    assert read(root).notes == ("1 files of labels have no image, and are left out: labels/val/b.txt.",)
