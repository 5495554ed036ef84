"""The page of a run, and what TensorBoard gets."""

import sys
from types import SimpleNamespace

import pytest
from PIL import Image

from zoo_training import train
from zoo_training._board import Board
from zoo_training._page import _curves

MODEL = "shufflenet_v2_x0_5_digits"
ROW = {"epoch": 3, "losses": {"loss": 0.5}, "metrics": {"acc@1": 90.0}, "seconds": {"training": 1.5}, "lr": 0.01}


@pytest.fixture
def photos(tmp_path):
    for name, value in (("dark", 20), ("light & bright", 220)):
        for number in range(4):
            path = tmp_path / "photos" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 30), (value + number,) * 3).save(path)
    return tmp_path / "photos"


def test_a_run_ends_with_a_page_of_curves_predictions_and_all_numbers(photos, tmp_path):
    values = {"epochs": 2, "size": 32, "validation": 0.5, "flip": 0.25}
    train(MODEL, photos, values, output=tmp_path / "run", workers=0)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3  # losses, acc@1, acc@5
    assert page.count("data:image/jpeg;base64,") == 4  # the samples for validation
    assert "light &amp; bright" in page
    assert "light & bright" not in page
    assert ">0.25<" in page
    assert "http://" not in page.replace("http://www.w3.org/", "")


def test_a_metric_has_its_curve_from_the_epoch_on_in_which_it_is_there():
    rows = [ROW | {"epoch": 1}, ROW | {"epoch": 2, "metrics": {"mask_map": 5.0, "acc@1": 80.0}}]
    found = {section.title: section.blocks[0].lines[0].points for section in _curves(rows)}
    assert found == {"Loss": [(1, 0.5), (2, 0.5)], "acc@1": [(1, 90.0), (2, 80.0)], "mask_map": [(2, 5.0)]}


class Writer:
    """Stands for TensorBoard's."""

    def __init__(self, folder, purge_step):
        self.folder, self.purge_step, self.written, self.is_closed = folder, purge_step, {}, False
        Writer.last = self

    def add_scalar(self, name, value, step):
        self.written[name, step] = value

    def flush(self):
        pass

    def close(self):
        self.is_closed = True


def test_tensorboard_gets_each_number_of_an_epoch_where_it_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo_training._board.find_spec", lambda _: object())
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=Writer))
    with Board(tmp_path, epochs=2) as board:
        board.add(ROW)
    assert (Writer.last.folder, Writer.last.purge_step) == (tmp_path / "tensorboard", 3)
    assert Writer.last.written == {
        ("losses/loss", 3): 0.5, ("metrics/acc@1", 3): 90.0, ("seconds/training", 3): 1.5, ("lr", 3): 0.01,
    }  # fmt: skip
    assert Writer.last.is_closed


def test_without_tensorboard_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo_training._board.find_spec", lambda _: None)
    with Board(tmp_path) as board:
        board.add(ROW)
    assert list(tmp_path.iterdir()) == []
