"""The decorator of every builder: it owns the weights, their file, and what all builders have in common."""

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Protocol, TypeVar, cast, overload

from torch import nn

from zoo_core._weights import WeightsEnum

from ._assemble import assemble as assemble_as_usual
from ._assemble import file_of
from ._backbone import Backbone
from ._deprecated import Pretrained, enum_of, modernise, name_positional, stands_for
from ._documentation import describe, signature_of
from ._idioms import IDIOMS, Wanted, idioms_of
from ._origin import Origin, remember_origin

E = TypeVar("E", bound=WeightsEnum)
B = TypeVar("B", bound=WeightsEnum)
M = TypeVar("M", bound=nn.Module)
E_contra = TypeVar("E_contra", bound=WeightsEnum, contravariant=True)
B_contra = TypeVar("B_contra", bound=WeightsEnum, contravariant=True)
M_co = TypeVar("M_co", bound=nn.Module, covariant=True)


class Builder(Protocol[E_contra, M_co]):
    """A function that builds a network, with weights that its enum names."""

    __name__: str

    def __call__(
        self,
        *,
        weights: E_contra | str | None = None,
        progress: bool = True,
        num_classes: int | None = None,
        **kwargs: Any,  # the network's own
    ) -> M_co:
        """Build the network."""
        ...


class BackboneBuilder(Builder[E_contra, M_co], Protocol[E_contra, B_contra, M_co]):
    """A builder of a network that stands on another one."""

    def __call__(
        self,
        *,
        weights: E_contra | str | None = None,
        progress: bool = True,
        num_classes: int | None = None,
        weights_backbone: B_contra | str | None = ...,
        **kwargs: Any,  # the network's own
    ) -> M_co:
        """Build the network."""
        ...


@overload
def builder(
    weights: Pretrained[E],
    *,
    num_classes: int | None = None,
    assemble: Callable[..., nn.Module] = ...,
) -> Callable[[Callable[..., M]], Builder[E, M]]: ...


@overload
def builder(
    weights: Pretrained[E],
    *,
    num_classes: int | None = None,
    assemble: Callable[..., nn.Module] = ...,
    backbone: Backbone[B, nn.Module],
) -> Callable[[Callable[..., M]], BackboneBuilder[E, B, M]]: ...


def builder(
    weights: Pretrained[E],
    *,
    num_classes: int | None = None,
    assemble: Callable[..., nn.Module] = assemble_as_usual,
    backbone: Backbone[Any, nn.Module] | None = None,
) -> Callable[[Callable[..., M]], Any]:  # as the overloads say
    """Make a function that returns a network a builder, which can load weights into it.

    A builder takes `weights` (a member of the enum, its name, or `None`; anything else is a `TypeError` before anything
    is built), `progress`, `num_classes`, and what the function takes. `num_classes` is that of the weights if it is not
    given; another number gives a classifier that is freshly initialised, and everything else from the file. Positional
    arguments, booleans and `pretrained=` still work, with a `UserWarning`. Signature and docstring say all of that: the
    function's own states only what is its own.

    A function whose annotation says that it returns a `ClassificationNetwork` makes a builder that also takes
    `in_chans`, `num_classes=0` for a network without a classifier, and `drop_rate` and `drop_path_rate` where the
    network has dropout and stochastic depth.

    The function is called with keywords: those that it adds, and `num_classes` where that is known. A parameter
    `weights` gets the member or `None`, a parameter `backbone` the `ChosenBackbone`.

    Args:
        weights: The member that `pretrained=True` has always stood for: it tells the enum, too. A model that never had
            `pretrained=True` gives the enum itself.
        num_classes: Number of classes without weights, where it is not the network's own default; 0 for a network that
            has none.
        assemble: Puts the network and its weights together where that is not done as usual: called with a
            `functools.partial` that makes the network, the member, `progress=`, and those further arguments of its own
            that a call gives.
        backbone: What the network stands on. The builder then takes `weights_backbone`, and
            `trainable_backbone_layers` if the backbone has layers, where the function has its parameter `backbone`.

    Example:
        >>> from zoo_classification import AlexNet, AlexNet_Weights
        >>> from zoo_core.building import builder
        >>> @builder(AlexNet_Weights.IMAGENET1K_V1)
        ... def narrow(**kwargs) -> AlexNet:
        ...     '''A network that no weights have been published for.'''
        ...     return AlexNet(**kwargs)
        >>> narrow(num_classes=10).classifier[-1].out_features
        10
    """

    def decorate(function: Callable[..., M]) -> Callable[..., M]:
        takes_weights = "weights" in inspect.signature(function).parameters
        idioms = idioms_of(function)
        signature = signature_of(function, weights, num_classes, assemble, backbone)
        positional = [
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY
            and parameter.name not in IDIOMS
            and (parameter.name != "num_classes" or num_classes)
        ]
        options = inspect.signature(assemble).parameters.keys() - {"make", "weights", "progress"}

        @wraps(function)
        def build_model(*args: Any, **kwargs: Any) -> M:
            arguments = name_positional(function.__name__, positional, args, kwargs)
            member = _take_weights("weights", weights, None, arguments)
            named = {"weights": _name_of(member)}
            progress = bool(arguments.pop("progress", True))
            if backbone is not None:
                of_backbone = _take_weights("weights_backbone", backbone.pretrained, backbone.default, arguments)
                named["weights_backbone"] = _name_of(of_backbone)
                layers = arguments.pop("trainable_backbone_layers", None) if backbone.layers else None
                arguments["backbone"] = backbone.choose(of_backbone, layers, member is not None, progress=progress)
            wanted = Wanted() if idioms is None else idioms.take(arguments)
            if arguments.get("num_classes") is None:
                arguments["num_classes"] = _classes_of(member) or num_classes or None
            if arguments["num_classes"] is None:  # for the network to say
                del arguments["num_classes"]
            called = {name: value for name, value in arguments.items() if name != "backbone"} | named
            if takes_weights:
                arguments["weights"] = member
            given = {name: arguments.pop(name) for name in options & arguments.keys()}
            model = cast("M", assemble(partial(function, **arguments), member, progress=progress, **given))
            began = file_of(member)
            digest = None if began is None or began.digest is None else began.digest.hexadecimal
            reference = f"{function.__module__}:{function.__qualname__}"
            if isinstance(model, nn.Module):
                remember_origin(model, Origin(reference, called, None if began is None else str(member), digest))
                wanted.bring_about(model, is_loaded=began is not None)
            return model

        build_model.__signature__ = signature  # type: ignore[attr-defined] # where `inspect` looks
        build_model.__doc__ = describe(function, signature, num_classes, assemble, backbone)
        return build_model

    return decorate


def _take_weights(
    parameter: str, legacy: Pretrained[Any], default: WeightsEnum | None, arguments: dict[str, Any]
) -> WeightsEnum | None:
    """Take a weights argument out of a call's arguments; return the member that it names."""
    meant = stands_for(legacy, arguments)
    modernise(parameter, meant, arguments)
    member: WeightsEnum | None = enum_of(meant).verify(arguments.pop(parameter, default))
    return member


def _name_of(member: WeightsEnum | None) -> str | None:
    return None if member is None else str(member)


def _classes_of(member: WeightsEnum | None) -> int | None:
    categories = None if member is None else member.meta.get("categories")
    return None if categories is None else len(categories)
