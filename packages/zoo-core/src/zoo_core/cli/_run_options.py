"""What the commands share that run a model on many inputs: options, and what is meant by them."""

from collections.abc import Callable, Iterable
from inspect import signature
from pathlib import Path
from typing import Any, TypeAlias

import click

from zoo_core._registry import get_model_entry, get_weight, is_saved_name, list_models
from zoo_core.tasks import Option

from ._common import weights_named
from ._completion import complete_entries, complete_models

Command: TypeAlias = Callable[..., None]


def run_options(options: Iterable[Option], *, retry: str, optimize: str) -> Callable[[Command], Command]:
    """Return a decorator that adds the paths, and the options of a run.

    Args:
        options: Of the tasks; the first of a name counts.
        retry: What `--retry` does, for the help.
        optimize: When the model is made faster by default, likewise.
    """
    at_least_1, at_least_0 = click.IntRange(min=1), click.IntRange(min=0)
    decorators = (
        click.argument("paths", metavar="FILE|FOLDER...", nargs=-1, required=True, type=click.Path()),
        click.option(
            "--model",
            shell_complete=complete_models,
            help="The model; without it, the one that comes with its weights inside an installed package.",
        ),
        click.option(
            "--weights",
            shell_complete=complete_entries,
            help="One of the model's weights entries. [default: DEFAULT]",
        ),
        lambda function: _with_flags(function, options),
        click.option(
            "--device", default="cpu", show_default=True, help="Where to run, as torch names devices: cpu, cuda, mps."
        ),
        click.option("--batch-size", default=8, show_default=True, type=at_least_1, help="Inputs at once."),
        click.option(
            "--workers", default=2, show_default=True, type=at_least_0, help="Threads that read ahead of the model."
        ),
        click.option(
            "-o",
            "--output",
            metavar="FILE",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Write a row for each input to a .jsonl or .parquet file; run again, it goes on where it was stopped.",
        ),
        click.option("--retry", is_flag=True, help=f"With --output: {retry} again what gave an error before."),
        click.option(
            "--optimize/--no-optimize",
            "optimized",
            default=None,
            help=f"Make the model faster first. [default: with {optimize}, if that pays for the inputs]",
        ),
        click.option("--shard", "part", metavar="I/N", help="Only every N-th input, from the I-th on: one of N runs."),
    )

    def decorate(function: Command) -> Command:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def _with_flags(function: Command, options: Iterable[Option]) -> Command:
    """Add a flag for each option, unless the command has a parameter of that name."""
    flags: dict[str, Option] = {}
    for option in options:
        flags.setdefault(option.name, option)
    for option in reversed([option for name, option in flags.items() if name not in signature(function).parameters]):
        function = _flag(option)(function)
    return function


def _flag(option: Option) -> Callable[[Command], Command]:
    name = f"--{option.name.replace('_', '-')}"
    if option.type is bool:
        return click.option(name, option.name, is_flag=True, default=None, help=option.help)
    ranges: dict[type, Callable[..., Any]] = {int: click.IntRange, float: click.FloatRange}
    kind = ranges[option.type](option.minimum, option.maximum) if option.type in ranges else option.type
    text = option.help if option.default is None else f"{option.help} [default: {option.default}]"
    return click.option(name, option.name, type=kind, help=text)


def model_and_weights(model: str | None, weights: str | None) -> tuple[str, str]:
    """Return the model that a user means, who may have named an entry of its weights: `ResNet50_Weights.DEFAULT`."""
    if model is None:
        raise ValueError("Choose a --model (see `zoo list`): no installed package brings one with its weights inside.")
    if is_saved_name(model) or ("." not in model and not model.endswith("Weights")):
        return model, weights or "DEFAULT"
    (member,) = weights_named([model])
    enum = type(member).__name__
    if weights is not None and get_weight(weights if "." in weights else f"{enum}.{weights}") is not member:
        raise ValueError(f"--model {model} names weights, and --weights {weights} others: leave one of them out.")
    models = [entry.name for entry in map(get_model_entry, list_models()) if entry.weights == enum]
    return models[0], str(member)


def whether_optimized(asked: bool | None, *, is_kept: bool) -> bool | None:
    """Return what was asked for; otherwise, of runs whose rows are kept, that it depends."""
    return asked if asked is not None or is_kept else False
