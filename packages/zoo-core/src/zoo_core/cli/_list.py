"""`zoo list`."""

import math
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

import click

from zoo_core._catalogue import ModelEntry, WeightsFacts
from zoo_core._choose import choose_entries, datasets_named, figure, ranking_dataset
from zoo_core._registry import get_model_entry, list_models
from zoo_core.names import closest

from ._common import json_option, metric_value, metrics_text, user_errors
from ._completion import complete_datasets, complete_families, complete_figures, complete_models, complete_tasks
from ._tables import Table, print_table
from ._terminal import echo, print_json

_COUNTS = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_UNITS = {"num_params": _COUNTS, "file_size": _COUNTS, "ops": {"M": 1e-3, "G": 1.0}}
"""What letters after a number mean, by figure; others have none."""
_NUMBERS = ("PARAMS (M)", "FILE (MiB)", "GFLOPS")


def _condition(text: str) -> tuple[str, float]:
    """Read `FIGURE=NUMBER`, the number with a unit if need be: `num_params=30M`."""
    match = re.fullmatch(r"([^=\s]+)=([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([kKMG]?)", text)
    if match is None:
        raise click.BadParameter(f"expected a figure and a number, as acc@1=80 or num_params=30M, found {text!r}")
    name, number, unit = match.groups()
    units = _UNITS.get(name, {})
    if unit and unit not in units:
        known = f"one of {', '.join(units)}" if units else "none"
        raise click.BadParameter(f"expected a number with a unit that {name} has, {known}, found {text!r}")
    return name, float(number) * units.get(unit, 1.0)


_BOUNDS: dict[str, Any] = {
    "multiple": True,
    "type": _condition,
    "metavar": "FIGURE=NUMBER",
    "shell_complete": complete_figures,
}


@click.command("list")
@click.argument("patterns", metavar="[GLOB]...", nargs=-1, shell_complete=complete_models)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out the models that match; may be repeated.")
@click.option("--task", help="Only for this task, such as classification.", shell_complete=complete_tasks)
@click.option("--family", help="Only of this family, such as resnet.", shell_complete=complete_families)
@click.option(
    "--dataset",
    help="Only what was measured on it, and its metrics there: imagenet stands for ImageNet-1K.",
    shell_complete=complete_datasets,
)
@click.option("--weights", "every_entry", is_flag=True, help="Every weights entry, not only each model's default.")
@click.option("--min", "minimum", help="At least: acc@1=80; may be repeated.", **_BOUNDS)
@click.option("--max", "maximum", help="At most: num_params=30M; may be repeated.", **_BOUNDS)
@click.option(
    "--sort",
    metavar="FIGURE",
    help="num_params, file_size, ops (smallest first), or a metric (best first, data set by data set).",
    shell_complete=complete_figures,
)
@click.option(
    "--license", "licenses", multiple=True, metavar="SPDX", help="Only under one of: BSD-3-Clause,Apache-2.0."
)
@json_option
def command(
    patterns: tuple[str, ...],
    exclude: tuple[str, ...],
    task: str | None,
    family: str | None,
    dataset: str | None,
    every_entry: bool,
    minimum: tuple[tuple[str, float], ...],
    maximum: tuple[tuple[str, float], ...],
    sort: str | None,
    licenses: tuple[str, ...],
    as_json: bool,
) -> None:
    """List models with their default weights, or all weights entries, with their metrics.

    A GLOB selects models by name; several select what matches any of them. The name of a weights entry selects its
    model.

    \b
    zoo list 'resnet*' --weights
    zoo list --dataset imagenet --min acc@1=80 --max num_params=30M --sort acc@1
    """
    with user_errors():
        named = _Named(patterns)
        models = [get_model_entry(name) for name in list_models(None, named.models or patterns, exclude)]
        entries = choose_entries(
            models,
            task=task,
            family=family,
            dataset=dataset,
            minimum=dict(minimum),
            maximum=dict(maximum),
            sort=sort,
            licenses=licenses or None,
        )
        datasets = None if dataset is None else datasets_named(dataset)
    rows = [_row(entry.model, entry, sort, datasets) for entry in entries if named.has(entry, every_entry=every_entry)]
    if not (minimum or maximum or sort or task or family or dataset or licenses):
        rows += [_row(model) for model in models if model.weights is None]
    if as_json:
        print_json(rows)
    elif rows:
        _print_ranking(rows, sort) if sort else print_table(*_forms(rows))
    else:
        echo(f"No model matches.{_suggestion(patterns) if not models else ''}", err=True)


class _Named:
    """What the patterns of the command line name: models by globs and by their enums, and single weights entries."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._entries = {pattern for pattern in patterns if "_Weights." in pattern}
        enums = {pattern.partition(".")[0] for pattern in patterns if "_Weights" in pattern}
        self._globs = [pattern for pattern in patterns if "_Weights" not in pattern]
        self._enums = enums - {entry.partition(".")[0] for entry in self._entries}
        models = map(get_model_entry, list_models()) if enums else ()
        self.models = [*self._globs, *(model.name for model in models if model.weights in enums)]
        """Globs that select the models."""

    def has(self, entry: WeightsFacts, *, every_entry: bool) -> bool:
        """Tell whether an entry of one of the models is to be listed."""
        model = entry.model
        by_model = not self._entries or model.weights in self._enums
        if by_model or any(fnmatchcase(model.name, glob) for glob in self._globs):
            return every_entry or entry.is_default
        return str(entry) in self._entries or (entry.is_default and f"{model.weights}.DEFAULT" in self._entries)


def _suggestion(patterns: Sequence[str]) -> str:
    return closest(patterns[0], list_models()) if len(patterns) == 1 else ""


def _row(
    model: ModelEntry, entry: WeightsFacts | None = None, sort: str | None = None, datasets: set[str] | None = None
) -> dict[str, Any]:
    meta = entry.meta if entry else {}
    size = figure(entry, "file_size") if entry else math.nan
    metrics = meta.get("_metrics", {})
    return {
        "model": model.name,
        "task": model.task,
        "weights": str(entry) if entry else None,
        "num_params": meta.get("num_params"),
        "file_size": None if math.isnan(size) else round(size),
        "ops": meta.get("_ops"),
        "metrics": {name: values for name, values in metrics.items() if datasets is None or name in datasets},
        "ranked_on": ranking_dataset(entry, sort, datasets) if entry and sort else None,
        "license": meta.get("license"),
    }


def _print_ranking(rows: Sequence[dict[str, Any]], sort: str) -> None:
    """Print a ranking, by a metric one for each data set."""
    groups = [(dataset, list(group)) for dataset, group in groupby(rows, key=lambda row: row["ranked_on"])]
    for number, (dataset, group) in enumerate(groups):
        if number:
            echo("")
        if len(groups) > 1:
            echo(f"{sort} on {dataset}:" if dataset else f"{sort} is not known of:")
        print_table(*_forms(group, sort))


def _forms(rows: Sequence[dict[str, Any]], sort: str | None = None) -> tuple[Table, Table]:
    """Return the table with all columns, and one for terminals that it does not fit."""
    everything = [
        (row["model"], row["task"], row["weights"], *_numbers(row), metrics_text(row["metrics"])) for row in rows
    ]
    header = ("MODEL", "TASK", "WEIGHTS", *_NUMBERS, "METRICS")
    narrow = [(row["model"], *_numbers(row), _headline(row, sort)) for row in rows]
    forms = Table(header, everything, _NUMBERS), Table(("MODEL", *_NUMBERS, "METRIC"), narrow, _NUMBERS)
    has_one_entry_each = len({row["model"] for row in rows}) == len(rows)
    return forms if has_one_entry_each else (forms[0], forms[0])


def _numbers(row: dict[str, Any]) -> tuple[str, str, str]:
    parameters, size, operations = row["num_params"], row["file_size"], row["ops"]
    return (
        "-" if parameters is None else f"{parameters / 1e6:.1f}",
        "-" if size is None else f"{size / 2**20:.1f}",
        "-" if operations is None else f"{operations:.{2 if operations >= 0.1 else 3}f}",
    )


def _headline(row: dict[str, Any], sort: str | None) -> str:
    """Return the metric that a ranking is by, else the first one."""
    values: dict[str, float | None] = row["metrics"].get(row["ranked_on"]) or next(iter(row["metrics"].values()), {})
    name = sort if sort in values else next(iter(values), None)
    return "" if name is None else f"{name} {metric_value(values[name])}"
