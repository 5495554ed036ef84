"""`zoo predict`."""

from pathlib import Path
from typing import Any

import click

from zoo_core._registry import all_tasks
from zoo_core.prediction import PredictionJob, embedded_model

from ._common import json_option, parse_shard, quiet_option, user_errors
from ._predict_run import run_job
from ._run_options import model_and_weights, run_options, whether_optimized


@click.command("predict")
@run_options((option for task in all_tasks() for option in task.options), retry="predict", optimize="--output or --raw")
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
        model, weights = model_and_weights(model or embedded_model(), weights)
        job = PredictionJob(
            sources=paths,
            model=model,
            weights=weights,
            options={name: value for name, value in options.items() if value is not None},
            device=device,
            batch_size=batch_size,
            workers=workers,
            optimized=whether_optimized(optimized, is_kept=output is not None or raw is not None),
            shard=None if part is None else parse_shard(part),
            output=output,
            retry=retry,
            save=save,
            raw=raw,
            every=every,
            progress=not quiet,
        )
        run_job(job, tuple(map(Path, paths)), was_named=named, as_json=as_json, quiet=quiet)
