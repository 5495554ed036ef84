"""Train a model on data of one's own."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from zoo_core.cli.plug_in import echo, json_option, note, parse_settings, print_json, quiet_option, user_errors


@click.command("train")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("-m", "--model", required=True, help="A registered model, or the name of a saved one.")
@click.option("--weights", default="DEFAULT", show_default=True, help="What it begins with; none for random numbers.")
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The run's folder, which becomes the model.",
)
@click.option(
    "--recipe", "file", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="A recipe.toml of a run."
)
@click.option("--epochs", type=click.IntRange(min=1), help="How often each sample is seen.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Samples in a step, of all processes together.")
@click.option("--lr", type=float, help="The greatest learning rate.")
@click.option("--freeze", is_flag=False, flag_value="head", help="Train from this module on. [alone: the classifier]")
@click.option("--seed", type=click.IntRange(min=0), help="Of everything random.")
@click.option("--set", "changes", multiple=True, metavar="NAME=VALUE", help="Another value of the recipe.")
@click.option("--layout", help="How the data lies in its folder; told from its files by default.")
@click.option("--device", default="cpu", show_default=True, help="Where to train, as torch names devices.")
@click.option("--workers", default=2, show_default=True, type=click.IntRange(min=0), help="Processes that read ahead.")
@click.option("--resume", is_flag=True, help="Go on with the run in that folder.")
@json_option
@quiet_option
def command(
    data: Path,
    model: str,
    weights: str,
    output: Path,
    file: Path | None,
    changes: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    layout: str | None,
    device: str,
    workers: int,
    resume: bool,
    **values: Any,
) -> None:
    """Train a model on data of one's own; the folder of --output becomes the model.

    The data is in a layout that `zoo evaluate` reads, a folder for each class, for instance. What is not divided into
    train and val is divided by chance. The recipe, with all its numbers, is written into the folder.

    \b
    zoo train my-photos/ --model resnet18 -o runs/mine
    zoo train my-photos/ --model resnet18 --freeze -o runs/quick
    zoo predict new-photos/ --model runs/mine
    zoo train my-photos/ --model resnet18 -o runs/mine --resume
    torchrun --nproc-per-node 2 -m zoo_core.cli train my-photos/ --model resnet18 -o runs/mine
    """
    from zoo_training import InterruptError, train

    is_first = os.environ.get("RANK", "0") == "0"
    with user_errors(), _told_of(InterruptError, by=is_first):
        given = {name: value for name, value in values.items() if value is not None} | parse_settings(changes)
        run = train(
            model,
            data,
            given,
            recipe_file=file,
            output=output,
            weights=None if weights.lower() == "none" else weights,
            layout=layout,
            device=device,
            workers=workers,
            resume=resume,
            report=lambda row: note(_line(row), quiet=quiet),
        )
    if not is_first:
        return
    for text in run.notes:
        note(text, quiet=quiet)
    if as_json:
        print_json({"folder": str(run.folder), "metrics": dict(run.metrics), "epochs": list(run.epochs)})
    else:
        echo(f"{run.folder}: {_told(run.metrics)}")


@contextmanager
def _told_of(stopped: type[BaseException], *, by: bool) -> Iterator[None]:
    """Say how to go on after an interruption: one of several processes does."""
    try:
        yield
    except stopped as error:
        if by:
            raise click.ClickException(str(error)) from error
        raise SystemExit(1) from error


def _line(row: Mapping[str, Any]) -> str:
    losses = sum(row["losses"].values())
    return f"epoch {row['epoch']}: loss {losses:.4f}, {_told(row['metrics'])}, {row['seconds']['training']:.0f} s"


def _told(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
