"""What is printed neither commands the terminal nor looks like a line of results, whatever files are called."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from zoo_core.cli import main
from zoo_core.cli._terminal import JsonArray, printable
from zoo_core.prediction import PredictionRun, Predictor, Row

HOSTILE = {
    "new line": "a.png\nforged.png  cat 99.9%",
    "return": "b\rforged.png",
    "escape": "c\x1b[2J\x1b]0;title\x07.png",
    "C1": "d\x9b2J.png",
    "delete": "e\x7f.png",
    "right to left": "f\u202egnp.exe.png",
    "isolate": "g\u2066\u2069.png",
    "line separator": "h\u2028forged.png",
    "no UTF-8": "i\udce9.png",
    "letters": "jé\u03a9\U0001f600.png",
}
COMMANDING = [*map(chr, (*range(10), *range(11, 32), *range(127, 160))), *"\u202e\u2066\u2069\u2028\udce9"]


def zoo(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of images, half of them broken, with names of all kinds."""
    for name in HOSTILE.values():
        for prefix in ("broken ", "fine "):
            path = tmp_path / "photos" / f"{prefix}{name}"
            path = path if path.suffix == ".png" else path.with_name(f"{path.name}.png")
            path.parent.mkdir(exist_ok=True)
            Image.new("L", (12, 12)).save(path)
            if prefix == "broken ":
                path.write_bytes(b"broken")
    return tmp_path / "photos"


def test_one_file_is_one_line_without_control_characters(folder: Path) -> None:
    result = zoo("predict", folder, "--quiet", "--topk", 1)
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == len(HOSTILE)
    assert len(result.stderr.splitlines()) == len(HOSTILE) + 1
    assert not {*COMMANDING, "\r"} & {*result.stdout, *result.stderr}
    assert all(line.startswith(f"{folder}/fine ") for line in result.stdout.splitlines())
    assert r"a.png\nforged.png  cat 99.9%" in result.stdout
    assert r"c\x1b[2J\x1b]0;title\x07.png" in result.stdout
    assert r"i\udce9.png" in result.stdout
    assert "jé\u03a9\U0001f600.png" in result.stdout


def test_columns_are_as_wide_as_what_is_shown(folder: Path) -> None:
    shown = zoo("predict", folder, "--quiet", "--topk", 1, "--batch-size", 100).stdout.splitlines()
    assert len({line.rindex("  ") for line in shown}) == 1


def test_json_has_every_name_and_nothing_that_commands(folder: Path) -> None:
    result = zoo("predict", folder, "--quiet", "--json")
    assert not set(COMMANDING) & set(result.stdout)
    names = {Path(row["source"]).name for row in json.loads(result.stdout)}
    assert names == {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_no_encoding_of_stdout_ends_a_run_or_loses_a_name(folder: Path, encoding: str) -> None:
    names = {path.name for path in folder.iterdir()}
    for arguments in (["--json"], []):
        done = subprocess.run(
            [sys.executable, "-m", "zoo_core.cli", "predict", str(folder), "--quiet", *arguments],
            env=os.environ | {"PYTHONIOENCODING": encoding},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        printed = done.stdout.decode(encoding)
        if arguments:
            assert {Path(row["source"]).name for row in json.loads(printed)} == names
        else:
            assert len(printed.splitlines()) == len(HOSTILE)


def test_an_error_that_ends_the_run_leaves_json_of_what_came_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_at_the_third(self: PredictionRun, predictor: Predictor[Any, Any]) -> Iterator[Row]:
        yield from islice(predict(self, predictor), 2)
        raise OSError("the disk is full")

    predict = PredictionRun.predict
    monkeypatch.setattr(PredictionRun, "predict", full_at_the_third)
    result = zoo("predict", folder, "--json", "--quiet")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)) == 2
    assert "the disk is full" in result.stderr


@pytest.mark.parametrize("name", [HOSTILE["new line"], "\x1b[2J\r\x9b\x7f\u202e\u2066\u2028\udce9"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", "{}"),
        ("predict", "photo.png", "--model", "{}"),
        ("predict", "photo.png", "--weights", "{}"),
        ("predict", "photo.png", "--device", "{}"),
        ("predict", "photo.png", "--topk", "{}"),
        ("predict", "photo.png", "-o", "{}"),
        ("predict", "photo.png", "-o", "{}.jsonl"),
        ("predict", "photo.png", "--{}"),
        ("bundle", "load", "{}"),
        ("bundle", "load", "photo.png"),
        ("info", "{}"),
        ("list", "--task", "{}"),
        ("list", "--sort", "{}"),
        ("mirror", "verify", "{}"),
        ("{}",),
    ],
)
def test_messages_of_wrong_usage_are_printable(
    arguments: tuple[str, ...], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Image.new("L", (12, 12)).save("photo.png")
    Path(f"{name}.jsonl").write_text("something else\n")
    result = zoo(*(argument.format(name) for argument in arguments))
    assert result.exit_code
    assert not set(COMMANDING) & {*result.stdout, *result.stderr}
    assert not any(line.startswith("forged.png") for line in (result.stdout + result.stderr).splitlines())


def test_lines_of_the_log_are_printable(capsys: pytest.CaptureFixture[str]) -> None:
    from zoo_core.cli._terminal import log_formatter

    record = logging.LogRecord("zoo", logging.INFO, "", 0, "%s is used\n", ("a\x1b[2J\nforged",), None)
    assert log_formatter().format(record) == r"a\x1b[2J\nforged is used\n"


def test_warnings_of_the_process_are_printable() -> None:
    code = "from zoo_core.cli import escape_warnings; escape_warnings(); import warnings; warnings.warn('a\\x1b[2J')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert r"a\x1b[2J" in done.stderr
    assert "\x1b" not in done.stderr


def test_a_reader_that_has_enough_ends_the_run_quietly(folder: Path) -> None:
    for arguments in ("", "--json"):
        command = f"{sys.executable} -m zoo_core.cli predict {folder} {folder} --quiet {arguments} 2>err | head -n 1"
        subprocess.run(["bash", "-c", command], cwd=folder.parent, check=True, capture_output=True)
        assert "Traceback" not in (folder.parent / "err").read_text()
        assert "BrokenPipe" not in (folder.parent / "err").read_text()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_an_array_that_is_printed_item_by_item_is_as_json_writes_it(
    count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    items = [{"a": number, "b": ["x", {}]} for number in range(count)]
    with JsonArray() as array:
        for item in items:
            array.add(item)
    assert capsys.readouterr().out == json.dumps(items, indent=2) + "\n"


def test_what_is_printable_stays_as_it_is() -> None:
    assert printable("naïve → 猫 \U0001f468\u200d\U0001f469 C:\\new") == "naïve → 猫 \U0001f468\u200d\U0001f469 C:\\new"
    assert printable("a\nb", lines=True) == "a\nb"
