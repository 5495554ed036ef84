"""`zoo list`."""

import math
import re
from typing import Any

import click

from zoo_core._catalogue import ModelEntry, WeightsFacts
from zoo_core._choose import choose_entries, figure
from zoo_core._registry import get_model_entry, list_models

from ._common import json_option, mebibytes, millions, print_json, print_table, user_errors

_UNITS = {"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}


def _condition(text: str) -> tuple[str, float]:
    """Read `FIGURE=NUMBER`, the number with a unit if need be: `num_params=30M`."""
    match = re.fullmatch(r"([^=\s]+)=([0-9.]+)([kKMG]?)", text)
    if match is None:
        raise click.BadParameter(f"expected a figure and a number, as acc@1=80 or num_params=30M, found {text!r}")
    return match[1], float(match[2]) * _UNITS[match[3]]


@click.command("list")
@click.argument("patterns", metavar="[GLOB]...", nargs=-1)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out the models that match; may be repeated.")
@click.option("--task", help="Only for this task, such as classification.")
@click.option("--weights", "every_entry", is_flag=True, help="Every weights entry, not only each model's default.")
@click.option(
    "--min",
    "minimum",
    multiple=True,
    type=_condition,
    metavar="FIGURE=NUMBER",
    help="At least: acc@1=80; may be repeated.",
)
@click.option(
    "--max",
    "maximum",
    multiple=True,
    type=_condition,
    metavar="FIGURE=NUMBER",
    help="At most: num_params=30M; may be repeated.",
)
@click.option("--sort", metavar="FIGURE", help="num_params, file_size, ops (smallest first), or a metric (best first).")
@json_option
def command(
    patterns: tuple[str, ...],
    exclude: tuple[str, ...],
    task: str | None,
    every_entry: bool,
    minimum: tuple[tuple[str, float], ...],
    maximum: tuple[tuple[str, float], ...],
    sort: str | None,
    as_json: bool,
) -> None:
    """List models with their default weights, or all weights entries, with their metrics.

    A GLOB selects models by name; several select what matches any of them.

    \b
    zoo list 'resnet*' --weights
    zoo list --task classification --min acc@1=80 --max num_params=30M --sort acc@1
    """
    with user_errors():
        models = [get_model_entry(name) for name in list_models(None, patterns, exclude)]
        entries = choose_entries(models, task=task, minimum=dict(minimum), maximum=dict(maximum), sort=sort)
    rows = [_row(entry) for entry in entries if every_entry or entry.is_default]
    if not (minimum or maximum or sort or task):
        rows += [_row_without_weights(model) for model in models if model.weights is None]
    if as_json:
        print_json(rows)
    elif rows:
        _print(rows)
    else:
        click.echo("No model matches.", err=True)


def _row(entry: WeightsFacts) -> dict[str, Any]:
    size = figure(entry, "file_size")
    return {
        "model": entry.model.name,
        "task": entry.model.task,
        "weights": str(entry),
        "num_params": entry.meta.get("num_params"),
        "file_size": None if math.isnan(size) else round(size),
        "metrics": entry.meta.get("_metrics", {}),
        "license": entry.meta.get("license"),
    }


def _row_without_weights(model: ModelEntry) -> dict[str, Any]:
    nothing: dict[str, Any] = {"weights": None, "num_params": None, "file_size": None, "metrics": {}, "license": None}
    return {"model": model.name, "task": model.task} | nothing


def _print(rows: list[dict[str, Any]]) -> None:
    print_table(
        ("MODEL", "TASK", "WEIGHTS", "PARAMS", "FILE", "METRICS"),
        [
            (
                row["model"],
                row["task"],
                row["weights"],
                millions(row["num_params"]),
                mebibytes(row["file_size"]),
                _metrics_text(row["metrics"]),
            )
            for row in rows
        ],
        right=("PARAMS", "FILE"),
    )


def _metrics_text(metrics: dict[str, dict[str, float | None]]) -> str:
    """Write metrics in a line: `acc@1 80.858, acc@5 95.434 (ImageNet-1K)`."""
    return "; ".join(
        ", ".join(f"{name} {'-' if value is None else value}" for name, value in values.items()) + f" ({dataset})"
        for dataset, values in metrics.items()
    )
