"""`zoo evaluate`: what it prints, what it leaves behind, and its exit status."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

import zoo_digits
from zoo_core import get_weight
from zoo_core.cli import main
from zoo_evaluation.cli.evaluate import command
from zoo_evaluation.protocols import describe

MODEL = "shufflenet_v2_x0_5_digits"
SAMPLES = Path(str(zoo_digits.__file__)).parent / "samples"


def evaluate(*arguments):
    return CliRunner().invoke(command, list(map(str, arguments)))


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Two images that are said to be of the published data set, and one of another digit in a wrong folder."""
    root = tmp_path_factory.mktemp("digits")
    for folder, name in (("one", "one"), ("two", "two"), ("three", "four")):
        (root / folder).mkdir()
        (root / folder / f"{name}.png").write_bytes((SAMPLES / f"{name}.png").read_bytes())
    (root / "dataset.json").write_text(json.dumps({"published": "UCI digits, held out"}))
    return root


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    return evaluate(MODEL, digits, "-o", folder), folder


def test_the_numbers_are_printed_with_what_is_published_and_what_to_know(run):
    done, _ = run
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0].split() == ["metric", "measured", "published", "difference", "95%", "from", "to"]
    assert done.stdout.splitlines()[1].split()[:4] == ["acc@1", "66.667", "99.722", "-33.055"]
    assert "This is a partial data set: 3 of 360 samples." in done.stdout
    assert "as published" not in done.stdout
    assert "3 samples, " in done.stderr


def test_a_record_and_a_table_are_beside_the_predictions(run):
    _, folder = run
    assert {path.name for path in folder.iterdir()} == {"predictions.jsonl", "record.json", "record.md", "run.json"}
    assert json.loads((folder / "record.json").read_text())["metrics"][0]["published"] == 99.722
    assert "| acc@1 | 66.667 | 99.722 | -33.055 |" in (folder / "record.md").read_text()


def test_numbers_from_a_folder_are_the_same_without_the_model(run, monkeypatch):
    _, folder = run
    monkeypatch.setattr("zoo_core.prediction.PredictionJob.load_predictor", None)
    before = (folder / "record.json").read_bytes()
    done = evaluate("--from", folder, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == json.loads(before)
    assert (folder / "record.json").read_bytes() == before


@pytest.mark.parametrize(("tolerance", "status"), [("34", 0), ("33", 1)])
def test_the_exit_status_tells_whether_the_numbers_are_as_near_as_asked(run, tolerance, status):
    done = evaluate("--from", run[1], "--assert-within", tolerance)
    assert done.exit_code == status
    assert ("acc@1 66.667 instead of 99.722" in done.stderr) == bool(status)


def test_nothing_published_to_compare_with_is_a_failure(digits):
    done = evaluate(MODEL, digits, "--protocol", "images", "--assert-within", "1")
    assert done.exit_code == 1
    assert "Nothing is published" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give a model and the folder of a data set"),
        ([MODEL, "nowhere"], "nowhere does not exist"),
        (["resnet51", "nowhere"], "Did you mean"),
        ([MODEL, "nowhere", "--shard", "1of2"], "--shard is I/N"),
        ([MODEL, "nowhere", "--shard", "1/2"], "need an output folder"),
        ([MODEL, "nowhere", "--layout", "imagefolder"], "nowhere does not exist"),
        ([MODEL, SAMPLES], "has none of the known layouts"),
        ([MODEL, SAMPLES, "--layout", "image-foldr"], "Did you mean image-folder"),
        (["--from", SAMPLES], "is not the folder of an evaluation"),
        (["--from", SAMPLES, "--limit", "1"], "--limit is of the run whose predictions --from reads"),
        (["--from", SAMPLES, "-o", "elsewhere"], "--output is of the run whose predictions --from reads"),
        (["--from", SAMPLES, "--shard", "1/2"], "--shard is of the run whose predictions --from reads"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong_usage_says_what_to_do_and_has_a_status(arguments, message):
    done = evaluate(*arguments)
    assert done.exit_code in {1, 2}
    assert message in done.stderr.replace("\n", " ")


def test_names_that_are_no_utf_8_are_evaluated_and_told(tmp_path):
    data, folder = tmp_path / "data", tmp_path / "run"
    (data / "one").mkdir(parents=True)
    (data / "one" / "good.png").write_bytes((SAMPLES / "one.png").read_bytes())
    (data / "one" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"no image")
    done = evaluate(MODEL, data, "-o", folder)
    assert done.exit_code == 0, done.output
    assert "caf\\udce9.png" in (folder / "record.md").read_text(encoding="utf-8")
    assert evaluate("--from", folder).exit_code == 0


def test_protocols_are_listed():
    assert "imagenet-1k" in evaluate("--list").stdout
    names = [each["name"] for each in json.loads(evaluate("--list", "--json").stdout)]
    assert {"imagenet-1k", "digits", "images"} <= set(names)


def test_an_entry_says_by_which_command_its_numbers_are_checked():
    (facts,) = describe(MODEL, get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT"))["evaluation"]
    assert facts["command"] == f"zoo evaluate {MODEL} DATA --weights DIGITS_V1 --protocol digits"
    assert (facts["samples"], facts["metrics"]) == (360, ["acc@1"])


@pytest.mark.parametrize("installed", [True, False])
def test_info_shows_the_command_or_what_to_install_for_it(monkeypatch, installed):
    from zoo_core._entry_points import EntryPoint

    points = [EntryPoint("zoo_evaluation.protocols:describe", "evaluation")] if installed else []
    monkeypatch.setattr("zoo_core.cli._info.entry_points", lambda group: iter(points))
    shown = CliRunner().invoke(main, ["info", "ResNet18_Weights.DEFAULT"]).stdout
    command = "imagenet-1k: zoo evaluate resnet18 DATA --weights IMAGENET1K_V1 --protocol imagenet-1k"
    assert (command in shown) == installed
    assert ("pip install zoo-evaluation, to check the metrics" in shown) != installed


def test_info_names_a_broken_plug_in_and_goes_on(monkeypatch):
    from zoo_core._entry_points import EntryPoint

    monkeypatch.setattr("zoo_core.cli._info.entry_points", lambda group: iter([EntryPoint("no.such:thing", "prices")]))
    done = CliRunner().invoke(main, ["info", "ResNet18_Weights.DEFAULT"])
    assert done.exit_code == 0
    assert "no.such:thing is broken: ModuleNotFoundError" in done.stdout
