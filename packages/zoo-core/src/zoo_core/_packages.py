"""Finds the packages that hold models: the built-in ones by name, others by the entry-point group `zoo.packages`."""

import importlib.util
import os
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import NamedTuple, Self

from ._catalogue import ModelEntry, read_models
from ._entry_points import entry_points

ENTRY_POINT_GROUP = "zoo.packages"

BUILT_IN = (
    "zoo_classification",
    "zoo_classification.quantization",
    "zoo_segmentation",
    "zoo_detection",
    "zoo_video",
    "zoo_flow",
)
"""The public modules of the project's own packages, whether installed here or not."""


class Package(NamedTuple):
    """A module of models and its entries."""

    module: str
    models: tuple[ModelEntry, ...]
    by_name: Mapping[str, ModelEntry]

    @classmethod
    def read(cls, module: str, folder: str) -> Self:
        """Read the package's catalogue."""
        models = tuple(read_models(module, folder))
        return cls(module, models, {entry.name: entry for entry in models})


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
    return folder if os.path.isdir(folder) else None


def _load_plug_ins() -> Iterator[Package]:
    for point in sorted(set(entry_points(ENTRY_POINT_GROUP))):  # some are found twice
        if point.value in BUILT_IN:
            continue
        try:
            import_module(point.module)
            folder = _catalogue_folder(point.module)
            if folder is None:
                raise FileNotFoundError("it has no folder 'catalogue' with a JSON file a family")
            yield Package.read(point.module, folder)
        except Exception as error:  # noqa: BLE001 # whatever a stranger's package raises, the others must go on
            warnings.warn(
                f"The zoo package {point.name!r} ({point.value}) is broken and was skipped: "
                f"{type(error).__name__}: {error}",
                stacklevel=2,
            )
