"""Commands that take the names of models, given that of an exported file."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import zoo_digits
from zoo_core import get_weight
from zoo_core.bundles import create_bundle
from zoo_core.cli._main import main
from zoo_core.files import Settings
from zoo_export import _export, load_exported

from .makers import DIGITS


@pytest.fixture
def file(tiny_file, tmp_path, monkeypatch):
    """An exported file with its certificate, in the current folder."""
    for path in (tiny_file, tiny_file.with_name(f"{tiny_file.name}.certificate.json")):
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tiny_file.name


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_info_tells_what_a_file_says_of_itself(file):
    done = run("info", file)
    assert done.exit_code == 0, done.output
    assert f"architecture  {DIGITS}" in done.output
    assert "inputs  images: uint8 (batch, height, width, 3)" in done.output
    told = json.loads(run("info", file, "--json").stdout)
    facts = load_exported(file).facts
    assert (told["model"], told["format"], told["made_of"]) == (file, "pt2", facts.weights)
    assert told["transforms"] == dict(facts.preprocessing)
    assert told["files"] == [file, f"{file}.certificate.json"]
    assert told["sha256"] == str(get_weight(file).file.digest)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("bundle", "create", "FILE", "-o", "a.tar"), "a bundle carries weights; copy these files"),
        (("bundle", "create", "FILE", "-o", "a.tar", "--dry-run"), "a bundle carries weights; copy these files"),
        (("lock", "FILE"), "a lock file pins weights"),
        (("download", "FILE"), "nothing to fetch; copy these files"),
        (("mirror", "export", "mirror", "FILE"), "a mirror holds published weights; copy these files"),
        (("push", "FILE", "organisation/name"), "what is published is a saved model"),
        (("train", "data", "--model", "FILE", "-o", "run"), "it cannot be trained; train the model"),
        (("embed", "data", "--model", "FILE", "-o", "a.jsonl"), "gives scores alone, as exported files do"),
    ],
)
def test_other_commands_say_what_to_do_with_a_file(arguments, reason, file):
    Path("data").mkdir()
    shutil.copy(Path(str(zoo_digits.__file__)).parent / "samples" / "two.png", "data")
    done = run(*(file if each == "FILE" else each for each in arguments))
    assert isinstance(done.exception, SystemExit), done.exception
    assert reason in done.stderr
    if arguments[0] != "embed":
        assert f"{file} is a model in files of its own ({file}, {file}.certificate.json): " in done.stderr
        assert not {"a.tar", "mirror", "run"} & {each.name for each in Path().iterdir()}


def test_a_bundle_is_not_made_of_files(file):
    with pytest.raises(ValueError, match="is a model in files of its own"):
        create_bundle([get_weight(file)], Path("a.tar"), Settings.from_environment())


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("-o", "b.pt2"), "--output"),
        (("--to", "pt2"), "--to"),
        (("--size", "64x64"), "--size"),
        (("--dynamic", "batch"), "--dynamic"),
        (("--raw",), "--raw"),
        (("--set", "num_frames=8"), "--set"),
        (("--half",), "--half"),
        (("--int8",), "--int8"),
    ],
)
def test_what_only_a_new_file_has_is_refused_when_one_is_compared(options, named, file):
    done = run("export", "--verify", file, *options)
    assert done.exit_code == 2
    assert named in done.stderr
    assert "for a file that is written" in done.stderr


@pytest.mark.parametrize(("options", "expected"), [((), None), (("--weights", "DIGITS_V1"), "DIGITS_V1")])
def test_the_weights_that_a_file_is_compared_with_are_those_asked_for(options, expected, file, monkeypatch):
    asked = []

    def verify(path, **told):
        asked.append((path, told["model"], told["weights"]))
        raise ValueError("enough")

    monkeypatch.setattr(_export, "verify", verify)
    assert run("export", DIGITS, "--verify", file, *options).exit_code == 2
    assert asked == [(Path(file), DIGITS, expected)]
