"""Builders: what `weights=` may be, and the deprecated ways of calling."""

import inspect
import warnings

import pytest
from torch import nn

from zoo_core.building import DependentWeights, builder, warn_caller, without_files


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
    assert message.startswith("tiny() got 'weights' by position, which is deprecated")
    assert "tiny(weights=…)" in message


def test_two_positional_arguments_are_both_named(tiny):
    _, (message,) = warned(lambda: tiny(None, False))
    assert "got 'weights' and 'progress' by position" in message


@pytest.mark.parametrize(("call", "member"), [
    (lambda tiny: tiny(pretrained=True), "Tiny_Weights.V1"),
    (lambda tiny: tiny(pretrained=False), "None"),
])  # fmt: skip
def test_pretrained_is_deprecated_and_stands_for_the_first_weights(tiny, call, member):
    _, (renamed, boolean) = warned(lambda: call(tiny))
    assert renamed.startswith("pretrained= is deprecated, ")
    assert "write weights= instead" in renamed
    assert f"write weights={member}, which is what you get now" in boolean


@pytest.mark.parametrize("call", [lambda tiny: tiny(weights=True), lambda tiny: tiny(weights=False)])
def test_boolean_weights_are_deprecated(tiny, call):
    _, (message,) = warned(lambda: call(tiny))
    assert message.startswith("weights= should be an entry of weights, its name, or None; a boolean is deprecated")


def test_positional_true_is_deprecated_twice(tiny):
    _, messages = warned(lambda: tiny(True))
    assert len(messages) == 2


def test_member_of_another_enum_is_a_type_error_before_anything_is_built(example, monkeypatch):
    monkeypatch.setattr("example_zoo.catalogue.tiny._network", lambda *_, **__: pytest.fail("built"))
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
    assert list(inspect.signature(tiny).parameters) == ["weights", "progress", "num_classes", "kwargs"]
    assert tiny.__name__ == "tiny"
    assert tiny.__doc__.startswith(
        "Build the smallest network.\n\nArgs:\n    weights: A member of `Tiny_Weights`, or its"
    )


def test_classes_come_from_the_weights_unless_given(tiny):
    assert tiny(weights="V1")[1].out_features == 3
    assert tiny(weights="V1", num_classes=9)[1].out_features == 9


def test_pretrained_where_there_never_was_one_is_an_error_that_lists_the_members(example):
    @builder(example.Tiny_Weights)
    def newer(weights, num_classes): ...

    with pytest.raises(ValueError, match=r"No weights available.*Tiny_Weights\.V1"):
        newer(weights=True)
    with without_files():
        assert newer(weights="V1") is None


@pytest.mark.parametrize(("large", "member"), [(False, "Tiny_Weights.V1"), (True, "Tiny_Weights.V2")])
def test_pretrained_may_stand_for_what_depends_on_other_arguments(example, large, member):
    def choose(arguments):
        return example.Tiny_Weights.V2 if arguments.get("large") else example.Tiny_Weights.V1

    @builder(DependentWeights((example.Tiny_Weights,), choose))
    def sized(weights, num_classes, *, large=False):
        return weights

    with without_files():
        weights, messages = warned(lambda: sized(pretrained=True, large=large))
    assert str(weights) == member
    assert f"write weights={member}, which is what you get now" in messages[-1]


def test_enum_of_weights_may_depend_on_other_arguments(example):
    def choose(arguments):
        return example.Own_Weights if arguments.get("own") else example.Tiny_Weights

    @builder(DependentWeights((example.Own_Weights, example.Tiny_Weights), choose))
    def either(weights, num_classes, *, own=False):
        return weights

    with without_files():
        assert either(weights="V2") is example.Tiny_Weights.V2
        assert either(weights="V1", own=True) is example.Own_Weights.V1
    assert "A member of `Own_Weights` or `Tiny_Weights`, or its name" in either.__doc__
    with pytest.raises(TypeError, match="expected Own_Weights but received Tiny_Weights"):
        either(weights=example.Tiny_Weights.V1, own=True)


def test_function_gets_the_member_and_the_classes_of_its_weights(example):
    @builder(example.Tiny_Weights.V1)
    def own(weights, **kwargs):
        return weights, kwargs

    with without_files():
        assert own() == (None, {})
        assert own(weights="V1") == (example.Tiny_Weights.V1, {"num_classes": 3})
        assert own(weights="V1", num_classes=9, width=2) == (example.Tiny_Weights.V1, {"num_classes": 9, "width": 2})


@pytest.mark.parametrize(("given", "expected"), [({}, 7), ({"num_classes": 2}, 2), ({"weights": "V1"}, 3)])
def test_classes_without_weights_are_those_that_the_builder_states(example, given, expected):
    @builder(example.Tiny_Weights.V1, num_classes=7)
    def seven(num_classes):
        return num_classes

    with without_files():
        assert seven(**given) == expected
    assert inspect.signature(seven).parameters["num_classes"].default is None
    assert "that of the weights, else 7, if not given" in " ".join(seven.__doc__.split())


def test_network_without_classes_has_no_such_argument(example):
    @builder(example.Tiny_Weights.V1, num_classes=0)
    def flow(**kwargs):
        return kwargs

    assert flow() == {}
    assert list(inspect.signature(flow).parameters) == ["weights", "progress", "kwargs"]
    assert "num_classes" not in flow.__doc__


def test_assembling_has_arguments_of_its_own(example):
    def assemble(make, weights, *, progress, twice=False):
        """Assemble.

        Args:
            twice: Make two.
        """
        return [make() for _ in range(1 + twice)], make.keywords, weights, progress

    @builder(example.Tiny_Weights.V1, assemble=assemble)
    def pair(**kwargs):
        """Make one.

        Args:
            **kwargs: More.
        """

    assert pair(weights="V2", width=3, progress=False, twice=True) == (
        [None, None], {"width": 3, "num_classes": 3}, example.Tiny_Weights.V2, False,
    )  # fmt: skip
    assert list(inspect.signature(pair).parameters) == ["weights", "progress", "num_classes", "twice", "kwargs"]
    assert "\n    twice: Make two.\n    **kwargs: More.\n" in pair.__doc__
    _, (message,) = warned(lambda: pair(None, True, True))
    assert "got 'weights', 'progress', and 'twice' by position" in message


def test_warning_of_a_function_points_at_the_call_however_deep_it_is(example):
    def inner():
        warn_caller("no such thing")

    @builder(example.Tiny_Weights.V1, assemble=lambda make, weights, *, progress: make())
    def careful(**kwargs):
        inner()

    with pytest.warns(UserWarning, match="no such thing") as caught:
        line = (careful(), inspect.currentframe().f_lineno)[1]
    assert [(warning.filename, warning.lineno) for warning in caught] == [(__file__, line)]
