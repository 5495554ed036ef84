"""Evaluation of flow: layouts, protocols, and models of a known error, which have exactly that error."""

import math

import pytest
import torch
from PIL import Image

from evaluation.makers_pixels import FlowReader, RowReader, constant, kitti, save_frame, sintel, use_model
from zoo_core._registry import get_model_weights, list_models, task_of
from zoo_evaluation import EvaluationJob, evaluate, get_protocol, open_dataset, protocol_of
from zoo_evaluation.datasets import DatasetError
from zoo_flow.files import read_flo, write_flo, write_kitti

MODEL = "raft_small"


@pytest.fixture(autouse=True)
def reader(monkeypatch):
    return use_model(monkeypatch, FlowReader())


def wrong_by(flow, error, share, height=130, width=136):
    """Return the true flow of a model that says `flow` everywhere, and errs by `error` in such a share of the rows."""
    true = constant(flow, height, width)
    true[0, : round(share * height)] += error
    return true


def test_a_known_error_on_sintel_is_measured_exactly(tmp_path, reader):
    scenes = {
        "alley_1": [((5, -7), wrong_by((5, -7), 4, 0.5)), ((0, 3), wrong_by((0, 3), 2, 1))],
        "bamboo_2": [((9, 9), constant((9, 9), 200, 160))],
    }
    record = evaluate(MODEL, sintel(tmp_path, scenes))
    small, large = 130 * 136, 200 * 160
    assert record.protocol["name"] == "sintel-clean"
    assert record["epe"] == pytest.approx((small * 2 + small * 2) / (2 * small + large), abs=1e-6)
    assert record.metrics[0].published == 1.9901
    assert reader.updates == [32] * 3
    assert any("3 of 1041" in note for note in record.notes)


@pytest.mark.parametrize("told", [{"protocol": "sintel-final"}, {"layout": "sintel-final"}])
def test_the_final_pass_is_read_where_it_is_asked_for(tmp_path, told):
    sintel(tmp_path, {"a": [((1, 1), constant((1, 1)))]})
    sintel(tmp_path, {"a": [((4, 1), constant((1, 1)))]}, "final")
    assert evaluate(MODEL, tmp_path)["epe"] == 0
    record = evaluate(MODEL, tmp_path, **told)
    assert record["epe"] == pytest.approx(3)
    assert record.metrics[0].published == 3.2831


def test_known_errors_on_kitti_are_measured_exactly_where_flow_is_known(tmp_path, reader):
    upper = torch.zeros(130, 136, dtype=torch.bool)
    upper[:65] = True
    everywhere = torch.ones(200, 160, dtype=torch.bool)
    pairs = [
        ((20, 0), wrong_by((20, 0), 8, 0.25), upper),  # 33 of 65 known rows
        ((0, 0), wrong_by((0, 0), 3, 0.1, 200, 160), everywhere),  # no outlier: not more than 3
    ]
    record = evaluate(MODEL, kitti(tmp_path, pairs))
    rows = round(0.25 * 130)
    first, second = 8 * rows / 65, 3 * 0.1
    assert record.protocol["name"] == "kitti"
    assert record["per_image_epe"] == pytest.approx((first + second) / 2, abs=1e-6)
    assert record["fl_all"] == pytest.approx(100 * rows * 136 / (65 * 136 + 200 * 160), abs=1e-9)
    assert [metric.published for metric in record.metrics] == [7.5978, 25.2369]
    assert reader.updates == [24, 24]


@pytest.mark.parametrize(("made", "above"), [("sintel", 3), ("kitti", 0)])
def test_rows_are_added_where_the_protocol_adds_them(tmp_path, monkeypatch, made, above):
    use_model(monkeypatch, RowReader())
    rows = torch.arange(130.0).view(1, -1, 1).expand(1, 130, 136)
    true = torch.cat([torch.zeros_like(rows), rows])
    if made == "sintel":
        record = evaluate(MODEL, sintel(tmp_path, {"a": [((0, 0), true)]}))
    else:
        record = evaluate(MODEL, kitti(tmp_path, [((0, 0), true, torch.ones(130, 136, dtype=torch.bool))]))
    assert record.metrics[0].value == pytest.approx(above)


def test_own_pairs_may_have_flow_in_either_form(tmp_path, reader):
    for name in ("a", "deep/b"):
        for which in ("img1", "img2"):
            save_frame(tmp_path / f"{name}_{which}.png", (10, 0))
    unknown = wrong_by((10, 0), 1e10, 0.5)
    unknown[0, 65:] -= 1
    write_flo(tmp_path / "a_flow.flo", unknown)
    write_kitti(tmp_path / "deep" / "b_flow.png", constant((10, 5)))
    record = evaluate(MODEL, tmp_path)
    assert record.protocol["name"] == "flows"
    assert record["per_image_epe"] == pytest.approx((1 + 5) / 2)
    assert record["epe"] == pytest.approx((1 * 65 + 5 * 130) / 195)
    assert record["fl_all"] == pytest.approx(100 * 130 / 195)
    assert reader.updates == [None, None]


def test_a_pair_that_cannot_be_read_counts_as_if_nothing_moved_and_as_outliers(tmp_path):
    known = torch.ones(130, 136, dtype=torch.bool)
    root = kitti(tmp_path, [((1, 0), constant((1, 0)), known), ((0, 2), constant((0, 2)), known)])
    (root / "training" / "image_2" / "000001_11.png").write_bytes(b"nothing")
    record = evaluate(MODEL, root)
    assert (record["per_image_epe"], record["fl_all"], record.failures) == (1, 50, 1)


def test_a_pair_of_another_size_than_its_flow_is_told_and_wrong(tmp_path):
    root = sintel(tmp_path, {"a": [((0, 2), constant((0, 2)))], "b": [((0, 2), constant((0, 2)))]})
    write_flo(root / "training" / "flow" / "b" / "frame_0001.flo", constant((0, 2), 130, 144))
    record = evaluate(MODEL, root)
    assert record["epe"] == pytest.approx(2 * 144 / (136 + 144))
    assert any("136 x 130 pixels, and the true flow 144 x 130" in note for note in record.notes)


def test_flow_that_is_not_finite_is_told_and_wrong(tmp_path, monkeypatch):
    class Lost(FlowReader):
        """Is lost with every other pair."""

        calls = 0

        def forward(self, *images, **options):
            self.calls += 1
            return [flow * (math.nan if self.calls % 2 else 1) for flow in super().forward(*images, **options)]

    use_model(monkeypatch, Lost())
    record = evaluate(MODEL, sintel(tmp_path, {"a": [((0, 2), constant((0, 2)))] * 2}))
    assert (record["epe"], record.failures) == (pytest.approx(1), 1)
    assert any("not finite" in note for note in record.notes)


def test_numbers_come_from_the_files(tmp_path):
    root = sintel(tmp_path / "data", {"a": [((0, 2), constant((0, 2)))]})
    job = EvaluationJob(model=MODEL, dataset=root, output=tmp_path / "run")
    job.run()
    path = tmp_path / "run" / "flow" / "clean" / "a" / "frame_0001.flo"
    assert torch.equal(read_flo(path), constant((0, 2)))
    write_flo(path, constant((0, 5)))
    assert EvaluationJob(model=MODEL, dataset=root, output=tmp_path / "run").recompute()["epe"] == 3


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.unlink(), "is missing or damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:-4]), "is missing or damaged: .* is truncated"),
        (lambda path: write_flo(path, constant((0, 2), 8, 8)), "is missing or damaged: .* same shape"),
    ],
)
def test_a_predicted_flow_that_is_missing_or_damaged_is_refused(tmp_path, spoil, message):
    root = sintel(tmp_path / "data", {"a": [((0, 2), constant((0, 2)))]})
    job = EvaluationJob(model=MODEL, dataset=root, output=tmp_path / "run")
    job.run()
    spoil(tmp_path / "run" / "flow" / "clean" / "a" / "frame_0001.flo")
    with pytest.raises(ValueError, match=message):
        job.recompute()


def test_true_flow_that_is_damaged_is_refused_and_what_was_predicted_is_kept(tmp_path):
    known = torch.ones(130, 136, dtype=torch.bool)
    root = kitti(tmp_path / "data", [((1, 0), constant((1, 0)), known), ((0, 2), constant((0, 2)), known)])
    path = root / "training" / "flow_occ" / "000001_10.png"
    whole = path.read_bytes()
    path.write_bytes(whole[:60] + bytes([whole[60] ^ 1]) + whole[61:])
    job = EvaluationJob(model=MODEL, dataset=root, output=tmp_path / "run")
    with pytest.raises(DatasetError, match=r"true flow of image_2/000001_10.png cannot be read(.|\n)*is kept"):
        job.run()
    path.write_bytes(whole)
    record = EvaluationJob(model=MODEL, dataset=root, output=tmp_path / "run").run()
    assert record is not None
    assert (record["fl_all"], record.timing["predicted"]) == (0, 1)


@pytest.mark.parametrize("content", [b"PIEH", b"nothing at all", None])
def test_true_flow_that_is_truncated_is_refused_before_anything_runs(tmp_path, content):
    root = sintel(tmp_path, {"a": [((0, 2), constant((0, 2)))] * 2})
    path = root / "training" / "flow" / "a" / "frame_0002.flo"
    path.write_bytes(path.read_bytes()[:-1] if content is None else content)
    with pytest.raises(DatasetError, match=r"1 of 2 files of true flow(.|\n)*frame_0002.flo"):
        open_dataset(root, holds="flows")


def test_a_truncated_flow_file_of_kitti_is_refused_before_anything_runs(tmp_path):
    root = kitti(tmp_path, [((0, 0), constant((0, 0)), torch.ones(130, 136, dtype=torch.bool))])
    path = root / "training" / "flow_occ" / "000000_10.png"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DatasetError, match=r"000000_10\.png is not a whole PNG file"):
        open_dataset(root, holds="flows")


def test_frames_that_are_missing_are_told(tmp_path):
    root = sintel(tmp_path, {"a": [((0, 2), constant((0, 2)))] * 3})
    (root / "training" / "clean" / "a" / "frame_0004.png").unlink()
    dataset = open_dataset(root / "training", holds="flows")
    assert [sample.name for sample in dataset] == ["clean/a/frame_0001.png", "clean/a/frame_0002.png"]
    assert dataset.notes == ("1 pairs of frames are missing, and are left out: clean/a/frame_0003.png.",)


def test_two_files_of_flow_for_one_pair_are_refused(tmp_path):
    for which in ("img1", "img2"):
        save_frame(tmp_path / f"a_{which}.png", (0, 0))
    write_flo(tmp_path / "a_flow.flo", constant((0, 0)))
    Image.new("RGB", (2, 2)).save(tmp_path / "a_flow.png")
    with pytest.raises(DatasetError, match="two files of flow for a"):
        open_dataset(tmp_path, holds="flows")


@pytest.mark.parametrize("model", [name for name in list_models() if task_of(name).name == "optical_flow"])
def test_each_published_number_has_its_protocol(model):
    for entry in get_model_weights(model):
        for dataset, metrics in entry.meta["_metrics"].items():
            protocol = protocol_of(dataset, "optical_flow")
            assert set(metrics) == set(protocol.metrics)
            assert protocol.reproducible == dataset.endswith(("-Train", "-Train-Cleanpass", "-Train-Finalpass"))
            assert bool(protocol.reason) != protocol.reproducible


@pytest.mark.parametrize(("name", "count"), [("sintel-clean", 1041), ("sintel-final", 1041), ("kitti", 200)])
def test_protocols_know_how_many_pairs_there_are(name, count):
    assert get_protocol(name).count == count
