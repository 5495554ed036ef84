"""Models side by side: the front, records, costs, and what the command writes."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

import zoo_digits
from evaluation.test_report import Page
from zoo_core import get_model, save_model
from zoo_evaluation import Measured, Record
from zoo_evaluation.cli.compare import command
from zoo_evaluation.compare import Compared, Comparison, Cost, measure_cost, pareto_front, read_compared
from zoo_evaluation.compare._compared import _folder_name

MODEL = "shufflenet_v2_x0_5_digits"
SAMPLES = Path(str(zoo_digits.__file__)).parent / "samples"


def record(name, value, *, metric="acc@1", digest="d1", weights="W.V1"):
    return Record(
        protocol={"name": "images", "version": 1, "title": "Your <own> images"},
        model={"name": name, "weights": weights, "file": None, "sha256": "s"},
        dataset={"layout": "image-folder", "samples": 10, "expected": None, "sha256": digest, "files": {}},
        metrics=(Measured(name=metric, value=value),),
        versions={"zoo": "0.1"},
    )


def compared(name, value, latency, **told):
    return Compared(name=name, record=record(name, value, **told), cost=Cost(latency_ms=latency))


@pytest.fixture
def runs(tmp_path):
    """Three runs: small, large, and one that is beaten by large."""
    for name, value, latency in (("small", 70.0, 5.0), ("large", 80.0, 10.0), ("slow", 79.0, 20.0)):
        folder = tmp_path / name
        folder.mkdir()
        record(name, value).write(folder / "record.json")
        Cost(latency_ms=latency, parameters=10**6, file_bytes=2**20, threads=1, device="cpu").write(folder)
    return [tmp_path / name for name in ("small", "large", "slow")]


def compare(*arguments):
    return CliRunner().invoke(command, list(map(str, arguments)))


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([(1, 70), (2, 80), (3, 75)], (0, 1)),
        ([(3, 75), (2, 80), (1, 70)], (2, 1)),
        ([(1, 70), (1, 80)], (1,)),
        ([(1, 70), (2, 70)], (0,)),
        ([(1, 70), (1, 70)], (0, 1)),
        ([], ()),
    ],
)
def test_the_front_is_what_nobody_beats(points, front):
    assert pareto_front(points) == front


def test_errors_are_better_when_they_are_smaller():
    models = [compared("near", 1.0, 9.0, metric="epe"), compared("far", 2.0, 10.0, metric="epe")]
    assert Comparison(models=models).front == {0}


def test_models_of_which_a_figure_is_not_known_are_in_the_table_and_not_on_the_front():
    comparison = Comparison(models=[compared("one", 70.0, 5.0), compared("two", 99.0, None)])
    assert comparison.front == {0}
    assert [row[0] for row in comparison.table()[1]] == ["one", "two"]
    assert [point.name for point in comparison.chart().points] == ["one"]


def test_other_samples_and_other_machines_are_told():
    models = [compared("one", 70.0, 5.0), compared("two", 80.0, 6.0, digest="d2")]
    assert "not measured on the same samples" in Comparison(models=models).notes[0]
    there = Compared(name="two", record=record("two", 80.0), cost=Cost(latency_ms=1.0, device="cuda", threads=4))
    assert "Latencies were measured on different machines" in Comparison(models=[models[0], there]).notes[0]


def test_records_without_a_metric_in_common_are_refused():
    with pytest.raises(ValueError, match=r"no metric in common: one has acc@1; two has epe"):
        Comparison(models=[compared("one", 70.0, 5.0), compared("two", 1.0, 6.0, metric="epe")])
    with pytest.raises(ValueError, match=r"Not all records have 'miou': they share acc@1"):
        Comparison(models=[compared("one", 70.0, 5.0)], metric="miou")


def test_one_model_twice_is_told_apart_by_weights_or_folder(tmp_path):
    for folder, weights in (("a", "W.V1"), ("b", "W.V2"), ("c", "W.V2")):
        (tmp_path / folder).mkdir()
        record("net", 1.0, weights=weights).write(tmp_path / folder / "record.json")
    assert [each.name for each in read_compared([tmp_path / "a", tmp_path / "b" / "record.json"])] == [
        "net V1",
        "net V2",
    ]
    assert [each.name for each in read_compared([tmp_path / "b", tmp_path / "c"])] == ["net (b)", "net (c)"]


def test_sizes_come_from_the_catalogue_where_nothing_was_measured(tmp_path):
    record(MODEL, 99.0, weights="ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1").write(tmp_path / "record.json")
    (found,) = read_compared([tmp_path])
    assert found.cost == Cost(parameters=352042, file_bytes=1471376)
    assert Comparison(models=[found]).by == ("acc@1", "parameters")


def test_the_command_prints_and_writes_the_front(runs, tmp_path):
    page, table, picture = (tmp_path / name for name in ("c.html", "c.csv", "c.png"))
    result = compare(*runs, "--html", page, "--csv", table, "--png", picture)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines if line.endswith("*")] == ["small", "large"]
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["model"], row["acc@1"], row["latency_ms"], row["front"]) for row in rows] == [
        ("small", "70.0", "5.0", "True"),
        ("large", "80.0", "10.0", "True"),
        ("slow", "79.0", "20.0", "False"),
    ]
    shown = Page(page.read_text())
    assert shown.tags.count("circle") == 3
    assert "Your <own> images" in shown.text
    assert shown.addresses == []
    with Image.open(picture) as drawn:
        assert drawn.size == (1280, 800)


def test_the_command_gives_json(runs):
    found = json.loads(compare(*runs, "--json", "--by", "parameters").stdout)
    assert [(each["model"], each["front"]) for each in found] == [("small", False), ("large", True), ("slow", False)]


def test_records_are_compared_without_torch(runs):
    code = (
        "import sys\nfrom zoo_evaluation.cli.compare import command\n"
        "command(sys.argv[1:], standalone_mode=False)\nassert 'torch' not in sys.modules"
    )
    page = runs[0].parent / "c.html"
    arguments = [*map(str, runs), "--html", str(page)]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)
    assert page.is_file()


def test_names_without_a_data_set_are_explained():
    result = compare("resnet50", "resnet18")
    assert result.exit_code == 2
    assert "--data DIR" in result.output


def test_a_file_that_is_no_record_is_refused(tmp_path):
    (tmp_path / "record.json").write_text("[]")
    assert "is not a record" in compare(tmp_path).output


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    root = tmp_path_factory.mktemp("digits")
    for name in ("one", "two"):
        (root / name).mkdir()
        (root / name / f"{name}.png").write_bytes((SAMPLES / f"{name}.png").read_bytes())
    return root


def test_models_are_evaluated_and_timed_and_one_that_fails_does_not_end_the_others(digits, tmp_path):
    result = compare("no_such_model", f"{MODEL}:DIGITS_V1", "--data", digits, "-o", tmp_path, "--json")
    assert result.exit_code == 1
    assert "Unknown model no_such_model" in result.stderr
    assert "1 of 2 models are missing: no_such_model" in result.stderr
    (found,) = json.loads(result.stdout)
    assert (found["acc@1"], found["parameters"], found["samples"]) == (100.0, 352042, 2)
    assert found["latency_ms"] > 0
    assert found["peak_memory_bytes"] > 2**25
    assert found["model"] == f"{MODEL}:DIGITS_V1"
    (again,) = json.loads(compare(tmp_path / f"{MODEL}-DIGITS_V1", "--json").stdout)
    assert again == found | {"model": MODEL}


@pytest.mark.parametrize("form", ["local-dir:{}", "{}"])
def test_a_model_of_ones_own_is_compared_and_its_folder_stays_as_it_is(digits, tmp_path, form):
    mine, output = tmp_path / "models" / "mine", tmp_path / "runs"
    save_model(get_model(MODEL, weights="DEFAULT"), mine)
    before = sorted(mine.iterdir())
    result = compare(form.format(mine), "--data", digits, "-o", output, "--json")
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)
    assert found["acc@1"] == 100.0
    assert sorted(mine.iterdir()) == before
    (run,) = output.iterdir()
    shutil.rmtree(mine)  # records are compared without models
    assert compare(run).exit_code == 0


def test_folders_of_runs_lead_nowhere_else():
    names = ["../../x", "..", "/a/b", "hf-hub:org/name@v2", f"{MODEL}:V1"]
    assert list(map(_folder_name, names)) == ["x", "model", "a-b", "hf-hub-org-name@v2", f"{MODEL}-V1"]


@pytest.mark.parametrize("option", ["--csv", "--html", "--png"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_evaluated(digits, tmp_path, option):
    result = compare("no_such_model", "--data", digits, option, tmp_path / "nowhere" / "x")
    assert result.exit_code == 2
    assert "there is no folder" in result.stderr


def test_a_metric_that_there_is_not_is_told_after_the_first_model(digits, tmp_path):
    result = compare(MODEL, "no_such_model", "--data", digits, "-o", tmp_path, "--metric", "acc@2")
    assert result.exit_code == 2
    assert "have 'acc@2': they share acc@1" in " ".join(result.stderr.split())
    assert "no_such_model" not in result.stderr
    assert (tmp_path / MODEL / "record.json").is_file()


@pytest.mark.parametrize("option", [["--limit", "1"], ["-o", "runs"], ["--optimized"], ["--device", "cpu"]])
def test_options_of_evaluations_are_refused_where_records_are_compared(runs, option):
    result = compare(*runs, *option)
    assert result.exit_code == 2
    assert "is for models that are evaluated, with --data" in " ".join(result.stderr.split())


@pytest.mark.slow
def test_what_cannot_be_measured_says_why(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=rf"What {MODEL} costs could not be measured: .*No sample could be read"):
        measure_cost(MODEL, [[tmp_path / "a.png"]])
