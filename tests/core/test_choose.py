"""Choosing weights by their metadata."""

import copy
import json

import pytest
from click.testing import CliRunner

from core.example_package import FAMILY
from zoo_core import list_weights
from zoo_core.cli import main


def test_all_entries_are_listed_in_the_order_of_their_models(example):
    assert list_weights(example) == [example.Own_Weights.V1, example.Tiny_Weights.V1, example.Tiny_Weights.V2]


def test_conditions_are_on_metrics_and_sizes(example):
    assert list_weights(example, minimum={"acc@5": 50}) == [example.Tiny_Weights.V1, example.Tiny_Weights.V2]
    assert list_weights(example, minimum={"acc@5": 51}) == []
    assert list_weights(example, maximum={"num_params": 14}) == []
    assert list_weights(example, maximum={"file_size": 200}) == [example.Tiny_Weights.V2]


def test_unpublished_figure_fulfils_no_condition(example):
    assert list_weights(example, minimum={"acc@1": 0}) == list_weights(example, maximum={"acc@1": 100}) == []


def test_entries_without_the_figure_sort_last(example):
    assert list_weights(example, sort="acc@5")[-1] is example.Own_Weights.V1
    assert list_weights(example, sort="file_size")[0] is example.Tiny_Weights.V2


def test_metrics_sort_from_the_best_and_sizes_from_the_smallest():
    best, *_ = list_weights(include="resnet*", sort="acc@1")
    smallest, *_ = list_weights(include="resnet*", sort="num_params")
    assert str(best) == "ResNet152_Weights.IMAGENET1K_V2"
    assert str(smallest) == "ResNet18_Weights.IMAGENET1K_V1"


def test_licence_and_dataset_are_stated_or_said_to_be_unknown(example):
    assert (example.Tiny_Weights.V1.meta["license"], example.Tiny_Weights.V1.meta["dataset"]) == ("unknown", "unknown")


def test_unknown_names_are_errors_that_list_what_there_is(example):
    with pytest.raises(ValueError, match=r"No figure is called 'acc@2'; there are num_params.*Did you mean acc@"):
        list_weights(example, sort="acc@2")
    with pytest.raises(ValueError, match=r"No model here is for the task 'x'"):
        list_weights(task="x")


def defaults_in(family, install):
    """List the models of the example package with this family file; return each one's default, and what was said."""
    install("example_zoo", family=family)
    result = CliRunner().invoke(main, ["list", "--json"])
    rows = json.loads(result.stdout) if result.exit_code == 0 else []
    return {row["model"]: row["weights"] for row in rows if row["model"] in FAMILY["models"]}, result.output


@pytest.mark.parametrize("default", [None, "V2"])
def test_default_is_the_enums_whether_the_data_file_says_so_or_not(install, default):
    family = copy.deepcopy(FAMILY)
    family["models"]["tiny"] |= {"default": default} if default else {}
    assert defaults_in(family, install)[0] == {"own": "Own_Weights.V1", "tiny": "Tiny_Weights.V2", "plain": None}


def test_default_that_is_no_entry_is_an_error_that_names_it(install):
    family = copy.deepcopy(FAMILY)
    family["models"]["tiny"]["default"] = "V3"
    rows, message = defaults_in(family, install)
    assert rows == {}
    assert "'V3' as the default of tiny" in message
