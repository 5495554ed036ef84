"""Reads the catalogues: the folder `catalogue/` of each zoo package, one JSON file a model family.

A family file states every fact about its models and weights once:

    {"task": "classification", "dataset": "ImageNet-1K",
     "models": {"resnet50": {"weights": "ResNet50_Weights", "default": "IMAGENET1K_V2"}},
     "weights": {"ResNet50_Weights": {"IMAGENET1K_V1": {"url": …, "transforms": {"preset": …, …}, "meta": {…}}, …}}}

`"default"` tells which of several entries the enum's `DEFAULT` is, so that listing needs no enum. `"dataset"` is what
the weights were trained on, where an entry's own `meta` does not say otherwise. `"@name"` in `meta` stands for the
lines of `catalogue/categories/name.txt`, `"@package:name"` for those of another package. `"unquantized"` in `meta` is
the full name of another entry. A metric of `null` is not published.
"""

import importlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from .errors import CatalogueError


class ModelEntry(NamedTuple):
    """One registered model: where its builder and its weights are, without importing either."""

    name: str
    """The registered name."""
    module: str
    """The public module that holds the builder and the weights enum."""
    builder: str
    """The builder's name in that module."""
    weights: str | None
    """The weights enum's name in that module; `None` for a model without published weights."""
    task: str
    family: str
    path: str
    """The family's file."""


class WeightsFacts(NamedTuple):
    """What is known of a weights entry, without the member of the enum that names it."""

    model: ModelEntry
    member: str
    is_default: bool
    meta: Mapping[str, Any]
    """As in the data file: references are not resolved."""
    size: int | None
    """The published file's size in bytes, where known."""

    def __str__(self) -> str:
        return f"{self.model.weights}.{self.member}"


def read_models(module: str, folder: str) -> Iterator[ModelEntry]:
    """Yield the models of the package `module` whose catalogue is in `folder`, family by family."""
    for file in sorted(os.listdir(folder)):
        stem, suffix = os.path.splitext(file)
        if suffix != ".json":
            continue
        path = os.path.join(folder, file)
        family = read_family(path)
        for name, model in family["models"].items():
            builder = model.get("builder", name)
            yield ModelEntry(name, module, builder, model.get("weights"), family["task"], stem, path)


def read_entries(model: ModelEntry) -> list[WeightsFacts] | None:
    """Return the weights entries that a model's family file states, or `None` if it leaves them to the enum.

    Raises:
        CatalogueError: The default is none of them.
    """
    enum = model.weights or ""
    family = read_family(model.path)
    members = family.get("weights", {}).get(enum, {})
    default = family["models"][model.name].get("default", next(iter(members)) if len(members) == 1 else None)
    if default is None:
        return None
    if default not in members:
        raise CatalogueError(f"{model.path} has {default!r} as the default of {model.name}, and no such entry.")
    stated = ((member, read_weights(model.path, enum, member)) for member in members)
    return [WeightsFacts(model, name, name == default, facts["meta"], facts.get("bytes")) for name, facts in stated]


@cache
def read_family(path: str) -> dict[str, Any]:
    """Parse a family file, once a process.

    Raises:
        CatalogueError: The file is not JSON, or lacks the members `task` or `models`.
    """
    try:
        with open(path, encoding="utf-8") as file:
            family = json.load(file)
        if not (isinstance(family["task"], str) and all(isinstance(m, dict) for m in family["models"].values())):
            raise TypeError("expected a text for 'task' and an object for each model")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CatalogueError(f"{path} is not a family of models: {type(error).__name__}: {error}") from error
    return family  # type: ignore[no-any-return] # JSON


def read_weights(path: str, enum: str, member: str) -> dict[str, Any]:
    """Return the raw facts of one weights entry in a family file.

    Raises:
        CatalogueError: The file has no such entry.
    """
    try:
        family = read_family(path)
        facts: dict[str, Any] = family["weights"][enum][member]
    except KeyError as error:
        raise CatalogueError(f"{path} states nothing about {enum}.{member}: it lacks {error}") from error
    return facts | {"meta": {"dataset": family.get("dataset", "unknown"), "license": "unknown"} | facts["meta"]}


def read_meta(raw: dict[str, Any], folder: str) -> dict[str, Any]:
    """Return an entry's metadata as users see it: references resolved, sizes as tuples, unpublished metrics as NaN."""
    meta = {key: _resolve(value, folder) for key, value in raw.items()}
    if "unquantized" in meta:
        from ._registry import get_weight  # which imports this module

        meta["unquantized"] = get_weight(meta["unquantized"])
    if "min_size" in meta:
        meta["min_size"] = tuple(meta["min_size"])
    if "_metrics" in meta:
        meta["_metrics"] = {
            dataset: {metric: math.nan if value is None else value for metric, value in values.items()}
            for dataset, values in meta["_metrics"].items()
        }
    return meta


def _resolve(value: Any, folder: str) -> Any:  # JSON
    if isinstance(value, str) and value.startswith("@"):
        package, _, name = value[1:].rpartition(":")
        if package:
            folder = os.path.join(os.path.dirname(str(importlib.import_module(package).__file__)), "catalogue")
        return list(_read_lines(os.path.join(folder, "categories", f"{name}.txt")))
    return list(value) if isinstance(value, list) else value


@cache
def _read_lines(path: str) -> tuple[str, ...]:
    with open(path, encoding="utf-8") as file:
        return tuple(file.read().splitlines())
