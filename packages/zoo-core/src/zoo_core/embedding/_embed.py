"""Embedding in one call."""

from os import PathLike
from pathlib import Path
from typing import Any

import torch

from zoo_core._weights import WeightsEnum
from zoo_core.prediction import Failure, MediaInputs, PredictionRun
from zoo_core.prediction._predict import chosen_model

from ._embedding import Embedding, Embeddings
from ._job import EmbeddingJob
from ._read import read_embeddings


def embed(
    sources: MediaInputs,
    *,
    model: str | None = None,
    weights: WeightsEnum | str = "DEFAULT",
    normalize: bool = False,
    output: str | PathLike[str] | None = None,
    retry: bool = False,
    device: str = "cpu",
    batch_size: int = 8,
    workers: int = 2,
    optimized: bool = False,
    progress: bool = True,
    **options: Any,
) -> Embeddings:
    """Return the features of images before the classifier, as vectors; of videos with a video model.

    They are what `model.forward_head(model.forward_features(x), pre_logits=True)` gives for the preprocessed input; of
    a video, the mean over its clips. Inputs that look alike to the model have vectors that are near each other.

    Args:
        sources: As for `zoo_core.stream`.
        model: A registered classification model, or one of your own, `"local-dir:…"`, `"hf-hub:…"`. Without it, the
            one whose weights come inside an installed package, which is logged.
        weights: An entry of the model's, or its name.
        normalize: Give vectors the length 1, so that their products are cosines.
        output: A `.parquet` or `.jsonl` file for the vectors. What it has already is not computed again: a run that was
            stopped goes on. All that it holds in the end is returned. Inputs must be files then.
        retry: With `output`: compute again what gave an error before.
        device: As for `zoo_core.stream`.
        batch_size: Likewise.
        workers: Likewise.
        optimized: Likewise.
        progress: Likewise.
        **options: For video models `num_clips`, `num_frames` and `frame_rate`, as for `zoo_core.stream`.

    Returns:
        Vectors `(N, D)` with their sources; D is the model's `head_hidden_size`. What cannot be read is in `failures`.

    Raises:
        FileNotFoundError: A path does not exist.
        ValueError: The model is not known, has no such features or does not take an option; or `output` holds something
            else, or vectors that were made otherwise.
        TypeError: Something is no input.

    Example:
        >>> from zoo_core import embed
        >>> found = embed("photos/", model="resnet50", normalize=True)
        >>> found.vectors.shape, found.sources
        (torch.Size([1, 2048]), ('photos/cat.jpg',))
    """
    job = EmbeddingJob(
        sources=sources,
        model=chosen_model(embeds=True) if model is None else model,
        weights=weights,
        options={"normalize": normalize, **options},
        output=None if output is None else Path(output),
        retry=retry,
        device=device,
        batch_size=batch_size,
        workers=workers,
        optimized=optimized,
        progress=progress,
    )
    with job.open_run() as run:
        found = _run(job, run)
    return _together(job, found) if job.output is None else read_embeddings(job.output)


def _run(job: EmbeddingJob, run: PredictionRun) -> list[Embedding | Failure]:
    """Compute what is left; return it, unless it goes into a file."""
    found: list[Embedding | Failure] = []
    if not run.upcoming.has(1):
        next(run.upcoming, None)  # raises what looking for inputs has met
        return found
    for row in run.predict(job.load_predictor(run.upcoming)):
        if job.output is None:
            assert isinstance(row.prediction, Embedding | Failure)
            found.append(row.prediction)
    return found


def _together(job: EmbeddingJob, found: list[Embedding | Failure]) -> Embeddings:
    embedded = [each for each in found if isinstance(each, Embedding)]
    vectors = torch.stack([each.vector for each in embedded]) if embedded else torch.zeros(0, 0)
    return Embeddings(
        vectors,
        tuple(each.source for each in embedded),
        tuple(each for each in found if isinstance(each, Failure)),
        job.facts(vectors.shape[1] or None),
    )
