"""`zoo list`."""

import math
from typing import Any

import click

from zoo_core._registry import get_model_entry, get_model_weights, list_models
from zoo_core._weights import WeightsEnum

from ._common import json_option, known_tasks, mebibytes, millions, print_json, print_table, user_errors


@click.command("list")
@click.argument("patterns", metavar="[GLOB]...", nargs=-1)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out the models that match; may be repeated.")
@click.option("--task", help="Only the models for this task, such as classification.")
@click.option("--weights", "with_weights", is_flag=True, help="A line for each weights entry, with its metrics.")
@click.option(
    "--sort", "key", default="name", show_default=True, help="name, num_params, file_size, or a metric: acc@1."
)
@json_option
def command(
    patterns: tuple[str, ...], exclude: tuple[str, ...], task: str | None, with_weights: bool, key: str, as_json: bool
) -> None:
    """List models, or weights entries with their metrics.

    A GLOB selects models by name; several select what matches any of them. Sizes and metrics sort from the largest to
    the smallest; models without the metric come last.

    \b
    zoo list 'resnet*' --weights --sort acc@1
    """
    with user_errors():
        if task is not None and task not in known_tasks():
            raise ValueError(f"No model here is for the task {task!r}; there are {', '.join(known_tasks())}.")
        names = [
            name
            for name in list_models(include=patterns, exclude=exclude)
            if task in {None, get_model_entry(name).task}
        ]
        rows = [row for name in names for row in _rows(name, every_entry=with_weights)]
        rows = _sorted(rows, key)
    if as_json:
        print_json(rows)
    elif rows:
        _print(rows)
    else:
        click.echo("No model matches.", err=True)


def _rows(name: str, *, every_entry: bool) -> list[dict[str, Any]]:
    """Describe a model by its default weights, or by each of its entries."""
    entry = get_model_entry(name)
    row: dict[str, Any] = {"model": name, "task": entry.task}
    if entry.weights is None:
        return [row | {"weights": None, "num_params": None, "file_size": None, "metrics": {}}]
    enum = get_model_weights(name)
    members = list(enum) if every_entry else [enum.verify("DEFAULT")]
    return [row | _describe(member) for member in members if member is not None]


def _describe(member: WeightsEnum) -> dict[str, Any]:
    meta = member.meta
    return {
        "weights": str(member),
        "num_params": meta.get("num_params"),
        "file_size": round(meta["_file_size"] * 2**20) if "_file_size" in meta else None,
        "metrics": meta.get("_metrics", {}),
    }


def _sorted(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    if key == "name":
        return rows
    if key in {"num_params", "file_size"}:
        return sorted(rows, key=lambda row: -(row[key] or -math.inf))
    metrics = sorted({metric for row in rows for values in row["metrics"].values() for metric in values})
    if key not in metrics:
        raise ValueError(
            f"--sort {key}: expected name, num_params, file_size, or one of {', '.join(metrics) or 'no metrics'}."
        )
    return sorted(rows, key=lambda row: -_metric(row, key))


def _metric(row: dict[str, Any], name: str) -> float:
    """Return a metric of a row, on whichever dataset it was measured; minus infinity where it was not."""
    found = (values[name] for values in row["metrics"].values() if name in values)
    return next((value for value in found if not math.isnan(value)), -math.inf)


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


def _metrics_text(metrics: dict[str, dict[str, float]]) -> str:
    """Write metrics in a line: `acc@1 80.858, acc@5 95.434 (ImageNet-1K)`."""
    return "; ".join(
        ", ".join(f"{name} {'-' if math.isnan(value) else value}" for name, value in values.items()) + f" ({dataset})"
        for dataset, values in metrics.items()
    )
