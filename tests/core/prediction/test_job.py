"""A run: checked when it is made, its sources found while it goes, its weights resolved once."""

import dataclasses
import inspect
import json
import threading
from itertools import cycle
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

import zoo_core
import zoo_digits
from zoo_core.cli import main
from zoo_core.files import _resolve as resolving
from zoo_core.prediction import PredictionJob, ResultsFile, Source, find_sources

MODEL = "shufflenet_v2_x0_5_digits"
SAMPLES = sorted((Path(zoo_digits.__path__[0]) / "samples").iterdir())


def zoo(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"model": "resnet500"}, "Did you mean resnet50"),
        ({"weights": "V9"}, "has no member 'V9'"),
        ({"weights": None}, "Prediction needs weights: choose one of ShuffleNet_V2_X0_5_Digits_Weights.DIGITS_V1"),
        ({"options": {"min_score": 0.5}}, "its prediction takes topk"),
        ({"model": "quantized_resnet18", "device": "cuda"}, "runs on cpu only, found device 'cuda'"),
        ({"batch_size": 0}, "batch_size is a number of inputs"),
        ({"workers": -1}, "workers is a number of threads"),
        ({"shard": (3, 2)}, "found 3/2"),
        ({"output": Path("rows.csv")}, ".jsonl or .parquet"),
        ({"retry": True}, "there is no output"),
    ],
)
def test_job_is_checked_when_it_is_made(arguments, reason):
    with pytest.raises((ValueError, KeyError)) as caught:
        PredictionJob(**{"sources": SAMPLES, "model": MODEL} | arguments)
    assert reason in str(caught.value)


def test_job_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PredictionJob(sources=SAMPLES, model=MODEL).model = "resnet18"


def test_job_writes_saves_and_takes_its_shard(tmp_path):
    job = PredictionJob(
        sources=SAMPLES, model=MODEL, options={"topk": 1}, shard=(2, 5), output=tmp_path / "rows.jsonl", save=tmp_path
    )
    expected = [str(path) for path in SAMPLES[1::5]]
    assert [prediction.source for prediction in job.stream()] == expected
    assert (tmp_path / "rows.jsonl").read_text().count("\n") == len(expected)
    assert sorted(path.stem for path in tmp_path.glob("*.png")) == sorted(path.stem for path in SAMPLES[1::5])
    assert list(job.stream()) == []  # all is there


@pytest.mark.parametrize("function", [zoo_core.predict, zoo_core.stream, zoo_core.predict.stream])
def test_functions_are_plain_and_take_the_same(function):
    assert inspect.isfunction(function)
    assert list(inspect.signature(function).parameters) == list(inspect.signature(zoo_core.predict).parameters)
    assert "Example:" in function.__doc__


def test_streams_are_one():
    assert zoo_core.predict.stream is zoo_core.stream


class FirstRowError(Exception):
    """Raised in place of what comes after the first row."""


@pytest.mark.parametrize("arguments", [[], ["--save"], ["-o"], ["-o", "--save"], ["--workers", "0"]], ids=" ".join)
def test_first_row_is_there_before_the_listing_ends(tmp_path, monkeypatch, arguments):
    listed = []

    def endless(*_, **__):
        for path in cycle(SAMPLES):
            if threading.current_thread() is not threading.main_thread():
                return  # of who counts them for the time that is left
            listed.append(path)
            assert len(listed) < 1000
            yield Source((path,))

    def first_row(*_, **__):
        raise FirstRowError

    monkeypatch.setattr("zoo_core.prediction._job.find_sources", endless)
    monkeypatch.setattr(ResultsFile, "write", first_row)
    monkeypatch.setattr(
        "zoo_core.cli._terminal.click.echo", lambda text, err=False, nl=True: None if err else first_row()
    )
    places = {"--save": ["--save", tmp_path / "drawn"], "-o": ["-o", tmp_path / "rows.jsonl", "--no-optimize"]}
    given = [value for argument in arguments for value in places.get(argument, [argument])]
    result = zoo("predict", tmp_path, "--batch-size", "2", *given)
    assert isinstance(result.exception, FirstRowError)
    assert 2 <= len(listed) <= 3 * 2 + 2


def test_folders_are_listed_one_at_a_time(tmp_path, monkeypatch):
    for number in range(5):
        (tmp_path / str(number)).mkdir()
        Image.new("L", (1, 1)).save(tmp_path / str(number) / "a.png")
    scanned = []
    scandir = zoo_core.prediction._sources.os.scandir
    monkeypatch.setattr("os.scandir", lambda folder: (scanned.append(Path(folder).name), scandir(folder))[1])
    assert next(find_sources([tmp_path])).paths[0] == tmp_path / "0" / "a.png"
    assert scanned == [tmp_path.name, "0"]


@pytest.mark.parametrize("arguments", [[], ["--save", "drawn"], ["-o", "rows.jsonl"]], ids=" ".join)
def test_weights_are_resolved_once_a_run(tmp_path, monkeypatch, arguments):
    resolved = []
    find_local = resolving.find_local
    monkeypatch.setattr(resolving, "find_local", lambda *args: (resolved.append(args), find_local(*args))[1])
    monkeypatch.chdir(tmp_path)
    assert zoo("predict", *SAMPLES, *arguments).exit_code == 0
    assert len(resolved) == 1
    assert len(zoo_core.predict(SAMPLES, model=MODEL)) == len(SAMPLES)
    assert len(resolved) == 2


def test_pictures_keep_their_names_when_a_run_goes_on(tmp_path):
    """What is in the results already has taken its name."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.new("L", (28, 28)).save(tmp_path / folder / "same.png")
        Image.new("L", (28, 28)).save(tmp_path / folder / "same.bmp")
    arguments = ["-o", tmp_path / "rows.jsonl", "--no-optimize", "--save", tmp_path / "drawn"]
    assert zoo("predict", tmp_path / "a", *arguments).exit_code == 0
    assert names(tmp_path / "drawn") == ["same-2.png", "same.png"]
    Image.new("L", (28, 28)).save(tmp_path / "a" / "same.tif")
    assert zoo("predict", tmp_path / "a", *arguments).exit_code == 0
    assert names(tmp_path / "drawn") == ["same-2.png", "same-3.png", "same.png"]


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def test_pictures_keep_the_folders_of_their_inputs(tmp_path, monkeypatch):
    for folder in ("photos/a", "photos/b", "more/a"):
        (tmp_path / folder).mkdir(parents=True)
        Image.new("L", (28, 28)).save(tmp_path / folder / "x.png")
    monkeypatch.chdir(tmp_path)
    result = zoo("predict", "photos", "--save", "drawn", "--json", "--quiet")
    assert names(Path("drawn")) == ["a/x.png", "b/x.png"]
    assert [row["picture"] for row in json.loads(result.stdout)] == ["drawn/a/x.png", "drawn/b/x.png"]
    zoo("predict", "photos", "more", "--save", "both")
    assert names(Path("both")) == ["more/a/x.png", "photos/a/x.png", "photos/b/x.png"]


def test_pictures_that_are_drawn_into_the_folder_of_inputs_are_no_inputs(tmp_path):
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    for save in (tmp_path / "drawn", tmp_path / "drawn", tmp_path):
        result = zoo("predict", tmp_path, "--save", save, "--json", "--quiet")
        assert [Path(row["source"]).name for row in json.loads(result.stdout)] == ["a.png"]
    assert names(tmp_path) == ["a-2.png", "a.png", "drawn/a.png"]
    only = zoo("predict", tmp_path / "drawn")
    assert (only.exit_code, "Pictures that zoo has drawn are left out" in only.stderr) == (2, True)
    assert zoo("predict", tmp_path / "drawn" / "a.png").exit_code == 0
