"""A CSV file of paths and labels: names or numbers, quoted or not; each wrong line is named."""

import pytest

from evaluation.makers_folders import image, text
from zoo_evaluation import open_dataset
from zoo_evaluation.datasets import DatasetError


def write(root, *lines, header="path,label"):
    for name in ("a.png", "b, c.png", "deep/d.png"):
        image(root / name)
    return text(root / "labels.csv", header, *lines)


def read(path):
    return [(sample.name, sample.label) for sample in open_dataset(path)]


def test_names_become_sorted_categories(tmp_path):
    path = write(tmp_path, "a.png,dog", '"b, c.png","cat, small"', "deep\\d.png,dog")
    dataset = open_dataset(tmp_path)
    assert (dataset.layout, dataset.categories, dataset.files) == ("csv", ("cat, small", "dog"), (path,))
    assert read(path) == [("a.png", 1), ("b, c.png", 0), ("deep\\d.png", 1)]
    assert dataset.samples[2].paths[0].is_file()


def test_numbers_are_places_among_the_models_classes(tmp_path):
    path = write(tmp_path, "a.png,0", "deep/d.png,12")
    assert open_dataset(path).categories is None
    assert [label for _, label in read(path)] == [0, 12]


@pytest.mark.parametrize("header", ["\ufeffpath;label", "label;PATH", "path;split;label"])
def test_headers_are_understood_in_other_forms(tmp_path, header):
    cells = {"path": "a.png", "label": "cat", "split": "val"}
    line = ";".join(cells[name.strip("\ufeff").lower()] for name in header.split(";"))
    assert read(write(tmp_path, line, header=header)) == [("a.png", 0)]


def test_missing_files_are_left_out_and_told(tmp_path):
    path = write(tmp_path, "a.png,cat", "gone.png,dog")
    dataset = open_dataset(path)
    assert dataset.notes == ("1 of 2 files are listed and not there, and are left out: gone.png.",)
    assert dataset.categories == ("cat", "dog")
    with pytest.raises(DatasetError, match=r"None of the 1 files .* such as gone\.png: paths are relative to"):
        open_dataset(write(tmp_path, "gone.png,dog"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.png", r"labels\.csv, line 3: no label"),
        (",dog", r"labels\.csv, line 3: no path"),
        ("deep/d.png,dog", r"labels\.csv, line 3: deep/d\.png is 'dog' here and 'cat' before"),
        ('"a.png"x,dog', r"labels\.csv, line 3: .*expected after"),
    ],
)
def test_wrong_lines_are_refused_by_number(tmp_path, line, message):
    with pytest.raises(DatasetError, match=message):
        open_dataset(write(tmp_path, "deep/d.png,cat", line))


def test_negative_numbers_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="has the label -1: numbers of classes count from 0"):
        open_dataset(write(tmp_path, "a.png,-1"))


def test_several_files_are_not_chosen_from(tmp_path):
    write(tmp_path, "a.png,cat")
    text(tmp_path / "other.csv", "path,label", "a.png,cat")
    text(tmp_path / "table.csv", "name,price", "a,3")
    with pytest.raises(DatasetError, match=r"found labels\.csv, other\.csv\. Give the file's own path"):
        open_dataset(tmp_path, layout="csv")
    assert read(tmp_path / "other.csv") == [("a.png", 0)]
