"""The page of a run: well-formed, escaped, whole without a network, and with the record's numbers on it."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.makers_coco import ReadingDetector, make_coco
from evaluation.makers_pixels import ClassReader, FlowReader, constant, label_maps, sintel, use_model
from evaluation.makers_run import NAMES, ReadingPredictor, write_images
from zoo_evaluation import EvaluationJob
from zoo_evaluation.datasets import ObjectsSample
from zoo_evaluation.metrics import expected_calibration_error, reliability
from zoo_evaluation.report import Bars, Chart, Line, Matrix, Point, Section, Table
from zoo_evaluation.report._canvases import chart_image, chart_svg
from zoo_evaluation.report._defaults import class_sections, confusion_sections, worst_sections
from zoo_evaluation.report._page import page
from zoo_evaluation.tasks._object_sections import _errors

EMPTY = {"meta", "img", "br"}


class Page(HTMLParser):
    """Reads a page; elements that are not closed in order are refused."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open = list[str]()
        self.tags = list[str]()
        self.addresses = list[str]()
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in {"src", "href"}]
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += f"{data} "


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = write_images(tmp_path_factory.mktemp("images") / "images", each=5, wrong=2)
    (root / "ant" / "<b>&.png").write_bytes(b"no image")
    folder = root.parent / "run"
    job = EvaluationJob(model=ReadingPredictor(), dataset=root, task="classification", output=folder)
    record = job.run()
    return record, job.write_report(record)


@pytest.fixture(scope="module")
def shown(run):
    return Page(run[1].read_text())


def test_the_page_holds_the_numbers_and_all_that_they_depend_on(run, shown):
    record, path = run
    assert path.name == "report.html"
    words = shown.text.split()
    for metric in record.metrics:
        assert f"{metric.value:.3f}".rstrip("0").rstrip(".") in words
    assert record.dataset["sha256"] in words
    assert record.versions["torch"] in words
    assert set(NAMES) <= set(words)
    assert "None" not in words


def test_the_page_needs_no_network(run, shown):
    assert all(address.startswith("data:image/jpeg;base64,") for address in shown.addresses)
    assert not {"link", "iframe"} & set(shown.tags)
    assert "@import" not in run[1].read_text()
    assert "url(" not in run[1].read_text()


def test_samples_that_are_wrong_are_shown_with_what_they_are_and_were_taken_for(shown):
    assert len(shown.addresses) == 8  # two of each of four classes
    assert "is ant" in shown.text
    assert "taken for bee, 90.0 %" in shown.text
    assert "8 of 20 samples are taken for another class" in shown.text


def test_the_reliability_of_probabilities_is_told(shown):
    assert "Expected calibration error 30.00 %" in shown.text  # 90 % are stated, 60 % are right


def test_failures_are_listed_and_their_names_are_text(run, shown):
    assert "1 samples could not be read" in shown.text
    assert "<b>&.png" in shown.text
    assert "b" not in shown.tags


def test_texts_of_files_are_never_html():
    evil = "</script><script>alert(1)</script><img src=x onerror='a'>\x1b\u202e\udc80\"'"
    sections = [
        Section(
            title=evil,
            text=evil,
            blocks=[
                Table(header=[evil], rows=[[evil]], folded=True),
                Bars(rows=[(evil, 3.0)]),
                Matrix(names=[evil], counts=[[1]]),
                Chart(
                    x_label=evil,
                    y_label=evil,
                    points=[Point(name=evil, x=1, y=2)],
                    lines=[Line(name=evil, points=[])],
                ),
            ],
        )
    ]
    text = page(evil, evil, sections, [evil])
    found = Page(text)
    assert found.tags.count("script") == 1
    assert "img" not in found.tags
    assert not set("\x1b\u202e\udc80") & set(text)
    text.encode()


def test_a_page_of_a_thousand_classes_is_small():
    generator = np.random.default_rng(0)
    names = [f"a name of class {number}" for number in range(1000)]
    matrix = generator.integers(0, 3, (1000, 1000))
    figures = {name: {"acc@1": 50.123, "count": 50} for name in names}
    sections = [*confusion_sections(names, matrix), *class_sections(figures, ["acc@1"])]
    assert len(page("title", "", sections)) < 300_000


def test_few_classes_are_a_matrix_and_pairs_come_in_order():
    (section,) = confusion_sections(["a", "b", "never"], np.array([[3, 1, 0], [2, 8, 0], [0, 0, 0]]))
    matrix, pairs = section.blocks
    assert matrix == Matrix(names=["a", "b"], counts=[[3, 1], [2, 8]])
    assert pairs.rows == [("b", "a", 2, 20.0), ("a", "b", 1, 25.0)]


@pytest.mark.parametrize(("name", "first"), [("epe", "b"), ("pixel_acc", "a")])
def test_samples_with_numbers_of_their_own_come_worst_first(name, first):
    class Sample:
        def __init__(self, name: str) -> None:
            self.name, self.paths = name, (Path(name),)

    rows = [{name: 1.0}, {name: 2.0}, {"error": "none"}, {name: None}]
    (section,) = worst_sections([Sample(each) for each in "abcd"], rows, [name])
    assert section.blocks[0].pictures[0].name == first
    assert len(section.blocks[0].pictures) == 2


def test_the_worst_classes_come_first_by_the_first_metric_that_they_have():
    figures = {"cat": {"iou": 80.0, "pixels": 9}, "dog": {"iou": 30.0, "pixels": 8}, "none": {"pixels": 0}}
    (section,) = class_sections(figures, ["miou"])
    bars, table = section.blocks
    assert list(bars.rows) == [("dog", 30.0), ("cat", 80.0)]
    assert table.rows[2] == ["none", None, 0]


def test_charts_are_svg_and_images_of_the_same_places():
    chart = Chart(
        x_label="x", y_label="y", points=[Point(name="one", x=1, y=1, marked=True), Point(name="two", x=2, y=3)]
    )
    found = Page(chart_svg(chart))
    assert found.tags.count("circle") == 2
    image = chart_image(chart)
    assert isinstance(image, Image.Image)
    assert (0xC2, 0x41, 0x0C) in {colour for _, colour in image.getcolors(1 << 20)}


@pytest.mark.parametrize(
    ("values", "greatest"), [((40.0, 99.0), ">100<"), ((40.0, 130.0), ">120<"), ((0.0, 100.0), ">100<")]
)
def test_an_axis_of_percentages_ends_at_a_hundred(values, greatest):
    line = Line(name="acc@1", points=list(enumerate(values)))
    text = chart_svg(Chart(x_label="epoch", y_label="acc@1", lines=[line]))
    assert greatest in text
    assert (">110<" in text or ">120<" in text) == (max(values) > 100)
    assert ">-" not in text


def test_calibration_is_the_mean_distance_of_stated_and_right():
    confidences, right = [0.95, 0.85, 0.85, 0.3], [True, True, False, False]
    expected = (1 * 0.05 + 2 * 0.35 + 1 * 0.3) / 4
    assert expected_calibration_error(confidences, right, bins=10) == pytest.approx(100 * expected)
    assert np.isnan(expected_calibration_error([], []))
    assert [each.count for each in reliability([0.0, 0.1, 0.100001, 1.0], [True] * 4, 10)][:2] == [2, 1]


@pytest.mark.parametrize(("confidences", "bins"), [([1.1], 5), ([float("nan")], 5), ([0.5, 0.5], 5), ([0.5], 0)])
def test_calibration_of_what_are_no_probabilities_is_refused(confidences, bins):
    with pytest.raises(ValueError, match=r"xpected|in \[0, 1\]|at least 1"):
        reliability(confidences, [True], bins)


def test_the_command_needs_a_folder_for_the_report_and_says_where_it_is(run, tmp_path):
    from click.testing import CliRunner

    from zoo_evaluation.cli.evaluate import command

    result = CliRunner().invoke(command, ["shufflenet_v2_x0_5_digits", str(tmp_path), "--report"])
    assert result.exit_code == 2
    assert "--report goes into the folder of --output" in result.output
    folder = run[1].parent
    assert json.loads((folder / "run.json").read_text())["model"] == "ReadingPredictor"
    run[1].unlink()
    result = CliRunner().invoke(command, ["--from", str(folder), "--report"])
    assert result.exit_code == 0, result.output
    assert str(run[1]) in result.stderr
    assert run[1].is_file()


@pytest.mark.parametrize("keypoints", [False, True])
def test_detectors_show_precision_over_recall_and_images_with_most_errors(tmp_path, keypoints):
    make_coco(tmp_path / "data", {1: "person", 3: "car & van"}, number=3, keypoints=keypoints)
    categories = ["__background__", "person", "bicycle", "car & van"]
    detector = ReadingDetector(categories, finds=lambda number: number not in {1, 2, 5}, keypoints=keypoints)
    job = EvaluationJob(model=detector, dataset=tmp_path / "data", task="detection", output=tmp_path / "run")
    record = job.run()
    shown = Page(job.write_report(record).read_text())
    assert "Precision and recall of boxes" in shown.text
    assert ("Precision and recall of keypoints" in shown.text) is keypoints
    assert "2 of 4 images have errors" in shown.text
    assert shown.text.index("2 missed, 0 false, 2 right") < shown.text.index("1 missed, 0 false, 3 right")
    assert len(shown.addresses) == 2
    assert "car & van" in shown.text


def test_a_detection_of_nothing_is_false_and_one_in_a_crowd_is_not():
    crowd = {"id": 2, "category_id": 1, "bbox": [50, 50, 50, 50], "iscrowd": 1}
    sample = ObjectsSample(
        name="a",
        paths=(Path("a"),),
        image_id=1,
        height=100,
        width=100,
        objects=({"id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "iscrowd": 0}, crowd),
    )
    boxes = [([0, 0, 10, 9], 0.9), ([0, 0, 10, 10], 0.8), ([60, 60, 9, 9], 0.7), ([80, 0, 9, 9], 0.4)]
    found = [{"category_id": 1, "bbox": box, "score": score} for box, score in boxes]
    errors = _errors(sample, found, {1: "cat"})
    assert (errors.right, errors.missed) == ([([0, 0, 10, 9], "cat 90%")], [])
    assert errors.false == [([0, 0, 10, 10], "cat 80%")]


def test_label_maps_show_confused_classes_and_the_worst_images(tmp_path, monkeypatch):
    use_model(monkeypatch, ClassReader())
    root = label_maps(
        tmp_path / "data",
        {"good": (np.full((12, 16), 1), np.full((12, 16), 1)), "bad": (np.full((12, 16), 1), np.full((12, 16), 0))},
    )
    shown = page_of("fcn_resnet50", root, tmp_path / "run")
    assert "Confused classes" in shown.text
    assert "192" in shown.text.split()  # pixels
    assert shown.text.index("pixel_acc 0") < shown.text.index("pixel_acc 100")


def test_flow_shows_the_worst_pairs(tmp_path, monkeypatch):
    use_model(monkeypatch, FlowReader())
    true = [constant((5, 0)), constant((8, 0))]
    root = sintel(tmp_path / "data", {"alley_1": [((5, 0), true[0]), ((5, 0), true[1])]})
    shown = page_of("raft_small", root, tmp_path / "run")
    assert shown.text.index("epe 3") < shown.text.index("epe 0")
    assert len(shown.addresses) == 2


def page_of(model, root, folder):
    job = EvaluationJob(model=model, dataset=root, output=folder)
    return Page(job.write_report(job.run()).read_text())
