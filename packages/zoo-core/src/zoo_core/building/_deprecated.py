"""Calls of builders that get a warning: by position, with booleans, with `pretrained=`."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar

from zoo_core._warnings import warn_caller as warn_caller  # noqa: PLC0414 # exported
from zoo_core._weights import WeightsEnum

E = TypeVar("E", bound=WeightsEnum)
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class DependentWeights(Generic[E]):
    """Weights of which other arguments of a call tell the enum, or the member that `pretrained=True` stands for.

    Args:
        enums: All enums that they may be of.
        choose: Called with all arguments that are given, by name, returns the member, or an enum where there is none.
    """

    enums: tuple[type[E], ...]
    choose: Callable[[Mapping[str, Any]], E | type[E]]


Pretrained: TypeAlias = E | type[E] | DependentWeights[E]
"""What `pretrained=True` stands for: a member, the enum where there is none, or what depends on the call."""


def stands_for(pretrained: Pretrained[E], arguments: Mapping[str, Any]) -> E | type[E]:
    """Return the member, or the enum, that `pretrained=True` stands for in a call with these arguments."""
    return pretrained.choose(arguments) if isinstance(pretrained, DependentWeights) else pretrained


def enum_of(legacy: E | type[E]) -> type[E]:
    """Return the enum of what `pretrained=True` stands for."""
    return type(legacy) if isinstance(legacy, WeightsEnum) else legacy


def enums_of(pretrained: Pretrained[E]) -> tuple[type[E], ...]:
    """Return the enums that weights may be of."""
    return pretrained.enums if isinstance(pretrained, DependentWeights) else (enum_of(pretrained),)


def name_positional(
    function: str, names: Sequence[str], args: tuple[object, ...], arguments: dict[str, Any]
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
    warn_caller(
        f"{function}() got {listed} by position, which is deprecated, and may be an error in a later version of zoo: "
        f"write {function}({instead})."
    )
    return given | arguments


def modernise(parameter: str, legacy: WeightsEnum | type[WeightsEnum], arguments: dict[str, Any]) -> None:
    """Replace `pretrained=` and boolean weights by what they stand for, with a warning each."""
    old = parameter.replace("weights", "pretrained", 1)
    if old in arguments and parameter not in arguments:
        warn_caller(f"{old}= is deprecated, and may be an error in a later version of zoo: write {parameter}= instead.")
        arguments[parameter] = bool(arguments.pop(old))
    if isinstance(arguments.get(parameter), bool):
        if arguments[parameter] and not isinstance(legacy, WeightsEnum):
            raise ValueError(
                f"No weights available for this model by {old}=True: choose one of {', '.join(map(str, legacy))}."
            )
        arguments[parameter] = legacy if arguments[parameter] else None
        warn_caller(_boolean_message(parameter, arguments[parameter]))


def _boolean_message(parameter: str, member: WeightsEnum | None) -> str:
    message = (
        f"{parameter}= should be an entry of weights, its name, or None; a boolean is deprecated, and may be an error "
        f"in a later version of zoo: write {parameter}={member}, which is what you get now"
    )
    if member is None:
        return f"{message}."
    return f"{message}, or {parameter}={type(member).__name__}.DEFAULT for the best."


def _listed(words: list[str]) -> str:
    """Join words as English does: `a`, `a and b`, `a, b, and c`."""
    return " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])}, and {words[-1]}"


def takes_older_calls(
    pretrained: Callable[[Mapping[str, Any]], WeightsEnum | type[WeightsEnum]],
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function that is no builder, but has `weights`, be called as builders of old were, with the same warnings.

    That is by position, with booleans as weights, and with `pretrained=`.

    Args:
        pretrained: Called with the arguments by name, returns what `pretrained=True` stands for.

    Example:
        >>> from zoo_classification import AlexNet_Weights
        >>> from zoo_core.building import takes_older_calls
        >>> @takes_older_calls(lambda arguments: AlexNet_Weights.IMAGENET1K_V1)
        ... def width(*, weights, factor: int) -> int:
        ...     return 64 * factor
        >>> width(weights=None, factor=2)
        128
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        names = list(inspect.signature(function).parameters)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            arguments = name_positional(function.__name__, names, args, dict(kwargs))
            if "pretrained" in arguments or isinstance(arguments.get("weights"), bool):
                modernise("weights", pretrained(arguments), arguments)
            return function(**arguments)  # type: ignore[call-arg] # by name, whatever the function takes

        return call

    return decorate
