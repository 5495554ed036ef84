"""Choosing among weights entries by what is known of them; metrics are compared within a data set."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING

from ._catalogue import ModelEntry, WeightsFacts, read_entries, read_family
from ._registry import get_model_entry, get_model_weights, list_models
from .names import Later, closest

if TYPE_CHECKING:
    from . import _weights
else:
    _weights = Later("zoo_core._weights")

SIZES = {"num_params": "num_params", "file_size": "_file_size", "ops": "_ops"}
"""Figures of every entry beside its metrics: parameters, bytes, and multiply-adds in units of 10^9;
with the keys of the metadata that hold them."""


def list_weights(
    module: ModuleType | str | None = None,
    include: Iterable[str] | str | None = None,
    exclude: Iterable[str] | str | None = None,
    *,
    task: str | None = None,
    family: str | None = None,
    dataset: str | None = None,
    minimum: Mapping[str, float] | None = None,
    maximum: Mapping[str, float] | None = None,
    sort: str | None = None,
    licenses: Iterable[str] | str | None = None,
) -> "list[_weights.WeightsEnum]":
    """List weights entries that fulfil conditions. Imports no torch.

    Args:
        module: As for `list_models`.
        include: Globs for the models' names, as for `list_models`.
        exclude: Likewise.
        task: Only entries for this task, such as `"classification"`.
        family: Only models of this family, such as `"resnet"`.
        dataset: Only entries that were measured on it, and their metrics there: `"ImageNet-1K"`, or the beginning of
            its name, written in any way: `"imagenet"`.
        minimum: Least values of figures: `num_params`, `file_size` (bytes), `ops` (10^9 multiply-adds), or a metric,
            such as `"acc@1"`. An entry whose figure has not been published does not fulfil a condition on it.
        maximum: Greatest values, likewise.
        sort: A figure: metrics sort from the best, sizes from the smallest; entries without it come last. Metrics are
            ranked within the data set that they were measured on, the one with the most entries first: a model of
            digits is not better than one of photographs. By default, entries are in the order of their models' names.
        licenses: Only entries under one of these licences: `"BSD-3-Clause,Apache-2.0"`, or several identifiers;
            `"unknown"` is one.

    Raises:
        ValueError: No model is for that task or of that family, no entry has that figure or was measured on that data
            set, or that is no licence; the message gives what there is.

    Example:
        >>> from zoo_core import list_weights
        >>> list_weights(include="resnet*", minimum={"acc@1": 80}, maximum={"num_params": 30e6}, sort="acc@1")
        [ResNet50_Weights.IMAGENET1K_V2]
    """
    models = [get_model_entry(name) for name in list_models(module, include, exclude)]
    chosen = choose_entries(
        models,
        task=task,
        family=family,
        dataset=dataset,
        minimum=minimum,
        maximum=maximum,
        sort=sort,
        licenses=licenses,
    )
    return [get_model_weights(entry.model.name)[entry.member] for entry in chosen]


def choose_entries(
    models: Iterable[ModelEntry],
    *,
    task: str | None = None,
    family: str | None = None,
    dataset: str | None = None,
    minimum: Mapping[str, float] | None = None,
    maximum: Mapping[str, float] | None = None,
    sort: str | None = None,
    licenses: Iterable[str] | str | None = None,
) -> list[WeightsFacts]:
    """List the weights entries of models that fulfil conditions, as for `list_weights`, by their data files alone."""
    _check("task", task, known_tasks)
    _check("family", family, known_families)
    datasets = None if dataset is None else datasets_named(dataset)
    entries = [
        entry
        for model in models
        if model.weights and task in {None, model.task} and family in {None, model.family}
        for entry in _entries(model)
        if datasets is None or not datasets.isdisjoint(_metrics(entry))
    ]
    if entries:  # or there is nothing that could have a figure
        _check_known(entries, {*(minimum or ()), *(maximum or ()), *([sort] if sort else ())})
    if licenses is not None:
        entries = _under(licenses, entries)
    chosen = [entry for entry in entries if _fulfils(entry, minimum or {}, maximum or {}, datasets)]
    return chosen if sort is None else _ranked(chosen, sort, datasets)


def ranking_dataset(entry: WeightsFacts, name: str, datasets: Collection[str] | None = None) -> str | None:
    """Return the data set that an entry is ranked on by a metric: the first that states it; `None` for sizes."""
    if name in SIZES:
        return None
    return next(
        (
            dataset
            for dataset, values in _metrics(entry).items()
            if (datasets is None or dataset in datasets) and values.get(name) is not None
        ),
        None,
    )


def known_tasks() -> list[str]:
    """Return the tasks of the registered models."""
    return sorted({get_model_entry(name).task for name in list_models()})


def known_families() -> list[str]:
    """Return the families of the registered models."""
    return sorted({get_model_entry(name).family for name in list_models()})


def known_datasets() -> list[str]:
    """Return the data sets that entries of registered models were measured on."""
    return sorted({dataset for entry in _all_entries() for dataset in _metrics(entry)})


def known_figures() -> list[str]:
    """Return the figures that entries can be chosen and sorted by."""
    return _figures(_all_entries())


def datasets_named(name: str) -> set[str]:
    """Return the data sets that a user means: the one of that name, else those whose names begin so, in any spelling.

    Raises:
        ValueError: There is none; the message gives those that there are.
    """
    known, wanted = known_datasets(), _plain(name)
    found = {dataset for dataset in known if _plain(dataset) == wanted}
    found = found or {dataset for dataset in known if wanted and _plain(dataset).startswith(wanted)}
    if not found:
        raise ValueError(
            f"No entry was measured on the data set {name!r}; there are {', '.join(known)}.{closest(name, known, 1)}"
        )
    return found


def figure(entry: WeightsFacts, name: str, datasets: Collection[str] | None = None) -> float:
    """Return a size or metric of an entry, the metric on the first of the data sets; NaN where none is known."""
    if name == "file_size":
        mebibytes = entry.meta.get("_file_size")
        return _number(entry.size or (None if mebibytes is None else mebibytes * 2**20))
    if name in SIZES:
        return _number(entry.meta.get(SIZES[name]))
    dataset = ranking_dataset(entry, name, datasets)
    return math.nan if dataset is None else _number(_metrics(entry)[dataset][name])


def _entries(model: ModelEntry) -> list[WeightsFacts]:
    """Return a model's entries, from its enum where its family file does not state them all."""
    stated = read_entries(model)
    if stated is not None:
        return stated
    enum = get_model_weights(model.name)
    return [WeightsFacts(model, member.name, member is enum["DEFAULT"], member.figures, member.size) for member in enum]


def _under(licenses: Iterable[str] | str, entries: Iterable[WeightsFacts]) -> list[WeightsFacts]:
    from .files import read_licenses  # costs time

    allowed = {identifier.lower() for identifier in read_licenses(licenses)}
    return [entry for entry in entries if str(entry.meta.get("license", "unknown")).lower() in allowed]


def _all_entries() -> list[WeightsFacts]:
    models = map(get_model_entry, list_models())
    return [entry for model in models if model.weights for entry in _entries(model)]


def _metrics(entry: WeightsFacts) -> Mapping[str, Mapping[str, float | None]]:
    return entry.meta.get("_metrics", {})  # type: ignore[no-any-return] # JSON


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _plain(name: str) -> str:
    """Return a name as it is compared: `ImageNet-1K` and `imagenet_1k` are one."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _fulfils(
    entry: WeightsFacts,
    minimum: Mapping[str, float],
    maximum: Mapping[str, float],
    datasets: Collection[str] | None,
) -> bool:
    """Compare figures with their bounds; NaN is in no bounds."""
    return all(figure(entry, name, datasets) >= least for name, least in minimum.items()) and all(
        figure(entry, name, datasets) <= greatest for name, greatest in maximum.items()
    )


def _ranked(entries: list[WeightsFacts], name: str, datasets: Collection[str] | None) -> list[WeightsFacts]:
    """Sort entries by a figure, a metric within each data set; the data set with the most entries is the first."""
    places = [ranking_dataset(entry, name, datasets) for entry in entries]
    counts = Counter(places)

    def rank(ranked: tuple[WeightsFacts, str | None]) -> tuple[int, str, float]:
        entry, dataset = ranked
        value = figure(entry, name, datasets)
        smallest_first = name in SIZES or _is_error(entry, name)
        return -counts[dataset], dataset or "", value if smallest_first else -value

    known = [pair for pair in zip(entries, places, strict=True) if not math.isnan(figure(pair[0], name, datasets))]
    unknown = [entry for entry in entries if math.isnan(figure(entry, name, datasets))]
    return [entry for entry, _ in sorted(known, key=rank)] + unknown


def _is_error(entry: WeightsFacts, name: str) -> bool:
    """Tell whether less of a metric is better, as the entry's family file states."""
    return name in read_family(entry.model.path).get("errors", ())


def _figures(entries: Iterable[WeightsFacts]) -> list[str]:
    return [*SIZES, *sorted({name for entry in entries for values in _metrics(entry).values() for name in values})]


def _check(what: str, name: str | None, known: Callable[[], list[str]]) -> None:
    """Raise a `ValueError` where no model has that task or family."""
    if name is None or name in known():
        return
    having = {"task": "is for the task", "family": "is of the family"}[what]
    raise ValueError(f"No model here {having} {name!r}; there are {', '.join(known())}.{closest(name, known(), 1)}")


def _check_known(entries: Iterable[WeightsFacts], names: Iterable[str]) -> None:
    known = _figures(entries)
    for name in sorted(set(names)):
        if name not in known:
            raise ValueError(f"No figure is called {name!r}; there are {', '.join(known)}.{closest(name, known, 1)}")
