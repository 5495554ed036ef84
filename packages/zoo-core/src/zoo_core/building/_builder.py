"""The decorator of every builder: what `weights=` may be, and the ways of calling that torchvision has deprecated."""

import inspect
import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from zoo_core._weights import WeightsEnum

P = ParamSpec("P")
R = TypeVar("R")

Legacy = WeightsEnum | type[WeightsEnum]
"""A member, or an enum where there is no such member."""


def builder(**pretrained: Legacy | Callable[[Mapping[str, Any]], Legacy]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function a builder.

    Its weights parameters then take a member of their enum, a member's name, or `None`; anything else is a `TypeError`
    before anything is built. Positional arguments, booleans and `pretrained=` still work, with a `UserWarning`.

    Args:
        **pretrained: For each weights parameter the member that `pretrained=True` has always stood for: it tells the
            enum, too. A model that never had `pretrained=True` gives the enum itself. Where it depends on other
            arguments, a function of all that are given, by name. The old name of `weights` is `pretrained`, that of
            `weights_backbone` is `pretrained_backbone`.

    Example:
        >>> @builder(weights=ResNet18_Weights.IMAGENET1K_V1)  # doctest: +SKIP
        ... def resnet18(*, weights=None, progress=True, **kwargs): ...
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        names = [
            name
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.kind == parameter.KEYWORD_ONLY
        ]

        @wraps(function)
        def build_model(*args: P.args, **kwargs: P.kwargs) -> R:
            arguments = _name_positional(function.__name__, names, args, dict(kwargs))
            for parameter, stated in pretrained.items():
                legacy = stated if isinstance(stated, (WeightsEnum, type)) else stated(arguments)
                _modernise(parameter, legacy, arguments)
                if parameter in arguments:
                    arguments[parameter] = _enum_of(legacy).verify(arguments[parameter])
            return function(**arguments)  # type: ignore[call-arg] # the same parameters, by keyword

        return build_model

    return decorate


def _name_positional(
    function: str, names: list[str], args: tuple[object, ...], arguments: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments by keyword, warning when some were given by position."""
    if not args:
        return arguments
    if len(args) > len(names):
        raise TypeError(
            f"{function}() takes at most {len(names)} arguments by position, found {len(args)}: use keywords."
        )
    given = dict(zip(names, args, strict=False))
    twice = sorted(given.keys() & arguments.keys())
    if twice:
        raise TypeError(f"{function}() got multiple values for argument {twice[0]!r}")
    listed = _listed([f"'{name}'" for name in given])
    instead = ", ".join(f"{name}=…" for name in given)
    warnings.warn(
        f"Using {listed} as positional parameter(s) is deprecated since 0.13 and may be removed in the future. "
        f"Please use keyword parameter(s) instead: {function}({instead}).",
        UserWarning,
        stacklevel=3,
    )
    return given | arguments


def _modernise(parameter: str, legacy: Legacy, arguments: dict[str, Any]) -> None:
    """Replace `pretrained=` and boolean weights by what they stand for, with a warning each."""
    old = parameter.replace("weights", "pretrained", 1)
    if old in arguments and parameter not in arguments:
        warnings.warn(
            f"The parameter '{old}' is deprecated since 0.13 and may be removed in the future, "
            f"please use '{parameter}' instead.",
            UserWarning,
            stacklevel=3,
        )
        arguments[parameter] = bool(arguments.pop(old))
    if isinstance(arguments.get(parameter), bool):
        if arguments[parameter] and not isinstance(legacy, WeightsEnum):
            raise ValueError(
                f"No weights available for this model by {old}=True: choose one of {', '.join(map(str, legacy))}."
            )
        arguments[parameter] = legacy if arguments[parameter] else None
        warnings.warn(_boolean_message(parameter, arguments[parameter]), UserWarning, stacklevel=3)


def _enum_of(legacy: Legacy) -> type[WeightsEnum]:
    return type(legacy) if isinstance(legacy, WeightsEnum) else legacy


def _boolean_message(parameter: str, member: WeightsEnum | None) -> str:
    message = (
        f"Arguments other than a weight enum or `None` for '{parameter}' are deprecated since 0.13 and may be removed "
        f"in the future. The current behavior is equivalent to passing `{parameter}={member}`."
    )
    if member is None:
        return message
    return f"{message} You can also use `{parameter}={type(member).__name__}.DEFAULT` for the most up-to-date weights."


def _listed(words: list[str]) -> str:
    """Join words as English does: `a`, `a and b`, `a, b, and c`."""
    return " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])}, and {words[-1]}"
