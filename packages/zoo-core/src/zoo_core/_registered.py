"""Models that a program registers by itself, for as long as it runs."""

from collections.abc import Callable, Iterator
from enum import EnumType
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import nn

    from ._weights import WeightsEnum

B = TypeVar("B", bound="Callable[..., nn.Module]")
_builders: "dict[str, Callable[..., nn.Module]]" = {}


def add_builder(name: str, builder: "Callable[..., nn.Module]") -> None:
    """Register a builder."""
    _builders[name] = builder


def registered_builder(name: str) -> "Callable[..., nn.Module] | None":
    """Return the builder that a program has registered under a name."""
    return _builders.get(name.lower())


def registered_names(module: ModuleType | str | None = None) -> list[str]:
    """Return the names that a program has registered, or those of builders in a module or directly below it."""
    if module is None:
        return list(_builders)
    wanted = module if isinstance(module, str) else module.__name__
    homes = {name: builder.__module__ for name, builder in _builders.items()}
    return [name for name, home in homes.items() if wanted in {home, home.rpartition(".")[0]}]


def enum_of_builder(builder: "Callable[..., nn.Module]") -> "type[WeightsEnum] | None":
    """Return the enum in the type of a registered builder's `weights`, if it has one."""
    if builder not in _builders.values():
        return None
    import inspect  # takes half of a listing
    import typing

    parameter = inspect.signature(builder).parameters.get("weights")
    try:
        hint = typing.get_type_hints(builder).get("weights")
    except Exception:  # noqa: BLE001 # names in a stranger's annotations
        hint = parameter.annotation if parameter else None
    kinds: tuple[Any, ...] = typing.get_args(hint) or (hint,)
    enums: list[Any] = [kind for kind in kinds if isinstance(kind, EnumType)]
    return next(iter(enums), None)


def registered_enums() -> "Iterator[type[WeightsEnum]]":
    """Yield the enums of registered builders."""
    return (enum for builder in list(_builders.values()) if (enum := enum_of_builder(builder)))
