"""Choosing among weights entries by what is known of them."""

import math
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING

from ._catalogue import ModelEntry, WeightsFacts, read_entries
from ._names import closest
from ._registry import get_model_entry, get_model_weights, list_models

if TYPE_CHECKING:
    from ._weights import WeightsEnum

SIZES = {"num_params": "num_params", "file_size": "_file_size", "ops": "_ops"}
"""Figures of every entry beside its metrics: parameters, bytes, and multiply-adds in units of 10^9;
with the keys of the metadata that hold them."""


def list_weights(
    module: ModuleType | str | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
    *,
    task: str | None = None,
    minimum: Mapping[str, float] | None = None,
    maximum: Mapping[str, float] | None = None,
    sort: str | None = None,
) -> "list[WeightsEnum]":
    """List weights entries that fulfil conditions. Imports no torch.

    Args:
        module: As for `list_models`.
        include: Globs for the models' names, as for `list_models`.
        exclude: Likewise.
        task: Only entries for this task, such as `"classification"`.
        minimum: Least values of figures: `num_params`, `file_size` (bytes), `ops` (10^9 multiply-adds), or a metric,
            such as `"acc@1"`. An entry whose figure has not been published does not fulfil a condition on it.
        maximum: Greatest values, likewise.
        sort: A figure: metrics sort from the greatest, sizes from the smallest; entries without it come last.
            By default, entries are in the order of their models' names.

    Raises:
        ValueError: No model is for that task, or no entry has that figure; the message gives what there is.

    Example:
        >>> list_weights(include="resnet*", minimum={"acc@1": 80}, maximum={"num_params": 30e6}, sort="acc@1")
        [ResNet50_Weights.IMAGENET1K_V2]
    """
    models = [get_model_entry(name) for name in list_models(module, include, exclude)]
    chosen = choose_entries(models, task=task, minimum=minimum, maximum=maximum, sort=sort)
    return [get_model_weights(entry.model.name)[entry.member] for entry in chosen]


def choose_entries(
    models: Iterable[ModelEntry],
    *,
    task: str | None = None,
    minimum: Mapping[str, float] | None = None,
    maximum: Mapping[str, float] | None = None,
    sort: str | None = None,
) -> list[WeightsFacts]:
    """List the weights entries of models that fulfil conditions, as for `list_weights`, by their data files alone."""
    if task is not None and task not in known_tasks():
        raise ValueError(f"No model here is for the task {task!r}; there are {', '.join(known_tasks())}.")
    entries = [entry for model in models if model.weights and task in {None, model.task} for entry in _entries(model)]
    if entries:  # or there is nothing that could have a figure
        _check_known(entries, {*(minimum or ()), *(maximum or ()), *([sort] if sort else ())})
    chosen = [entry for entry in entries if _fulfils(entry, minimum or {}, maximum or {})]
    return chosen if sort is None else sorted(chosen, key=lambda entry: _rank(entry, sort))


def known_tasks() -> list[str]:
    """Return the tasks of the registered models."""
    return sorted({get_model_entry(name).task for name in list_models()})


def figure(entry: WeightsFacts, name: str) -> float:
    """Return a size or metric of an entry, the metric on whichever dataset it was measured; NaN where none is known."""
    if name == "file_size":
        return _number(_bytes(entry))
    if name in SIZES:
        return _number(entry.meta.get(SIZES[name]))
    values = (metrics[name] for metrics in entry.meta.get("_metrics", {}).values() if name in metrics)
    return _number(next(values, None))


def _entries(model: ModelEntry) -> list[WeightsFacts]:
    """Return a model's entries, from its enum where its family file does not state them all."""
    stated = read_entries(model)
    if stated is not None:
        return stated
    enum = get_model_weights(model.name)
    return [WeightsFacts(model, member.name, member is enum["DEFAULT"], member.figures, member.size) for member in enum]


def _bytes(entry: WeightsFacts) -> float | None:
    """Return the size of the file, to the byte where it is known."""
    mebibytes = entry.meta.get("_file_size")
    return entry.size or (None if mebibytes is None else mebibytes * 2**20)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _fulfils(entry: WeightsFacts, minimum: Mapping[str, float], maximum: Mapping[str, float]) -> bool:
    """Compare figures with their bounds; NaN is in no bounds."""
    return all(figure(entry, name) >= least for name, least in minimum.items()) and all(
        figure(entry, name) <= greatest for name, greatest in maximum.items()
    )


def _rank(entry: WeightsFacts, name: str) -> float:
    value = figure(entry, name)
    if math.isnan(value):
        return math.inf
    return value if name in SIZES else -value


def _check_known(entries: Iterable[WeightsFacts], names: Iterable[str]) -> None:
    metrics = {name for entry in entries for values in entry.meta.get("_metrics", {}).values() for name in values}
    known = [*SIZES, *sorted(metrics)]
    for name in sorted(set(names)):
        if name not in known:
            raise ValueError(f"No figure is called {name!r}; there are {', '.join(known)}.{closest(name, known, 1)}")
