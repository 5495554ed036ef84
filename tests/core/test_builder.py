"""Builders: what `weights=` may be, and the deprecated ways of calling."""

import inspect
import warnings

import pytest
from torch import nn

from zoo_core.building import builder, without_files


@pytest.fixture
def tiny(example):
    with without_files():
        yield example.tiny


def warned(call):
    """Return what `call` gives and the texts of its warnings, all of which must point here."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = call()
    assert {(warning.category, warning.filename) for warning in caught} <= {(UserWarning, __file__)}
    return result, [str(warning.message) for warning in caught]


@pytest.mark.parametrize("weights", [None, "V1", "DEFAULT", "Tiny_Weights.V2"])
def test_weights_by_name_need_no_warning(tiny, weights):
    model, messages = warned(lambda: tiny(weights=weights))
    assert isinstance(model, nn.Sequential)
    assert messages == []


def test_positional_weights_are_deprecated(tiny):
    _, messages = warned(lambda: tiny(None))
    (message,) = messages
    assert "Using 'weights' as positional parameter(s) is deprecated since 0.13" in message
    assert "tiny(weights=…)" in message


def test_two_positional_arguments_are_both_named(tiny):
    _, (message,) = warned(lambda: tiny(None, False))
    assert "Using 'weights' and 'progress' as positional" in message


@pytest.mark.parametrize(("call", "member"), [
    (lambda tiny: tiny(pretrained=True), "Tiny_Weights.V1"),
    (lambda tiny: tiny(pretrained=False), "None"),
])  # fmt: skip
def test_pretrained_is_deprecated_and_stands_for_the_first_weights(tiny, call, member):
    _, (renamed, boolean) = warned(lambda: call(tiny))
    assert "The parameter 'pretrained' is deprecated since 0.13" in renamed
    assert "please use 'weights' instead" in renamed
    assert f"equivalent to passing `weights={member}`" in boolean


@pytest.mark.parametrize("call", [lambda tiny: tiny(weights=True), lambda tiny: tiny(weights=False)])
def test_boolean_weights_are_deprecated(tiny, call):
    _, (message,) = warned(lambda: call(tiny))
    assert "Arguments other than a weight enum or `None` for 'weights' are deprecated since 0.13" in message


def test_positional_true_is_deprecated_twice(tiny):
    _, messages = warned(lambda: tiny(True))
    assert len(messages) == 2


def test_member_of_another_enum_is_a_type_error_before_anything_is_built(example, monkeypatch):
    monkeypatch.setattr("example_zoo.catalogue.tiny.build", lambda *_, **__: pytest.fail("built"))
    with pytest.raises(TypeError, match="expected Tiny_Weights but received Own_Weights"):
        example.tiny(weights=example.Own_Weights.V1)


def test_too_many_positional_arguments_are_a_type_error(tiny):
    with pytest.raises(TypeError, match="at most 2 arguments by position, found 3"):
        tiny(None, True, 3)


def test_argument_given_twice_is_a_type_error(tiny):
    with pytest.raises(TypeError, match="multiple values for argument 'weights'"):
        tiny(None, weights=None)


def test_pretrained_beside_weights_is_a_type_error(tiny):
    with pytest.raises(TypeError, match="pretrained"):
        tiny(pretrained=True, weights=None)


def test_unknown_argument_is_a_type_error(tiny):
    with pytest.raises(TypeError, match="colour"):
        tiny(colour="red")


def test_builder_keeps_its_signature_name_and_docstring(tiny):
    assert list(inspect.signature(tiny).parameters) == ["weights", "progress", "kwargs"]
    assert (tiny.__name__, tiny.__doc__) == ("tiny", "Build the smallest network.")


def test_classes_come_from_the_weights_unless_given(tiny):
    assert tiny(weights="V1")[1].out_features == 3
    assert tiny(weights="V1", num_classes=9)[1].out_features == 9


def test_pretrained_where_there_never_was_one_is_an_error_that_lists_the_members(example):
    from zoo_core.building import builder

    @builder(weights=example.Tiny_Weights)
    def newer(*, weights=None, progress=True): ...

    with pytest.raises(ValueError, match=r"No weights available.*Tiny_Weights\.V1"):
        newer(weights=True)
    assert newer(weights="V1") is None


@pytest.mark.parametrize(("large", "member"), [(False, "Tiny_Weights.V1"), (True, "Tiny_Weights.V2")])
def test_pretrained_may_stand_for_what_depends_on_other_arguments(example, large, member):
    @builder(weights=lambda arguments: example.Tiny_Weights.V2 if arguments.get("large") else example.Tiny_Weights.V1)
    def sized(*, weights=None, progress=True, large=False):
        return weights

    weights, messages = warned(lambda: sized(pretrained=True, large=large))
    assert str(weights) == member
    assert f"`weights={member}`" in messages[-1]


def test_enum_of_weights_may_depend_on_other_arguments(example):
    @builder(weights=lambda arguments: example.Own_Weights if arguments.get("own") else example.Tiny_Weights)
    def either(*, weights=None, progress=True, own=False):
        return weights

    assert either(weights="V2") is example.Tiny_Weights.V2
    assert either(weights="V1", own=True) is example.Own_Weights.V1
    with pytest.raises(TypeError, match="expected Own_Weights but received Tiny_Weights"):
        either(weights=example.Tiny_Weights.V1, own=True)
