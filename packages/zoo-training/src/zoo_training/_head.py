"""Training of a classifier alone, on features that were computed once: seconds instead of minutes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zoo_evaluation import Dataset, Evaluation

from ._engine import Engine
from ._feature_file import FeatureFile
from ._files import remove
from ._frozen import BATCH, FrozenNetwork, HasFeatures, features_of, views_of
from ._training import Batch, Training

FEATURES = "features"
"""The folder of the features, in that of a run. It goes when the run is done."""


class HeadTraining(Training[Any]):
    """Trains a classifier on features. Each epoch sees one view of each sample.

    Args:
        training: Of the task.
        file: Of the features. It is open while a batch is read, and can be deleted afterwards.
    """

    def __init__(self, training: Training[Any], file: FeatureFile) -> None:
        assert isinstance(training, HasFeatures)
        self.dataset, self.recipe, self.preset = training.dataset, training.recipe, training.preset
        self.better = type(training).better  # type: ignore[misc] # of this one
        self._training, self._file = training, file
        self._labels = torch.tensor([sample.label for sample in training.dataset])

    def example(self, sample: Any, generator: torch.Generator) -> tuple[Any, Any]:
        """Raise an error: whole batches are read."""
        raise NotImplementedError

    def read(self, keys: Sequence[tuple[int, int]]) -> Batch:
        """Return the features of a batch."""
        features = self._file.values()
        places = [place for _, place in keys]
        views = [(epoch + place) % features.shape[1] for epoch, place in keys]
        inputs = torch.from_numpy(features[places, views])
        names = tuple(self.dataset[place].name for place in places)
        return Batch(names, inputs, self._training.targets(self._labels[places]))

    def loss(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the task's losses."""
        return self._training.loss(model, batch)


def head_engine(
    frozen: FrozenNetwork,
    training: Training[Any],
    held_out: Dataset[Any],
    evaluation: Evaluation[Any],
    folder: Path,
    *,
    workers: int,
    identity: Mapping[str, Any],
    **options: Any,
) -> Engine:
    """Compute what features are not there yet, and return an engine that trains the classifier on them.

    Args:
        frozen: The network; its classifier is what trains.
        training: What the task says.
        held_out: The samples for validation.
        evaluation: Of them.
        folder: The run's.
        workers: Processes that read samples ahead.
        identity: As for the engine.
        **options: More of the engine's.

    Raises:
        DatasetError: A sample cannot be read; the text names it.
        OSError: There is no room.
    """
    kept = folder / FEATURES
    kept.mkdir(parents=True, exist_ok=True)
    train_file = features_of(
        frozen, training, training.dataset, kept / "train.bin", views=views_of(training.recipe), workers=workers
    )
    held_out_file = features_of(frozen, training, held_out, kept / "validation.bin", views=1, workers=workers)
    return Engine(
        frozen.classifier,
        HeadTraining(training, train_file),
        folder,
        _validation(training, evaluation, held_out_file, folder),
        workers=0,
        identity={**identity, "features": f"{train_file.digest} {held_out_file.digest}"},
        **options,
    )


def _validation(
    training: Training[Any], evaluation: Evaluation[Any], file: FeatureFile, folder: Path
) -> Callable[[nn.Module], dict[str, float]]:
    """Return what measures a classifier as the task's evaluation does."""
    assert isinstance(training, HasFeatures)

    @torch.inference_mode()
    def validate(classifier: nn.Module) -> dict[str, float]:
        features = file.values()
        device = next(classifier.parameters()).device
        rows: list[dict[str, Any]] = []
        for first in range(0, len(features), 8 * BATCH):
            inputs = torch.from_numpy(features[first : first + 8 * BATCH, 0].copy())
            rows += training.rows(classifier.eval()(inputs.to(device)).cpu())
        return {metric.name: metric.value for metric in evaluation.measure(rows, folder).metrics}

    return validate


def remove_features(folder: Path) -> None:
    """Take the features of a run away."""
    remove(folder / FEATURES)
