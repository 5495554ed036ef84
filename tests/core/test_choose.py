"""Choosing weights by their metadata."""

import copy
import json
import math
from itertools import groupby

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


def test_metrics_are_ranked_within_their_data_set_the_largest_first():
    ranked = [
        next(dataset for dataset, values in metrics.items() if not math.isnan(values.get("acc@1", math.nan)))
        for metrics in (member.meta["_metrics"] for member in list_weights(sort="acc@1", minimum={"acc@1": 0}))
    ]
    assert [dataset for dataset, _ in groupby(ranked)] == ["ImageNet-1K", "Kinetics-400", "UCI digits, held out"]
    assert str(list_weights(sort="acc@1")[0]) == "ViT_H_14_Weights.IMAGENET1K_SWAG_E2E_V1"


@pytest.mark.parametrize("name", ["ImageNet-1K", "imagenet", "imagenet_1k", "IMAGENET"])
def test_data_set_is_named_in_any_spelling(name):
    chosen = list_weights(dataset=name, minimum={"acc@1": 88.2})
    assert [str(member) for member in chosen] == [
        "RegNet_Y_128GF_Weights.IMAGENET1K_SWAG_E2E_V1",
        "ViT_H_14_Weights.IMAGENET1K_SWAG_E2E_V1",
    ]


def test_exact_name_of_a_data_set_is_that_one_alone():
    both, one = list_weights(dataset="coco-val2017"), list_weights(dataset="coco")
    assert {next(iter(member.meta["_metrics"])) for member in both} == {"COCO-val2017"}
    assert {next(iter(member.meta["_metrics"])) for member in one} == {"COCO-val2017", "COCO-val2017-VOC-labels"}


def test_figure_is_that_of_the_data_set_asked_for():
    best, *_ = list_weights(include="raft_small", dataset="Sintel-Train-Finalpass", sort="epe")
    assert str(best) == "Raft_Small_Weights.C_T_V1"  # V2 is the better one on the clean pass
    best, *_ = list_weights(include="raft_small", sort="epe")
    assert str(best) == "Raft_Small_Weights.C_T_V2"


def test_family_selects_its_models():
    assert {str(member).partition(".")[0] for member in list_weights(family="raft")} == {
        "Raft_Large_Weights", "Raft_Small_Weights",
    }  # fmt: skip


def test_licence_and_dataset_are_stated_or_said_to_be_unknown(example):
    assert (example.Tiny_Weights.V1.meta["license"], example.Tiny_Weights.V1.meta["dataset"]) == ("unknown", "unknown")


def test_unknown_names_are_errors_that_list_what_there_is(example):
    with pytest.raises(ValueError, match=r"No figure is called 'acc@2'; there are num_params.*Did you mean acc@"):
        list_weights(example, sort="acc@2")
    with pytest.raises(ValueError, match=r"No model here is for the task 'x'"):
        list_weights(task="x")
    with pytest.raises(ValueError, match=r"is for the task 'clasification'.* Did you mean classification\?"):
        list_weights(task="clasification")
    with pytest.raises(ValueError, match=r"is of the family 'resnt'.* Did you mean resnet\?"):
        list_weights(family="resnt")
    with pytest.raises(ValueError, match=r"measured on the data set 'imagnet'.* Did you mean ImageNet-1K\?"):
        list_weights(dataset="imagnet")


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


def test_model_whose_default_is_no_entry_is_named_and_skipped(install):
    family = copy.deepcopy(FAMILY)
    family["models"]["tiny"]["default"] = "V3"
    with pytest.warns(UserWarning, match="'V3' as the default of tiny"):
        rows, _ = defaults_in(family, install)
    assert rows == {"own": "Own_Weights.V1", "plain": None}
