"""`zoo predict`: what it says of the model, of its progress, and of what it cannot read; work is looked for first."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

import zoo_digits
from core.users import public_folder, user
from zoo_core import get_model, get_weight, save_model
from zoo_core._progress import duration
from zoo_core._registry import all_tasks, list_models
from zoo_core.cli import _progress, main
from zoo_core.cli._progress import Count, Shown, step
from zoo_core.prediction import PredictionJob, embedded_model

SAMPLES = Path(zoo_digits.__path__[0]) / "samples"
DIGITS = "shufflenet_v2_x0_5_digits"
ENTRY = "ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1"


def zoo(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["predict", *map(str, arguments)])


def test_the_model_that_nobody_named_says_why_it_and_which_else() -> None:
    told = zoo(SAMPLES / "one.png").stderr
    assert "taken since no --model was given: it comes inside zoo_digits, and needs no network." in told
    assert "It knows zero, one, two, … nine, and nothing else. For photographs: --model resnet50." in told
    assert "no --model" not in zoo(SAMPLES / "one.png", "--model", DIGITS).stderr
    assert zoo(SAMPLES / "one.png", "--quiet").stderr == ""


def test_models_that_are_suggested_are_there() -> None:
    model = embedded_model()
    assert model is not None
    assert set(PredictionJob(sources=(), model=model).entry.meta["_instead"].values()) <= set(list_models())


@pytest.mark.parametrize(
    "name", [ENTRY, "ShuffleNet_V2_X0_5_Digits_Weights", "ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT"]
)
def test_a_weights_entry_stands_for_its_model(name: str) -> None:
    assert f"{DIGITS} ({ENTRY})" in zoo(SAMPLES / "one.png", "--model", name).stderr


def test_a_weights_entry_as_model_and_another_one_are_refused() -> None:
    names = ("--model", "ResNet50_Weights.IMAGENET1K_V2", "--weights")
    result = zoo(SAMPLES / "one.png", *names, "IMAGENET1K_V1")
    assert (result.exit_code, "leave one of them out" in result.stderr) == (2, True)


def test_of_several_paths_one_that_is_missing_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    result = zoo(SAMPLES / "one.png", tmp_path / "absent.png", SAMPLES / "two.png", "--quiet")
    assert result.exit_code == 1
    assert [line.split()[1] for line in result.stdout.splitlines()] == ["one", "two"]
    assert f"{tmp_path / 'absent.png'}: there is no such file or folder." in result.stderr
    assert "1 of 3 images could not be read" in result.stderr


def test_a_closed_folder_and_a_closed_file_are_reported_and_the_others_go_on() -> None:
    with public_folder() as top:
        (top / "closed").mkdir()
        for name in ("a.png", "b.png", "closed/c.png"):
            Image.new("L", (12, 12)).save(top / name)
        (top / "b.png").chmod(0)
        (top / "closed").chmod(0)
        assert zoo(top / "a.png", "--quiet").exit_code == 0  # imports what other users may not
        with user():
            result = zoo(top, "--quiet")
    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == [str(top / "a.png")]
    assert result.stderr.count("Permission denied") == 2
    assert "2 of 3 images could not be read" in result.stderr


def test_with_nothing_left_to_do_torch_is_not_imported(tmp_path: Path) -> None:
    """All rows are looked at, and no model is built."""
    arguments = ["predict", str(SAMPLES), "-o", str(tmp_path / "rows.jsonl")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    code = f"import sys\nfrom zoo_core.cli import main\ntry: main({arguments})\nfinally: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert "10 rows are in" in done.stderr
    assert "nothing is left to do" in done.stderr


def test_failures_of_a_run_into_a_file_are_told_and_not_all_of_many(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(b"no image")
    result = zoo(tmp_path, "-o", tmp_path / "rows.jsonl")
    assert result.stderr.count("is not an image that Pillow can read") == 3
    assert "5 of 5 images could not be read." in result.stderr
    assert "--retry tries them again" in zoo(tmp_path, "-o", tmp_path / "rows.jsonl").stderr


def test_raw_rows_are_continued(tmp_path: Path) -> None:
    arguments = (SAMPLES / "one.png", SAMPLES / "two.png", "--raw", tmp_path / "raw", "--json", "--quiet")
    first = json.loads(zoo(*arguments[1:]).stdout)
    second = json.loads(zoo(*arguments).stdout)
    assert [row["source"] for row in (*first, *second)] == [str(SAMPLES / "two.png"), str(SAMPLES / "one.png")]
    lines = (tmp_path / "raw" / "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["top"][0]["label"] for line in lines] == ["two", "one"]


def test_one_picture_is_no_plural(tmp_path: Path) -> None:
    told = zoo(SAMPLES / "one.png", "--save", tmp_path / "drawn", "-o", tmp_path / "rows.jsonl").stderr
    assert f"1 picture in {tmp_path / 'drawn'}" in told
    assert f"1 row in {tmp_path / 'rows.jsonl'}" in told
    assert "1 row is in" in zoo(SAMPLES / "one.png", "-o", tmp_path / "rows.jsonl").stderr


def test_defaults_that_options_state_are_those_of_the_predictors() -> None:
    from inspect import signature

    for task in all_tasks():
        parameters = signature(task.predictor_class()).parameters
        for option in task.options:
            assert option.default == parameters[option.name].default, (task.name, option.name)


def test_the_error_of_a_large_image_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (40, 30)).save(tmp_path / "a.png")
    monkeypatch.setenv("ZOO_MAX_PIXELS", "1000")
    assert "`ZOO_MAX_PIXELS=1200 zoo predict …`" in zoo(tmp_path / "a.png").stderr


# progress


def test_a_step_that_takes_long_is_told_and_a_short_one_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_progress, "SOON", 0.05)
    monkeypatch.setattr(_progress, "_TICK", 0.01)
    for what, seconds in (("building a", 0.2), ("building b", 0.0)):
        with step(what):
            time.sleep(seconds)
    with step("building c", quiet=True):
        time.sleep(0.2)
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.startswith("building a …")


def test_a_terminal_has_one_line_that_is_cleared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_progress, "is_terminal", lambda: True)
    monkeypatch.setattr(_progress, "SOON", 0.0)
    shown = Shown(lambda seconds: f"{seconds:.0f} s")
    shown()
    shown()
    shown(is_last=True)
    assert capsys.readouterr().err == "\r\x1b[K0 s\r\x1b[K0 s\r\x1b[K"


def test_how_far_it_is_has_the_total_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("zoo_core.cli._progress.time.monotonic", lambda: now[0])
    count = Count(range(20))
    deadline = time.perf_counter() + 10
    while count.total is None and time.perf_counter() < deadline:
        time.sleep(0.01)
    for _ in range(5):
        count.add()
        now[0] += 1
    assert count.text(5.0) == " 25% [#####...............] 5 of 20 done, 0.8/s, 0:19 left"
    assert Count(None).text(61.0) == "0 done, 1:01"
    assert duration(3661) == "1:01:01"


def test_weights_of_another_models_are_not_taken_for_its_own() -> None:
    result = zoo(SAMPLES / "one.png", "--model", str(get_weight(ENTRY)), "--weights", "ResNet50_Weights.DEFAULT")
    assert (result.exit_code, "leave one of them out" in result.stderr) == (2, True)


def test_a_saved_model_whose_folder_has_a_point_in_its_name_is_a_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_model(get_model("shufflenet_v2_x0_5_digits", weights="DEFAULT"), "v1.2")
    main(["predict", str(SAMPLES / "two.png"), "--model", "local-dir:v1.2", "--topk", "1", "-q"], standalone_mode=False)
    assert "two" in capsys.readouterr().out
