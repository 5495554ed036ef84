"""How a network was built: what is needed to build it again, and what its weights came from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

_ATTRIBUTE = "_zoo_origin"


@dataclass(frozen=True, slots=True)
class Origin:
    """The call of a builder that made a network.

    Args:
        builder: `"module:name"` of the builder.
        arguments: What it was called with, without `progress`; entries of weights are given by their names.
        parent: The name of the weights that the network began with, if any were loaded.
        parent_digest: What is known of the SHA-256 of their file.
        parent_facts: What a saved model states of its weights: it may be gone when this network is saved.
    """

    builder: str
    arguments: Mapping[str, Any]
    parent: str | None = None
    parent_digest: str | None = None
    parent_facts: Mapping[str, Any] | None = None

    def given(self, **arguments: Any) -> "Origin":
        """Return the call with some arguments replaced."""
        return replace(self, arguments={**self.arguments, **arguments})


@dataclass(frozen=True, slots=True)
class Unkept:
    """Stands for an argument that is no plain data: a network must not hold and pickle it on account of a note."""

    kind: str

    def __repr__(self) -> str:
        return f"a {self.kind}"


def remember_origin(model: object, origin: Origin) -> None:
    """Note how a network was built, in the network; copies have the note, too. What is no network is left alone."""
    if not isinstance(model, nn.Module):
        return
    arguments = {name: _plain(value) for name, value in origin.arguments.items()}
    object.__setattr__(model, _ATTRIBUTE, replace(origin, arguments=arguments))


def origin_of(model: nn.Module) -> Origin | None:
    """Return how a network was built, if a builder of zoo's built it."""
    found = vars(model).get(_ATTRIBUTE)
    return found if isinstance(found, Origin) else None


def _plain(value: object) -> object:
    """Return a copy of numbers, texts, and lists, tuples and objects of these; of anything else, what it is."""
    if value is None or type(value) in {bool, int, float, str}:
        return value
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return Unkept(type(value).__qualname__)
