"""The one registry: every model of every zoo package, by name. Only building a model imports torch."""

import fnmatch
import os
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._catalogue import ModelEntry
from ._packages import Package, built_in_packages, missing_packages, model_file_finder, plug_ins
from ._registered import B, add_builder, enum_of_builder, registered_builder, registered_enums, registered_names
from .names import Later, closest, load_reference

if TYPE_CHECKING:
    from torch import nn

    from . import _weights, saved, tasks
else:
    nn, _weights, tasks = Later("torch.nn"), Later("zoo_core._weights"), Later("zoo_core.tasks")


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
        >>> from zoo_core import list_models
        >>> list_models(include="resnet*", exclude=["*18", "*34"])
        ['resnet101', 'resnet152', 'resnet50']
    """
    names = set(registered_names(module))
    entries = _all_entries() if module is None else _entries_of(module, required=not names)
    included, excluded = _globs(include), _globs(exclude)
    names |= {entry.name for entry in entries}
    return sorted(name for name in names if (not included or _any(name, included)) and not _any(name, excluded))


def get_model_entry(name: str) -> ModelEntry:
    """Return what the registry knows about a model: its module, task, family, builder and weights.

    Of a builder that the program has registered by itself, only where it is: it has no catalogue.

    Raises:
        ValueError: No model has that name; the message gives the nearest ones.
        SavedModelError: It is the name of a saved model, which cannot be used.

    Example:
        >>> from zoo_core import get_model_entry
        >>> get_model_entry("resnet50").family
        'resnet'
    """
    saved = find_saved(name)
    if saved is not None:
        return saved.entry
    key = name.lower()
    for package in _packages():
        if key in package.by_name:
            return package.by_name[key]
    builder = registered_builder(key)
    if builder is not None:
        return ModelEntry(key, builder.__module__, builder.__name__, None, "unknown", "unknown", "")
    folder = f" There is a folder of that name: for the model in it, write ./{name}." if _is_folder(name) else ""
    raise ValueError(f"Unknown model {name}.{folder or closest(name, list_models())}{_missing_hint()}")


def get_model_builder(name: str) -> "Callable[..., nn.Module]":
    """Return the function that builds the model `name`.

    Raises:
        ValueError: No model has that name; the message gives the nearest ones.
    """
    saved = find_saved(name)
    if saved is not None:
        return saved.builder
    return registered_builder(name) or _load_builder(get_model_entry(name))


def find_saved(name: str) -> "saved.SavedModel | None":
    """Return the saved model that a name stands for, `local-dir:…`, a path, or `hf-hub:…`; `None` for other names.

    A path whose suffix a package states under the entry-point group `zoo.model_files` is a file of that package's.
    """
    in_file = model_file_finder(name)
    if in_file is not None:
        return load_reference(in_file)(name)  # type: ignore[no-any-return]
    if not is_saved_name(name):
        return None
    return load_reference("zoo_core.saved:find_saved")(name)  # type: ignore[no-any-return]


def is_saved_name(name: str) -> bool:
    """Tell by a name's signs whether it can be that of a saved model, without looking for one: no other has any."""
    return any(sign in name for sign in ":/\\") or model_file_finder(name) is not None


def register_model(name: str | None = None) -> "Callable[[B], B]":
    """Register a builder for as long as the program runs, so that `list_models` and `get_model` know it.

    A package that is installed states its models in a catalogue instead (`CONTRIBUTING.md`).

    Args:
        name: What it is registered as, with lower-case letters; the name of the function if not given.

    Returns:
        A decorator, which returns the function as it is. The enum in the type of its parameter `weights`, if it has
        one, is what `get_model_weights` and `get_weight` find.

    Raises:
        ValueError: There is a model of that name already, or the name has upper-case letters.

    Example:
        >>> from torch import nn
        >>> from zoo_core import get_model, register_model
        >>> @register_model("two_layers")
        ... def build(*, weights=None, **kwargs) -> nn.Module:
        ...     return nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        >>> len(get_model("two_layers"))
        2
    """

    def register(builder: B) -> B:
        key = builder.__name__ if name is None else name
        if key != key.lower():
            raise ValueError(f"A model is registered with lower-case letters, found {key!r}.")
        if registered_builder(key) or any(entry.name == key for entry in _all_entries()):
            raise ValueError(f"An entry is already registered under the name '{key}'.")
        add_builder(key, builder)
        return builder

    return register


def get_model(name: str, **config: Any) -> "nn.Module":
    """Build the model `name`.

    Args:
        name: A registered name; or that of a model of one's own, which comes with its weights: `"local-dir:folder"`, or
            `"hf-hub:organisation/name"`, optionally with `@` and a branch, tag or commit.
        **config: Arguments of the builder, such as `weights="DEFAULT"`, `num_classes=10`, `progress=False`.

    Raises:
        ValueError: No model has that name; the message gives the nearest ones.

    Example:
        >>> from zoo_core import get_model
        >>> model = get_model("resnet50", weights="DEFAULT")
    """
    return get_model_builder(name)(**config)


def get_model_weights(name: "Callable[..., nn.Module] | str") -> "type[_weights.WeightsEnum]":
    """Return the weights enum of a model, given by name or by its builder.

    Raises:
        ValueError: No such model, or it has no published weights.

    Example:
        >>> from zoo_core import get_model_weights
        >>> list(get_model_weights("resnet50"))
        [ResNet50_Weights.IMAGENET1K_V1, ResNet50_Weights.IMAGENET1K_V2]
    """
    saved = find_saved(name) if isinstance(name, str) else None
    if saved is not None:
        return saved.enum
    builder = registered_builder(name) if isinstance(name, str) else name
    registered = builder and enum_of_builder(builder)
    if registered:
        return registered
    entry = get_model_entry(name) if isinstance(name, str) else _entry_of_builder(name)
    if entry.weights is None:
        raise ValueError(f"The model {entry.name} has no published weights.")
    return _load_enum(entry)


def get_weight(name: str) -> "_weights.WeightsEnum":
    """Return the weights entry of that full name.

    Args:
        name: `"Enum.MEMBER"`, such as `"ResNet50_Weights.IMAGENET1K_V2"` or `"ResNet50_Weights.DEFAULT"`.

    Raises:
        ValueError: The name does not have that form, or no package has such an enum.
        KeyError: The enum has no such member.

    Example:
        >>> from zoo_core import get_weight
        >>> get_weight("ResNet50_Weights.DEFAULT")
        ResNet50_Weights.IMAGENET1K_V2
    """
    saved = find_saved(name)
    if saved is not None:
        return saved.weights
    enum, dot, member = name.partition(".")
    if not (enum and dot and member) or "." in member:
        raise ValueError(
            f"Invalid weight name provided: '{name}'. Expected 'Enum.MEMBER', as 'ResNet50_Weights.DEFAULT'."
        )
    entry = _entry_of_enum(enum)
    kinds = [_load_enum(entry)] if entry else [kind for kind in registered_enums() if kind.__name__ == enum]
    if kinds:
        found = kinds[0].verify(member)
        assert found is not None
        return found
    enums = [entry.weights for entry in _all_entries() if entry.weights]
    raise ValueError(
        f"The weight enum '{enum}' couldn't be retrieved: no package has it.{closest(enum, enums)}{_missing_hint()}"
    )


def get_weights_entry(member: "_weights.WeightsEnum") -> ModelEntry:
    """Return what the registry knows about the model that a weights entry is for.

    Raises:
        ValueError: The entry belongs to no registered model.
    """
    saved = getattr(member, "saved", None)
    entry = _entry_of_enum(type(member).__name__) if saved is None else saved.entry
    if entry is None:
        raise ValueError(f"{member} belongs to no registered model: {type(member).__name__} is not in a catalogue.")
    return entry


def all_tasks() -> "Iterator[tasks.Task]":
    """Yield the tasks that packages state, each name once: nobody can replace a built-in one."""
    seen = set()
    for package in _packages():
        for task in package.tasks():
            if task.name not in seen:
                seen.add(task.name)
                yield task


def find_task(name: str) -> "tasks.Task | None":
    """Return the task of that name, or `None` where no package states it."""
    return next((task for task in all_tasks() if task.name == name), None)


def get_task(name: str) -> "tasks.Task":
    """Return a task.

    Raises:
        ValueError: No package states it.

    Example:
        >>> from zoo_core import get_task
        >>> get_task("optical_flow").media
        'image pairs'
    """
    task = find_task(name)
    if task is None:
        raise ValueError(
            f"No installed package states the task {name!r}.{closest(name, [t.name for t in all_tasks()])}"
        )
    return task


def task_of(model: "str | _weights.WeightsEnum") -> "tasks.Task":
    """Return the task of a registered model, or of a weights entry.

    Raises:
        ValueError: No model has that name, or that entry, or no package states its task.

    Example:
        >>> from zoo_core import task_of
        >>> task_of("resnet50").media
        'images'
    """
    entry = get_model_entry(model) if isinstance(model, str) else get_weights_entry(model)
    task = find_task(entry.task)
    if task is None:
        known = ", ".join(task.name for task in all_tasks())
        raise ValueError(f"{model} is for {entry.task}; prediction is there for {known}.")
    return task


def tasks_of_class(model_class: "type[nn.Module]") -> "list[tasks.Task]":
    """Return the tasks of the models in the package that a network's class is from; none for anybody's class."""
    inside = f"{model_class.__module__}."
    packages = [package for package in _packages() if inside.startswith(f"{package.module}.")]
    names = {entry.task for package in packages[-1:] for entry in package.models}  # the innermost one is the last
    return [task for task in all_tasks() if task.name in names]


def _entry_of_enum(enum: str) -> ModelEntry | None:
    return next((entry for entry in _all_entries() if entry.weights == enum), None)


def _packages() -> Iterator[Package]:
    """Built-in packages first: no plug-in is looked for while a name is found in them, nor can one replace theirs."""
    yield from built_in_packages()
    yield from plug_ins()


def _all_entries() -> Iterator[ModelEntry]:
    return (entry for package in _packages() for entry in package.models)


def _entries_of(module: ModuleType | str, *, required: bool) -> Iterable[ModelEntry]:
    name = module if isinstance(module, str) else module.__name__
    for package in _packages():
        if package.module == name:
            return package.models
    if not required:
        return ()
    modules = [package.module for package in _packages()]
    raise ValueError(f"No zoo package has the module {name!r}; known here: {', '.join(modules)}.{_missing_hint()}")


def _entry_of_builder(builder: "Callable[..., nn.Module]") -> ModelEntry:
    name, package = getattr(builder, "__name__", ""), getattr(builder, "__module__", "").partition(".")[0]
    for entry in _all_entries():
        if entry.builder == name and entry.module.partition(".")[0] == package and _load_builder(entry) is builder:
            return entry
    raise ValueError(f"{builder!r} is not the builder of a registered model: pass one, or a name of list_models().")


def _load_builder(entry: ModelEntry) -> "Callable[..., nn.Module]":
    return load_reference(f"{entry.module}:{entry.builder}")  # type: ignore[no-any-return]


def _load_enum(entry: ModelEntry) -> "type[_weights.WeightsEnum]":
    return load_reference(f"{entry.module}:{entry.weights}")  # type: ignore[no-any-return]


def _is_folder(name: str) -> bool:
    return bool(name) and os.path.isfile(os.path.join(name, "config.json"))  # noqa: PTH113, PTH118 # without pathlib


def _missing_hint() -> str:
    missing = missing_packages()
    return f" (Not installed here: {', '.join(missing)}.)" if missing else ""


def _globs(patterns: Iterable[str] | str | None) -> list[str]:
    return [pattern for pattern in ([patterns] if isinstance(patterns, str) else patterns or []) if pattern]


def _any(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
