"""Reads the catalogues: the folder `catalogue/` of each zoo package, one JSON file a model family.

A family file states every fact about its models and weights once:

    {"task": "classification", "dataset": "ImageNet-1K",
     "models": {"resnet50": {"weights": "ResNet50_Weights", "default": "IMAGENET1K_V2"}},
     "weights": {"ResNet50_Weights": {"IMAGENET1K_V1": {"url": …, "transforms": {"preset": …, …}, "meta": {…}}, …}}}

`"default"` tells which of several entries the enum's `DEFAULT` is, so that listing needs no enum. `"dataset"` is what
the weights were trained on, where an entry's own `meta` does not say otherwise. `"errors"` lists the metrics of which
less is better, such as `["epe"]`. `"@name"` in `meta` stands for the
lines of `catalogue/categories/name.txt`, `"@package:name"` for those of another package. `"unquantized"` in `meta` is
another entry, `"package:Enum.MEMBER"`. A metric of `null` is not published. A family may state terms of `"datasets"`
of its own, as `terms.json` does.
"""

import importlib
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import NoneType
from typing import Any, NamedTuple

from ._resources import list_folder, read_text
from .errors import CatalogueError
from .names import load_reference


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
    for file in list_folder(folder):
        stem, suffix = os.path.splitext(file)
        if suffix != ".json":
            continue
        path = os.path.join(folder, file)
        family = read_family(path)
        for name, model in family["models"].items():
            builder = model.get("builder", name)
            yield ModelEntry(name, module, builder, model.get("weights"), family["task"], stem, path)


def read_entries(model: ModelEntry) -> list[WeightsFacts] | None:
    """Return the weights entries that a model's family file states, or `None` if it leaves them to the enum."""
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


def check_entries(model: ModelEntry) -> None:
    """Look at all that a family file states of a model and its weights, as whoever lists or describes them will.

    Raises:
        CatalogueError: Something is missing, or of another type.
    """
    family, enum = read_family(model.path), model.weights or ""
    texts = {"builder": model.builder, "weights": enum, "task": model.task, "dataset": family.get("dataset", "")}
    try:
        _expect(str, texts)
        _expect(list, {"errors": family.get("errors", [])})
        members = family.get("weights", {}).get(enum, {})
        datasets = family.get("datasets", {})
        _expect(dict, {enum: members} | members | {"datasets": datasets} | datasets)
        for member, facts in members.items():
            _check_facts(facts, member, os.path.dirname(model.path))
        read_entries(model)
    except CatalogueError:
        raise
    except (ValueError, LookupError, TypeError, AttributeError, OSError) as error:
        raise CatalogueError(f"{model.path}: {type(error).__name__}: {error}") from error


def _check_facts(facts: dict[str, Any], member: str, folder: str) -> None:
    transforms, meta = facts["transforms"], facts["meta"]
    _expect(dict, {f"transforms of {member}": transforms, f"meta of {member}": meta})
    _expect(str, {"url": facts["url"], "preset": transforms["preset"], "sha256": facts.get("sha256", "")})
    if not re.fullmatch("([0-9a-f]{64})?", facts.get("sha256", "")):
        raise ValueError(f"'sha256' of {member} should have 64 lower-case hexadecimal digits")
    _expect((int, NoneType), {"bytes": facts.get("bytes")})
    _expect(str, {name: meta.get(name, "") for name in ("license", "license_stated_by", "dataset")})
    _expect((int, float, NoneType), {name: meta.get(name) for name in ("num_params", "_ops", "_file_size")})
    metrics = meta.get("_metrics", {})
    _expect(dict, {"_metrics": metrics} | metrics)
    for values in metrics.values():
        _expect((int, float, NoneType), values)
    for value in meta.values():
        if isinstance(value, str) and value.startswith("@") and ":" not in value:
            _resolve(value, folder)


def _expect(kind: type | tuple[type, ...], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if not isinstance(value, kind):
            raise TypeError(f"{name!r} should not be {value!r:.80}")


@cache
def read_family(path: str) -> dict[str, Any]:
    """Parse a family file, once a process. One that has another form is a `CatalogueError`."""
    try:
        family = json.loads(read_text(path))
        if not (isinstance(family["task"], str) and all(isinstance(m, dict) for m in family["models"].values())):
            raise TypeError("expected a text for 'task' and an object for each model")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CatalogueError(f"{path} is not a family of models: {type(error).__name__}: {error}") from error
    return family  # type: ignore[no-any-return] # JSON


def read_weights(path: str, enum: str, member: str) -> dict[str, Any]:
    """Return the raw facts of one weights entry in a family file; a `CatalogueError` says that it has none."""
    try:
        family = read_family(path)
        facts: dict[str, Any] = family["weights"][enum][member]
    except KeyError as error:
        raise CatalogueError(f"{path} states nothing about {enum}.{member}: it lacks {error}") from error
    meta = {"dataset": family.get("dataset", "unknown"), "license": "unknown"} | facts["meta"]
    return facts | {"meta": meta, "datasets": family.get("datasets", {})}


def read_meta(raw: dict[str, Any], folder: str) -> dict[str, Any]:
    """Return an entry's metadata as users see it: references resolved, sizes as tuples, unpublished metrics as NaN."""
    meta = {key: _resolve(value, folder) for key, value in raw.items()}
    if "unquantized" in meta:
        meta["unquantized"] = load_reference(meta["unquantized"])
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
    return tuple(read_text(path).splitlines())
