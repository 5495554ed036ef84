"""Finds the packages that hold models: the built-in ones by name, others by the entry-point group `zoo.packages`.

A package that brings tasks states them as `TASKS`, any number of `zoo_core.tasks.Task`, in `catalogue/tasks.py`.
"""

import importlib.util
import os
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from enum import EnumType
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ._built_in import BUILT_IN
from ._catalogue import ModelEntry, check_entries, read_entries, read_models
from ._entry_points import EntryPoint, entry_points
from ._resources import is_file, is_folder
from .errors import CatalogueError

if TYPE_CHECKING:
    from .tasks import Task

ENTRY_POINT_GROUP = "zoo.packages"
MODEL_FILES_GROUP = "zoo.model_files"


class Package(NamedTuple):
    """A module of models and its entries."""

    module: str
    folder: str
    """Its catalogue."""
    models: tuple[ModelEntry, ...]
    by_name: Mapping[str, ModelEntry]

    @classmethod
    def read(cls, module: str, folder: str) -> Self:
        """Read the package's catalogue."""
        models = tuple(read_models(module, folder))
        return cls(module, folder, models, {entry.name: entry for entry in models})

    def only(self, models: "list[ModelEntry]") -> Self:
        """Return the package with these of its models."""
        return self._replace(models=tuple(models), by_name={entry.name: entry for entry in models})

    def tasks(self) -> "tuple[Task, ...]":
        """Import the tasks that the package brings; where that fails, it is named in a warning, and brings none."""
        if not is_file(os.path.join(self.folder, "tasks.py")):
            return ()
        from .tasks import Task  # costs time

        try:
            with _strangers_code():
                tasks = tuple(import_module(f"{self.module}.catalogue.tasks").TASKS)
            if not all(isinstance(task, Task) for task in tasks):
                raise TypeError("TASKS should hold zoo_core.tasks.Task")
            return tasks
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 # a stranger's code
            _warn(f"catalogue/tasks.py of the zoo package {self.module!r}", error)
            return ()


def model_file_finder(name: str) -> str | None:
    """Return which function finds the model in a file, by the suffix of its path; `None` for other names.

    A package states it as the entry point `suffix = "module:function"` of the group `zoo.model_files`: called with the
    path, it returns what `zoo_core.saved.find_saved` does for a folder, without importing torch.
    """
    stem, _, suffix = name.rpartition(".")
    if not stem or name.startswith(("local-dir:", "hf-hub:")) or suffix != suffix.lower() or not suffix.isalnum():
        return None
    return next((point.value for point in entry_points(MODEL_FILES_GROUP) if point.name == suffix), None)


@cache
def built_in_packages() -> tuple[Package, ...]:
    """Return the built-in packages that can be imported here. None of them is imported."""
    found = ((module, _catalogue_folder(module)) for module in BUILT_IN)
    return tuple(Package.read(module, folder) for module, folder in found if folder)


@cache
def plug_ins() -> tuple[Package, ...]:
    """Return the packages that registered themselves by entry point; one that is broken is skipped with a warning."""
    return tuple(_load_plug_ins())


def missing_packages() -> tuple[str, ...]:
    """Return the names, as installed with pip, of the built-in packages that are not here."""
    roots = {module.partition(".")[0] for module in BUILT_IN}
    return tuple(sorted(root.replace("_", "-") for root in roots if importlib.util.find_spec(root) is None))


def _catalogue_folder(module: str) -> str | None:
    """Return a module's catalogue without importing the module or its parents."""
    root, *inner = module.split(".")
    spec = importlib.util.find_spec(root)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = os.path.join(next(iter(spec.submodule_search_locations)), *inner, "catalogue")
    return folder if is_folder(folder) else None


def _load_plug_ins() -> Iterator[Package]:
    owners = {entry.name: package.module for package in built_in_packages() for entry in package.models}
    enums = {entry.weights: package.module for package in built_in_packages() for entry in package.models}
    seen = set(BUILT_IN)
    for point in sorted(set(entry_points(ENTRY_POINT_GROUP))):  # some are found twice
        if point.module in seen:
            continue
        seen.add(point.module)
        broken = f"The zoo package {point.name!r} ({point.value})"
        try:
            package, module = _load(point)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 # whatever a stranger's package raises, the others must go on
            _warn(broken, error)
            continue
        models = []
        for entry in package.models:
            try:
                _check_model(entry, module, owners, enums)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001
                _warn(f"{broken}: the model {entry.name!r}", error)
            else:
                models.append(entry)
                owners[entry.name] = entry.module
                enums.setdefault(entry.weights, entry.module)
        yield package.only(models)


def _load(point: EntryPoint) -> tuple[Package, ModuleType]:
    with _strangers_code():
        module = import_module(point.module)
    folder = _catalogue_folder(point.module)
    if folder is None:
        raise FileNotFoundError("it has no folder 'catalogue' with a JSON file a family")
    return Package.read(point.module, folder), module


def _check_model(
    entry: ModelEntry, module: ModuleType, owners: Mapping[str, str], enums: Mapping[str | None, str]
) -> None:
    """Raise an error if a stranger's model could not be listed, found by its name, or described."""
    if not re.fullmatch(r"[\w.-]+", entry.name) or entry.name != entry.name.lower():
        raise CatalogueError("a name has lower-case letters, digits, '_', '-' and '.' only")
    if entry.name in owners:
        raise CatalogueError(f"{owners[entry.name]} has a model of that name, which stays")
    if entry.weights is not None and enums.get(entry.weights, entry.module) != entry.module:
        raise CatalogueError(f"{enums[entry.weights]} has weights named {entry.weights}, which stay")
    check_entries(entry)
    for name in filter(None, (entry.builder, entry.weights)):
        if name not in dir(module) and not hasattr(module, name):
            raise CatalogueError(f"the module {entry.module} has no {name}")
    if entry.weights is not None and read_entries(entry) is None:
        with _strangers_code():
            _check_enum(getattr(module, entry.weights), entry.weights)


def _check_enum(enum: object, name: str) -> None:
    if not (isinstance(enum, EnumType) and "DEFAULT" in enum.__members__):
        raise CatalogueError(f"{name} should be a WeightsEnum with a member DEFAULT")
    members: Mapping[str, Any] = enum.__members__
    for member in members.values():
        if not (isinstance(member.url, str) and isinstance(member.figures, Mapping)):
            raise CatalogueError(f"{member!r} should state a URL and metadata")


@contextmanager
def _strangers_code() -> Iterator[None]:
    """Inside, what a package prints goes to stderr; afterwards, filters of warnings are as before.

    Folders that it added to `sys.path` come behind those that were there, which stay.
    """
    path, folders = sys.path, list(sys.path)
    try:
        with warnings.catch_warnings(), redirect_stdout(sys.stderr):
            yield
    finally:
        added = [folder for folder in sys.path if folder not in folders]
        sys.path = path
        path[:] = folders + added


def _warn(broken: str, error: BaseException) -> None:
    try:
        reason = f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 # the error is a stranger's, too
        reason = type(error).__name__
    from ._warnings import warn_caller  # costs time

    text = f"{broken} is broken and was skipped: {reason}"
    warn_caller("".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text))
