"""The held-out digits as a folder: `nox -s demo` measures the model on all of them."""

import sys

import numpy as np
import pytest

from zoo_digits import held_out
from zoo_evaluation import open_dataset


@pytest.fixture
def _three_digits(monkeypatch):
    image = held_out.as_image(np.full((8, 8), 16.0))
    digits = held_out.Digits([image] * 3, [0, 7, 7])
    monkeypatch.setattr(held_out, "load_split", lambda: (held_out.Digits([], []), digits))


@pytest.mark.usefixtures("_three_digits")
def test_digits_are_written_by_class_and_known_as_the_published_ones(tmp_path, capsys):
    held_out.main([str(tmp_path / "digits")])
    dataset = open_dataset(tmp_path / "digits")
    assert [sample.name for sample in dataset] == ["seven/001.png", "seven/002.png", "zero/000.png"]
    (published,) = held_out.ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1.meta["_metrics"]
    assert dataset.published == published
    assert capsys.readouterr().out == f"3 digits in {tmp_path / 'digits'}\n"


def test_all_digits_are_divided_as_the_model_was_trained_and_measured(tmp_path, capsys):
    held_out.main(["--all", str(tmp_path / "digits")])
    assert capsys.readouterr().out == f"1797 digits in {tmp_path / 'digits'}\n"
    sizes = {part: len(open_dataset(tmp_path / "digits" / part)) for part in ("train", "val")}
    assert sizes == {"train": 1437, "val": 360}


@pytest.mark.usefixtures("_three_digits")
def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit, match="is not empty: choose a new folder"):
        held_out.main([str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_without_scikit_learn_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit, match=r"pip install zoo-digits\[held-out\]"):
        held_out.main([str(tmp_path / "digits")])
    assert not (tmp_path / "digits").exists()


def test_an_image_keeps_the_range_of_its_pixels():
    image = np.asarray(held_out.as_image(np.array([[0.0] * 4 + [16.0] * 4] * 8)))
    assert image.shape == (64, 64)
    assert (image.min(), image.max()) == (0, 255)
