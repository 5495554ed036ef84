"""Reads the catalogues: the folder `catalogue/` of each zoo package, one JSON file a model family.

A family file states every fact about its models and weights once:

    {"task": "classification", "dataset": "ImageNet-1K",
     "models": {"resnet18": {"weights": "ResNet18_Weights"}},
     "weights": {"ResNet18_Weights": {"IMAGENET1K_V1": {"url": …, "transforms": {"preset": …, …}, "meta": {…}}}}}

`"dataset"` is what the weights were trained on, where an entry's own `meta` does not say otherwise. `"@name"` in `meta`
stands for the lines of `catalogue/categories/name.txt`, `"@package:name"` for those of another package. `"unquantized"`
in `meta` is the full name of another entry. A metric of `null` is not published.
"""

import importlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .errors import CatalogueError


@dataclass(frozen=True, slots=True)
class ModelEntry:
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


def read_models(module: str, folder: Path) -> Iterator[ModelEntry]:
    """Yield the models of the package `module` whose catalogue is in `folder`, family by family."""
    for path in sorted(folder.glob("*.json")):
        family = read_family(path)
        for name, model in family["models"].items():
            builder = model.get("builder", name)
            yield ModelEntry(name, module, builder, model.get("weights"), family["task"], path.stem)


@cache
def read_family(path: Path) -> dict[str, Any]:
    """Parse a family file, once a process.

    Raises:
        CatalogueError: The file is not JSON, or lacks the members `task` or `models`.
    """
    try:
        family = json.loads(path.read_text(encoding="utf-8"))
        if not (isinstance(family["task"], str) and all(isinstance(m, dict) for m in family["models"].values())):
            raise TypeError("expected a text for 'task' and an object for each model")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CatalogueError(f"{path} is not a family of models: {type(error).__name__}: {error}") from error
    return family  # type: ignore[no-any-return] # JSON


def read_weights(path: Path, enum: str, member: str) -> dict[str, Any]:
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


def read_meta(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
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


def _resolve(value: Any, folder: Path) -> Any:  # JSON
    if isinstance(value, str) and value.startswith("@"):
        package, _, name = value[1:].rpartition(":")
        if package:
            folder = Path(str(importlib.import_module(package).__file__)).parent / "catalogue"
        return list(_read_lines(folder / "categories" / f"{name}.txt"))
    return list(value) if isinstance(value, list) else value


@cache
def _read_lines(path: Path) -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8").splitlines())
