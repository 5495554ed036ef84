"""Label maps are divided as their layout says, and both parts number their classes alike."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from drawn_data import write_label_maps
from evaluation.makers_pixels import voc
from zoo_evaluation.datasets import DatasetError
from zoo_training._split import open_split


def test_vocs_own_lists_say_what_is_trained_on(tmp_path: Path) -> None:
    labels = np.zeros((4, 5), dtype=np.uint8)
    voc(tmp_path, dict.fromkeys(("a", "b", "c"), (labels, labels)))
    lists = tmp_path / "ImageSets" / "Segmentation"
    (lists / "train.txt").write_text("a\nb\n")
    (lists / "val.txt").write_text("c\n")
    train, held_out = open_split(tmp_path, "label maps", 0.2, 0)
    assert [sample.name for sample in train] == ["a.jpg", "b.jpg"]
    assert [sample.name for sample in held_out] == ["c.jpg"]


def test_vocs_images_are_divided_by_chance_where_one_list_is_there(tmp_path: Path) -> None:
    labels = np.zeros((4, 5), dtype=np.uint8)
    voc(tmp_path, dict.fromkeys("abcde", (labels, labels)))
    train, held_out = open_split(tmp_path, "label maps", 0.2, 0)
    assert (len(train), len(held_out)) == (4, 1)


def test_a_list_that_is_not_true_is_refused_rather_than_passed_over(tmp_path: Path) -> None:
    labels = np.zeros((4, 5), dtype=np.uint8)
    voc(tmp_path, dict.fromkeys("abc", (labels, labels)))
    (tmp_path / "ImageSets" / "Segmentation" / "train.txt").write_text("nowhere\n")
    with pytest.raises(DatasetError, match="None of the 1 images"):
        open_split(tmp_path, "label maps", 0.2, 0)


def test_label_maps_of_other_numbers_are_refused(tmp_path: Path) -> None:
    write_label_maps(tmp_path / "train", 2)
    shutil.copytree(tmp_path / "train", tmp_path / "val")
    (tmp_path / "val" / "categories.txt").write_text("background\nsquare\ndisc\ntriangle\n")
    with pytest.raises(DatasetError, match=r"(?s)in another order .background, square.*Put the same names into both"):
        open_split(tmp_path, "label maps", 0.2, 0)
