"""Evaluation of videos: a model of a known error has exactly that error, on the entry's own clips."""

import pytest
import torch
from torch import nn

from evaluation.makers_folders import text, video
from zoo_core import get_model_weights
from zoo_evaluation import evaluate, get_protocol, open_dataset, protocol_of
from zoo_evaluation.datasets import DatasetError

CATEGORIES = tuple(get_model_weights("r3d_18")["DEFAULT"].meta["categories"])
STEP = 40
"""Grey levels from a class to the next; a clip in the upper half of a class's levels is a sure one."""


class GreyReader(nn.Module):
    """Gives the class that a clip's grey level says: surely, or little more probable than others; notes the clips."""

    def __init__(self, transforms) -> None:
        super().__init__()
        self.mean, self.std = transforms.mean[0], transforms.std[0]
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(clips.shape))
        levels = (clips.mean((1, 2, 3, 4)) * self.std + self.mean) * 255
        sure = levels % STEP > STEP / 2
        logits = torch.zeros(len(clips), len(CATEGORIES))
        logits[range(len(clips)), (levels / STEP).long()] = torch.where(sure, 20.0, 6.0)
        return logits


def sure(label: int) -> int:
    return label * STEP + 30


def unsure(label: int) -> int:
    return label * STEP + 10


def reader(monkeypatch, model: str) -> GreyReader:
    """Let a fake stand for a model."""
    entry = get_model_weights(model)["DEFAULT"]
    fake = GreyReader(entry.transforms())
    monkeypatch.setattr("zoo_core.prediction._job.get_model", lambda *_, **__: fake)
    return fake


def test_a_known_error_is_measured_exactly(tmp_path, monkeypatch):
    fake = reader(monkeypatch, "r3d_18")
    root = tmp_path / "videos"
    video(root / "abseiling" / "a.mp4", [sure(0)])
    video(root / "air_drumming" / "a.mp4", [sure(1)])
    video(root / "air_drumming" / "b.avi", [sure(3)])
    (root / "abseiling" / "empty.mp4").touch()
    record = evaluate("r3d_18", root)
    assert (record.protocol["name"], record["acc@1"], record.failures) == ("videos", 50.0, 1)
    assert record.per_class["air drumming"] == {"acc@1": 50.0, "count": 2}
    assert sorted(set(fake.shapes)) == [(5, 3, 16, 112, 112)]


def test_probabilities_are_averaged_over_the_clips_of_a_video(tmp_path, monkeypatch):
    reader(monkeypatch, "r3d_18")
    two_sure_clips = [sure(1), unsure(2), unsure(2), sure(1), unsure(2)]  # most clips say 2, the mean says 1
    video(tmp_path / "videos" / "air drumming" / "a.mp4", two_sure_clips, frames_each=12)
    assert evaluate("r3d_18", tmp_path / "videos")["acc@1"] == 100


@pytest.mark.parametrize(("model", "clips"), [("s3d", [(1, 3, 128, 224, 224)]), ("mvit_v1_b", [(5, 3, 16, 224, 224)])])
def test_each_entry_gets_its_own_clips(tmp_path, monkeypatch, model, clips):
    fake = reader(monkeypatch, model)
    video(tmp_path / "videos" / "abseiling" / "a.mp4", [sure(0)])
    assert evaluate(model, tmp_path / "videos")["acc@1"] == 100
    assert fake.shapes == clips


def kinetics(root, *, names=CATEGORIES):
    for name in names:
        (root / name.replace(" ", "_")).mkdir(parents=True)
    return root


def test_kinetics_is_recognised_and_says_how_many_videos_are_left(tmp_path, monkeypatch):
    reader(monkeypatch, "r3d_18")
    root = kinetics(tmp_path / "k400" / "val")
    video(root / "zumba" / "a.mp4", [sure(0)])
    video(root / "abseiling" / "b.mp4", [sure(0)])
    record = evaluate("r3d_18", root.parent)
    assert (record.protocol["name"], record["acc@1"]) == ("kinetics-400", 50)
    assert [metric.published for metric in record.metrics] == [63.2, 83.479]
    assert any("2 of the 19877 videos" in note for note in record.notes)
    assert any("have disappeared" in note for note in record.notes)


def test_other_kinetics_are_refused_and_missing_classes_told(tmp_path, monkeypatch):
    root = kinetics(tmp_path / "val", names=CATEGORIES[:3])
    (root / "abseiling" / "a.mp4").touch()
    dataset = open_dataset(tmp_path, holds="videos", layout="kinetics")
    assert "397 of Kinetics' 400 classes have no folder." in dataset.notes
    monkeypatch.setattr("zoo_evaluation.datasets._kinetics.CLASSES", 2)
    with pytest.raises(DatasetError, match="has 3 folders, and Kinetics-400 has 2 classes: is it Kinetics-600"):
        open_dataset(tmp_path, holds="videos", layout="kinetics")


def test_classes_that_the_model_does_not_know_are_refused(tmp_path):
    (tmp_path / "juggling unicorns").mkdir()
    (tmp_path / "juggling unicorns" / "a.mp4").touch()
    with pytest.raises(DatasetError, match="1 of 1 classes that the model does not know: juggling unicorns"):
        evaluate("r3d_18", tmp_path)


def test_a_csv_file_lists_videos_too(tmp_path, monkeypatch):
    reader(monkeypatch, "r3d_18")
    video(tmp_path / "a.mp4", [sure(2)])
    text(tmp_path / "list.csv", "path,label", "a.mp4,answering questions")
    assert evaluate("r3d_18", tmp_path / "list.csv")["acc@1"] == 100


def test_protocols_state_what_published_numbers_mean():
    assert protocol_of("Kinetics-400", "video").count == 19877
    assert get_protocol("kinetics-400").num_classes == 400
    assert protocol_of("", "video").name == "videos"
