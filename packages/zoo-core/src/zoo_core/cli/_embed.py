"""`zoo embed`."""

from pathlib import Path
from typing import Any

import click

from zoo_core._registry import all_tasks
from zoo_core.embedding import EmbeddingJob
from zoo_core.embedding._job import NORMALIZE
from zoo_core.prediction import embedded_model

from ._common import json_option, parse_shard, quiet_option, user_errors
from ._predict_run import run_job
from ._run_options import model_and_weights, run_options, whether_optimized

_OPTIONS = (NORMALIZE, *(option for task in all_tasks() for option in task.embedder_options))


@click.command("embed")
@run_options(_OPTIONS, retry="compute", optimize="--output")
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
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Write what a classification model knows of images, or of videos, before its classifier: a vector for each.

    Inputs that are alike have vectors that are near each other: for search, clusters, duplicates, or a classifier of
    your own. A .parquet file has the columns source, vector (float32, of one length) and error, and says which model,
    weights and preprocessing made it. What cannot be read is reported, and the others go on; the exit status is then 1.

    \b
    zoo embed photos/ --model resnet50 -o vectors.parquet
    zoo embed photos/ --model vit_b_16 --normalize -o vectors.jsonl
    zoo embed clips/ --model r3d_18 -o vectors.parquet
    zoo embed photos/ --model local-dir:runs/mine -o vectors.parquet
    """
    with user_errors():
        if retry and output is None:
            raise ValueError("--retry goes with --output.")
        named = model is not None
        model, weights = model_and_weights(model or embedded_model(embeds=True), weights)
        job = EmbeddingJob(
            sources=paths,
            model=model,
            weights=weights,
            options={name: value for name, value in options.items() if value is not None},
            device=device,
            batch_size=batch_size,
            workers=workers,
            optimized=whether_optimized(optimized, is_kept=output is not None),
            shard=None if part is None else parse_shard(part),
            output=output,
            retry=retry,
            progress=not quiet,
        )
        run_job(job, tuple(map(Path, paths)), was_named=named, as_json=as_json, quiet=quiet)
