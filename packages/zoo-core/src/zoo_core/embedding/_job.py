"""What a run of embedding is: a run of predictions whose results are vectors."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from zoo_core._registry import all_tasks, task_of
from zoo_core.names import Later
from zoo_core.prediction import PredictionJob
from zoo_core.tasks import Option, Task
from zoo_core.transforms._stated import preprocessing_of

from ._facts import EmbeddingFacts
from ._table import VectorTable

if TYPE_CHECKING:
    from torch import nn

    from . import _pooled_features
else:
    nn = Later("torch.nn")
    _pooled_features = Later("zoo_core.embedding._pooled_features")

NORMALIZE = Option("normalize", bool, "Give vectors the length 1, so that their products are cosines.", default=False)


@dataclass(frozen=True, kw_only=True)
class EmbeddingJob(PredictionJob):
    """Everything that a run of embedding can be told; of a `PredictionJob`, all but pictures and raw results.

    Args:
        output: A `.jsonl` or `.parquet` file for the vectors. What it has already is not computed again; one that was
            made by another model, with other weights or other options, is refused.
        options: `normalize`, and what the task states as `embedder_options`.

    Raises:
        ValueError: As for `PredictionJob`; or the task of the model has no vectors.

    Example:
        >>> from zoo_core.embedding import EmbeddingJob
        >>> job = EmbeddingJob(sources="photos/", model="resnet50", options={"normalize": True})
        >>> [embedding.vector.shape for embedding in job.stream()]
        [torch.Size([2048])]
    """

    def __post_init__(self) -> None:
        given = [name for name in ("save", "raw", "every") if getattr(self, name) is not None]
        if given:
            raise ValueError(f"{given[0]} is for predictions: what comes of embedding are vectors.")
        super().__post_init__()

    @property
    def task(self) -> Task:
        """The model's task, with vectors for results."""
        task = task_of(self.model)
        if task.embedder is None:
            known = ", ".join(sorted(each.name for each in all_tasks() if each.embedder is not None))
            raise ValueError(
                f"{self.model} is for {task.name}, and vectors are there for {known}: `zoo list --task classification` "
                "has models. zoo_core.features gives maps of features inside any network."
            )
        options = (NORMALIZE, *task.embedder_options)
        return replace(task, predictor=task.embedder, results="vectors", options=options, raw_document=None)

    def build_model(self) -> "nn.Module":
        """Build the model without its classifier."""
        return _pooled_features.PooledFeatures(super().build_model())

    def facts(self, dimension: int | None) -> EmbeddingFacts:
        """Return what a file of vectors says of itself."""
        published = self.entry.file.digest
        sha256 = published.hexadecimal if published is not None and published.is_full else self.resolve().sha256
        if published is not None and not sha256.startswith(published.hexadecimal):  # another file with the same tensors
            sha256 = published.hexadecimal
        return EmbeddingFacts(
            self.model, str(self.entry), sha256, preprocessing_of(self.entry), dimension, self.made_by
        )

    def open_table(self, path: Path) -> VectorTable:
        """Open a Parquet file that this run may add rows to; it need not exist.

        Raises:
            ValueError: The file holds something else, or vectors that were made otherwise.
            OSError: It cannot be read.
        """
        table = VectorTable(path, self.facts)
        digest = self.entry.file.digest
        table.check_made_by(str(self.entry), self.made_by, digest.hexadecimal if digest else "")
        return table
