"""The registry: listing, finding, and packages that others register."""

import pytest

from zoo_core import get_model, get_model_builder, get_model_weights, get_weight, list_models


def test_plug_in_is_found_by_its_entry_point(example):
    assert {"tiny", "own", "plain"} <= set(list_models())
    assert list_models(module=example) == list_models(module="example_zoo") == ["own", "plain", "tiny"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"include": "t*"}, ["tiny"]),
        ({"include": ["t*", "o*"]}, ["own", "tiny"]),
        ({"include": (pattern for pattern in ["p*"])}, ["plain"]),
        ({"exclude": "t*"}, ["own", "plain"]),
        ({"include": "*", "exclude": ["t*", "plain"]}, ["own"]),
        ({"include": []}, ["own", "plain", "tiny"]),
        ({"include": "T*"}, []),
    ],
)
def test_globs_select(example, arguments, expected):
    assert list_models(module="example_zoo", **arguments) == expected


def test_unknown_module_is_an_error_that_lists_the_known_ones(example):
    with pytest.raises(ValueError, match=r"'other'.*example_zoo"):
        list_models(module="other")


@pytest.mark.parametrize("find", [get_model, get_model_builder, get_model_weights])
def test_unknown_model_is_an_error_that_names_the_closest(example, find):
    with pytest.raises(ValueError, match=r"Unknown model tinny\. Did you mean tiny\?"):
        find("tinny")


def test_model_is_built_by_name_in_any_case(example):
    assert get_model("Tiny", num_classes=7)[1].out_features == 7


def test_builder_of_another_name_is_found(example):
    assert get_model_builder("plain") is example.without_weights


def test_weights_are_found_by_name_and_by_builder(example):
    assert get_model_weights("tiny") is get_model_weights(example.tiny) is example.Tiny_Weights


def test_model_without_weights_says_so(example):
    with pytest.raises(ValueError, match="plain has no published weights"):
        get_model_weights("plain")


def test_function_that_builds_no_model_is_refused(example):
    with pytest.raises(ValueError, match="not the builder of a registered model"):
        get_model_weights(print)


def test_weight_is_found_by_its_full_name(example):
    assert get_weight("Tiny_Weights.V1") is example.Tiny_Weights.V1
    assert get_weight("Tiny_Weights.DEFAULT") is example.Tiny_Weights.V2


@pytest.mark.parametrize("name", ["Tiny_Weights", "", ".", "Tiny_Weights.", ".V1", "Tiny_Weights.V1.x"])
def test_weight_name_of_another_form_is_refused(example, name):
    with pytest.raises(ValueError, match="Invalid weight name provided"):
        get_weight(name)


def test_unknown_weights_are_errors_that_name_the_closest(example):
    with pytest.raises(ValueError, match=r"'Tinny_Weights'.*Did you mean Tiny_Weights"):
        get_weight("Tinny_Weights.V1")
    with pytest.raises(KeyError, match=r"Tiny_Weights has no member 'V9'"):
        get_weight("Tiny_Weights.V9")


@pytest.mark.parametrize(
    "broken",
    [
        {"code": "raise RuntimeError('out of order')"},
        {"code": "import a_library_that_is_not_there"},
        {"family": "{ not JSON"},
        {"family": {"models": {}}},
        {"family": {"task": "classification", "models": {"x": 3}}},
        {"family": []},
    ],
    ids=str,
)
def test_broken_plug_in_is_named_and_skipped(install, broken):
    install("broken_zoo", **broken)
    install("example_zoo")
    with pytest.warns(UserWarning, match="'broken_zoo'.*was skipped"):
        assert "tiny" in list_models()


def test_plug_in_cannot_replace_a_built_in_model(install):
    from core.example_package import FAMILY

    install(family=FAMILY | {"models": {"resnet18": {"builder": "tiny", "weights": "Tiny_Weights"}}})
    assert get_model_builder("resnet18").__module__.startswith("zoo_classification")
