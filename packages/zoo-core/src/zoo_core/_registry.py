"""The one registry: every model of every zoo package, by name. Only building a model imports torch."""

import fnmatch
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._catalogue import ModelEntry
from ._names import closest
from ._packages import Package, built_in_packages, missing_packages, plug_ins

if TYPE_CHECKING:
    from torch import nn

    from ._weights import WeightsEnum


def list_models(
    module: ModuleType | str | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
) -> list[str]:
    """List the registered models.

    Args:
        module: List only the models of this module, given itself or by name (`"zoo_classification"`).
        include: A glob, or any iterable of globs: list the names that match at least one. None or empty: all.
        exclude: Likewise: leave out the names that match at least one, also if `include` names them.

    Returns:
        The names, sorted.

    Raises:
        ValueError: No zoo package has that module.

    Example:
        >>> list_models(include="resnet*", exclude=["*18", "*34"])
        ['resnet101', 'resnet152', 'resnet50']
    """
    entries = _entries_of(module) if module is not None else _all_entries()
    included, excluded = _globs(include), _globs(exclude)
    names = {entry.name for entry in entries}
    return sorted(name for name in names if (not included or _any(name, included)) and not _any(name, excluded))


def get_model_entry(name: str) -> ModelEntry:
    """Return what the registry knows about a model: its module, task, family, builder and weights.

    Raises:
        ValueError: No model has that name; the message gives the nearest ones.
    """
    key = name.lower()
    for package in _packages():
        if key in package.by_name:
            return package.by_name[key]
    raise ValueError(f"Unknown model {name}.{closest(name, list_models())}{_missing_hint()}")


def get_model_builder(name: str) -> "Callable[..., nn.Module]":
    """Return the function that builds the model `name`.

    Raises:
        ValueError: No model has that name; the message gives the nearest ones.
    """
    return _load_builder(get_model_entry(name))


def get_model(name: str, **config: Any) -> "nn.Module":
    """Build the model `name`.

    Args:
        name: A registered name.
        **config: Arguments of the builder, such as `weights="DEFAULT"`, `num_classes=10`, `progress=False`.

    Raises:
        ValueError: No model has that name; the message gives the nearest ones.

    Example:
        >>> model = get_model("resnet50", weights="DEFAULT")  # doctest: +SKIP
    """
    return get_model_builder(name)(**config)


def get_model_weights(name: "Callable[..., nn.Module] | str") -> "type[WeightsEnum]":
    """Return the weights enum of a model, given by name or by its builder.

    Raises:
        ValueError: No such model, or it has no published weights.

    Example:
        >>> list(get_model_weights("resnet50"))
        [ResNet50_Weights.IMAGENET1K_V1, ResNet50_Weights.IMAGENET1K_V2]
    """
    entry = get_model_entry(name) if isinstance(name, str) else _entry_of_builder(name)
    if entry.weights is None:
        raise ValueError(f"The model {entry.name} has no published weights.")
    return _load_enum(entry.module, entry.weights)


def get_weight(name: str) -> "WeightsEnum":
    """Return the weights entry of that full name.

    Args:
        name: `"Enum.MEMBER"`, such as `"ResNet50_Weights.IMAGENET1K_V2"` or `"ResNet50_Weights.DEFAULT"`.

    Raises:
        ValueError: The name does not have that form, or no package has such an enum.
        KeyError: The enum has no such member.

    Example:
        >>> get_weight("ResNet50_Weights.DEFAULT")
        ResNet50_Weights.IMAGENET1K_V2
    """
    enum, dot, member = name.partition(".")
    if not (enum and dot and member) or "." in member:
        raise ValueError(
            f"Invalid weight name provided: '{name}'. Expected 'Enum.MEMBER', as 'ResNet50_Weights.DEFAULT'."
        )
    entry = _entry_of_enum(enum)
    if entry is not None:
        found = _load_enum(entry.module, enum).verify(member)
        assert found is not None
        return found
    enums = [entry.weights for entry in _all_entries() if entry.weights]
    raise ValueError(
        f"The weight enum '{enum}' couldn't be retrieved: no package has it.{closest(enum, enums)}{_missing_hint()}"
    )


def get_weights_entry(member: "WeightsEnum") -> ModelEntry:
    """Return what the registry knows about the model that a weights entry is for.

    Raises:
        ValueError: The entry belongs to no registered model.
    """
    entry = _entry_of_enum(type(member).__name__)
    if entry is None:
        raise ValueError(f"{member} belongs to no registered model: {type(member).__name__} is not in a catalogue.")
    return entry


def _entry_of_enum(enum: str) -> ModelEntry | None:
    return next((entry for entry in _all_entries() if entry.weights == enum), None)


def _packages() -> Iterator[Package]:
    """Built-in packages first: no plug-in is looked for while a name is found in them, nor can one replace theirs."""
    yield from built_in_packages()
    yield from plug_ins()


def _all_entries() -> Iterator[ModelEntry]:
    return (entry for package in _packages() for entry in package.models)


def _entries_of(module: ModuleType | str) -> Iterable[ModelEntry]:
    name = module if isinstance(module, str) else module.__name__
    for package in _packages():
        if package.module == name:
            return package.models
    modules = [package.module for package in _packages()]
    raise ValueError(f"No zoo package has the module {name!r}; known here: {', '.join(modules)}.{_missing_hint()}")


def _entry_of_builder(builder: "Callable[..., nn.Module]") -> ModelEntry:
    name, package = getattr(builder, "__name__", ""), getattr(builder, "__module__", "").partition(".")[0]
    for entry in _all_entries():
        if entry.builder == name and entry.module.partition(".")[0] == package and _load_builder(entry) is builder:
            return entry
    raise ValueError(f"{builder!r} is not the builder of a registered model: pass one, or a name of list_models().")


def _load_builder(entry: ModelEntry) -> "Callable[..., nn.Module]":
    return getattr(import_module(entry.module), entry.builder)  # type: ignore[no-any-return]


def _load_enum(module: str, name: str) -> "type[WeightsEnum]":
    return getattr(import_module(module), name)  # type: ignore[no-any-return]


def _missing_hint() -> str:
    missing = missing_packages()
    return f" (Not installed here: {', '.join(missing)}.)" if missing else ""


def _globs(patterns: Iterable[str] | str | None) -> list[str]:
    return [pattern for pattern in ([patterns] if isinstance(patterns, str) else patterns or []) if pattern]


def _any(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
