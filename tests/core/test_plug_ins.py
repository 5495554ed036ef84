"""Whatever a plug-in is or does, it is named, left out where it cannot be used, and everything else works."""

import json
import sys
import warnings
from copy import deepcopy

import pytest
from click.testing import CliRunner

from core.example_package import ENTRY, FAMILY
from zoo_core import get_model, get_model_weights, get_weight, list_models, list_weights
from zoo_core._packages import plug_ins
from zoo_core._registry import all_tasks
from zoo_core.cli import main


def family(**changes: object) -> dict[str, object]:
    """Return the example's family file with changes in it."""
    return deepcopy(FAMILY) | {"models": {"tiny": {"weights": "Tiny_Weights"}}} | changes


def with_entry(**changes: object) -> dict[str, object]:
    """Return it with changes to what it states of one file."""
    return family(weights={"Tiny_Weights": {"V1": ENTRY | changes, "V2": ENTRY}})


def assert_everything_else_works() -> None:
    """List and describe all there is, as users do."""
    assert {"resnet18", "digits"} & set(list_models())
    assert list_weights()
    for arguments in (["list", "--json"], ["info", "resnet18", "--json"], ["cache", "ls", "--json"]):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout) is not None


BROKEN_PACKAGES = {
    "raises": {"code": "raise RuntimeError('out of order')"},
    "leaves": {"code": "import sys\nsys.exit('good bye')"},
    "leaves without a word": {"code": "raise SystemExit"},
    "raises what is no Exception": {"code": "class Stop(BaseException): pass\nraise Stop('stop')"},
    "raises an error without a text": {
        "code": "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd"
    },
    "no JSON": {"family": "{ not JSON"},
    "deep JSON": {"family": "[" * 100_000},
    "a list": {"family": []},
    "no models": {"family": {"task": "classification"}},
    "no task": {"family": {"models": {}}},
    "models is a list": {"family": family(models=["tiny"])},
    "a task that is no text": {"family": family(task=["classification"])},
    "a model is a number": {"family": family(models={"tiny": 3})},
}

BROKEN_MODELS = {
    "a builder that is no text": family(models={"tiny": {"builder": 3}}),
    "a builder that is not there": family(models={"tiny": {"builder": "gone"}}),
    "an enum that is no text": family(models={"tiny": {"weights": ["Tiny_Weights"]}}),
    "an enum that is not there": family(models={"tiny": {"weights": "Gone_Weights"}}),
    "an enum that is none": family(models={"tiny": {"weights": "tiny"}}),
    "weights is a list": family(weights=[]),
    "an entry is a number": family(weights={"Tiny_Weights": {"V1": 1, "V2": ENTRY}}),
    "an entry of the enum is missing": family(weights={"Tiny_Weights": {}}),
    "a default that is not there": family(models={"tiny": {"weights": "Tiny_Weights", "default": "V9"}}),
    "no URL": with_entry(url=None),
    "no preset": with_entry(transforms={}),
    "metadata is a text": with_entry(meta="none"),
    "metrics are a list": with_entry(meta={"_metrics": []}),
    "a metric is a text": with_entry(meta={"_metrics": {"Shapes": {"acc@1": "good"}}}),
    "a size is a text": with_entry(bytes="large"),
    "a digest is short": with_entry(sha256="0123"),
    "categories that are not there": with_entry(meta={"categories": "@gone"}),
    "a name in capitals": family(models={"MyNet": {"builder": "without_weights"}}),
    "a name with commands for the terminal": family(models={"net\x1b[2J\nnet": {"builder": "without_weights"}}),
    "a name that is built in": family(models={"resnet18": {"builder": "without_weights"}}),
    "weights whose name is built in": family(models={"mine": {"weights": "ResNet18_Weights"}}),
}


@pytest.mark.parametrize("broken", BROKEN_PACKAGES.values(), ids=BROKEN_PACKAGES)
def test_broken_package_is_named_and_skipped(install, broken):
    install("broken_zoo", **broken)
    install("example_zoo")
    with pytest.warns(UserWarning, match=r"'broken_zoo'.*was skipped") as told:
        assert "tiny" in list_models()
    assert len(told) == 1
    assert_everything_else_works()


@pytest.mark.parametrize("broken", BROKEN_MODELS.values(), ids=BROKEN_MODELS)
def test_broken_model_is_named_and_skipped(install, broken):
    install("broken_zoo", family=broken)
    install("example_zoo")
    with pytest.warns(UserWarning, match=r"'broken_zoo'.*: the model '.*' is broken and was skipped") as told:
        assert "tiny" in list_models()
    assert all(str(warning.message).isprintable() for warning in told)
    assert get_model_weights("tiny").__module__.startswith("example_zoo")
    assert_everything_else_works()


def test_other_models_of_the_package_stay(install):
    install(family=family(models={**FAMILY["models"], "MyNet": {"builder": "without_weights"}}))
    with pytest.warns(UserWarning, match="'MyNet' is broken and was skipped.*lower-case"):
        assert {"tiny", "own", "plain"} <= set(list_models())
    assert "MyNet" not in list_models()
    assert get_model("plain") is not None


def test_folder_without_a_catalogue_is_named(install, site):
    install("broken_zoo")
    for path in (site / "broken_zoo" / "catalogue").rglob("*.json"):
        path.unlink()
    (site / "broken_zoo" / "catalogue" / "tiny.json").mkdir()
    with pytest.warns(UserWarning, match="'broken_zoo'.*was skipped: IsADirectoryError"):
        assert_everything_else_works()


def test_what_a_package_prints_does_not_get_among_the_results(install):
    install(code="print('hello from a stranger')")
    result = CliRunner().invoke(main, ["list", "--json"])
    assert "tiny" in result.stdout
    assert json.loads(result.stdout)
    assert "hello from a stranger" in result.stderr


def test_package_that_changes_what_everybody_uses_changes_nothing_for_others(install, site):
    install(code="import sys, warnings\nsys.path.insert(0, '/elsewhere')\nwarnings.simplefilter('error')")
    before, filters = list(sys.path), list(warnings.filters)
    assert "tiny" in list_models()
    assert (sys.path, warnings.filters) == ([*before, "/elsewhere"], filters)


def test_package_that_empties_the_path_of_imports_is_used_and_so_are_others(install, site):
    install("a_zoo", code="import sys\nsys.path = []")
    install("b_zoo", family=family(models={"other": {"builder": "without_weights"}}))
    before = list(sys.path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a_zoo finds no more of its own modules
        assert "other" in list_models()
    assert sys.path == before


def test_user_s_own_interruption_is_none_of_a_package(install):
    install(code="raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        plug_ins()


def test_tasks_that_leave_the_program_are_named_and_skipped(install, site):
    install()
    (site / "example_zoo" / "catalogue" / "tasks.py").write_text("raise SystemExit(3)")
    with pytest.warns(UserWarning, match=r"tasks.py of the zoo package 'example_zoo' is broken and was skipped"):
        assert "classification" in {task.name for task in all_tasks()}
    assert get_weight("Tiny_Weights.V1") is not None
