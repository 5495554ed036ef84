"""`zoo predict`."""

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import click

from zoo_core._registry import all_tasks, get_model_entry, get_weight, is_saved_name, list_models
from zoo_core.prediction import PredictionJob, embedded_model
from zoo_core.tasks import Option

from ._common import json_option, parse_shard, quiet_option, user_errors, weights_named
from ._completion import complete_entries, complete_models
from ._predict_run import run_job


def _task_flags(function: Callable[..., None]) -> Callable[..., None]:
    """Add a flag for each option of the tasks that packages state; the first of a name counts."""
    flags: dict[str, Option] = {}
    for task in all_tasks():
        flags |= {option.name: option for option in task.options if option.name not in flags}
    ranges: dict[type, Callable[..., Any]] = {int: click.IntRange, float: click.FloatRange}
    for option in reversed([option for name, option in flags.items() if name not in signature(function).parameters]):
        kind = ranges[option.type](option.minimum, option.maximum) if option.type in ranges else option.type
        text = option.help if option.default is None else f"{option.help} [default: {option.default}]"
        flag = click.option(f"--{option.name.replace('_', '-')}", option.name, type=kind, help=text)
        function = flag(function)
    return function


@click.command("predict")
@click.argument("paths", metavar="FILE|FOLDER...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--model",
    shell_complete=complete_models,
    help="The model; without it, the one that comes with its weights inside an installed package.",
)
@click.option(
    "--weights",
    shell_complete=complete_entries,
    help="One of the model's weights entries. [default: DEFAULT]",
)
@_task_flags
@click.option(
    "--device", default="cpu", show_default=True, help="Where to run, as torch names devices: cpu, cuda, mps."
)
@click.option("--batch-size", default=8, show_default=True, type=click.IntRange(min=1), help="Inputs at once.")
@click.option(
    "--workers", default=2, show_default=True, type=click.IntRange(min=0), help="Threads that read ahead of the model."
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a row for each input to a .jsonl or .parquet file; run again, it goes on where it was stopped.",
)
@click.option("--retry", is_flag=True, help="With --output: predict again what gave an error before.")
@click.option(
    "--optimize/--no-optimize",
    "optimized",
    default=None,
    help="Make the model faster first. [default: with --output or --raw, if that pays for the inputs]",
)
@click.option("--shard", "part", metavar="I/N", help="Only every N-th input, from the I-th on: one of N runs.")
@click.option("--save", metavar="DIR", type=click.Path(path_type=Path, file_okay=False), help="Draw the predictions.")
@click.option(
    "--raw",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write what other programs read: label maps (PNG), flow (.flo), detections (COCO's JSON), and rows of all.",
)
@click.option(
    "--every",
    metavar="N",
    type=click.IntRange(min=1),
    help="Predict on each N-th frame of videos, with a model that takes images; --save draws them into videos.",
)
@json_option
@quiet_option
def command(
    paths: tuple[str, ...],
    model: str | None,
    weights: str | None,
    device: str,
    batch_size: int,
    workers: int,
    output: Path | None,
    retry: bool,
    optimized: bool | None,
    part: str | None,
    save: Path | None,
    as_json: bool,
    quiet: bool,
    raw: Path | None,
    every: int | None,
    **options: Any,
) -> None:
    """Predict on images and folders of images; on videos with a video model, on pairs of images with a flow model.

    What cannot be read is reported, and the others go on; the exit status is then 1. In the environment, ZOO_MAX_PIXELS
    limits images; ZOO_VIDEO_PIXELS, ZOO_VIDEO_MEMORY and ZOO_VIDEO_SECONDS limit videos.

    \b
    zoo predict photos/ --model resnet50 --topk 3
    zoo predict street.jpg --model fasterrcnn_resnet50_fpn_v2 --save drawn/
    zoo predict clip.mp4 --model r3d_18
    zoo predict frame1.png frame2.png --model raft_small --save drawn/
    zoo predict photos/ --model resnet50 -o results.jsonl
    zoo predict photos/ --model deeplabv3_resnet50 --raw labels/
    zoo predict clip.mp4 --model fcos_resnet50_fpn --every 10 --save drawn/
    """
    with user_errors():
        if retry and output is None and raw is None:
            raise ValueError("--retry goes with --output.")
        named = model is not None
        model, weights = _model_and_weights(model or embedded_model(), weights)
        job = PredictionJob(
            sources=paths,
            model=model,
            weights=weights,
            options={name: value for name, value in options.items() if value is not None},
            device=device,
            batch_size=batch_size,
            workers=workers,
            optimized=_whether_optimized(optimized, is_kept=output is not None or raw is not None),
            shard=None if part is None else parse_shard(part),
            output=output,
            retry=retry,
            save=save,
            raw=raw,
            every=every,
            progress=not quiet,
        )
        run_job(job, tuple(map(Path, paths)), was_named=named, as_json=as_json, quiet=quiet)


def _model_and_weights(model: str | None, weights: str | None) -> tuple[str, str]:
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


def _whether_optimized(asked: bool | None, *, is_kept: bool) -> bool | None:
    """Return what was asked for; otherwise, of runs whose rows are kept, that it depends."""
    return asked if asked is not None or is_kept else False
