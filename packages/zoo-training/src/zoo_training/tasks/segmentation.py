"""Training of the classes of pixels."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_core import WeightsEnum
from zoo_core.transforms import fitted_size, normalize, pil_to_tensor, preset_arguments, to_float
from zoo_evaluation import Dataset
from zoo_evaluation.datasets import IGNORED, DatasetError, LabelMapSample, image_size
from zoo_training._channels import read_in, require_channels
from zoo_training._randomness import happens
from zoo_training._recipe import Recipe
from zoo_training._training import Batch, Training
from zoo_training.augmentation import Scene, jitter_color, random_scaled_crop

AUXILIARY = 0.5
"""Weight of the auxiliary classifier's loss, as the published weights were trained."""
USUAL_SIZE = 520
"""Side of the training images, in pixels, where the preprocessing keeps the size of images."""
_TOLD = 3
"""How many problems a message lists."""


class SegmentationTraining(Training[LabelMapSample]):
    """Trains networks that give scores of classes for each pixel.

    With `Recipe.size`, the preprocessing of the model that is saved resizes the shorter side of images to that size.
    """

    holds: ClassVar[str] = "label maps"
    decides: ClassVar[str] = "miou"

    def __init__(self, dataset: Dataset[LabelMapSample], recipe: Recipe, weights: WeightsEnum) -> None:
        super().__init__(dataset, recipe, weights)
        arguments = preset_arguments(self.preset)
        if recipe.size:
            arguments["resize_size"] = [recipe.size]
            self.preset = type(self.preset)(**arguments)
        self.scaled: list[int] | None = arguments["resize_size"]
        side = self.scaled or [USUAL_SIZE]
        self.size = (side[0], side[-1])
        self.mean: list[float] = arguments["mean"]
        self.std: list[float] = arguments["std"]
        self.channels = require_channels(self.mean, (1, 3))

    @classmethod
    def usual_recipe(cls, samples: int, *, freeze: str = "", pretrained: bool = True) -> Recipe:
        """Return a recipe with enough steps for few images, which scales them by a half to two as the field does."""
        batch_size = max(2, min(8, samples // 8))
        epochs = max(10, min(200, round(1000 / max(1, samples // batch_size))))
        return Recipe(
            batch_size=batch_size,
            epochs=epochs,
            lr=3e-3 if freeze else 3e-4 if pretrained else 2e-3,
            weight_decay=1e-4,
            label_smoothing=0.0,
            scale_jitter=1.0,
            freeze=freeze,
        )

    @classmethod
    def check(cls, train: Dataset[Any], held_out: Dataset[Any]) -> list[str]:
        """Count the pixels of each class, in label maps that fit their images."""
        names: tuple[str, ...] | None = train.categories
        if not names:
            raise DatasetError(f"{train.root} does not name its classes: expected categories.txt, a name a line.")
        if len(names) < 2:
            raise DatasetError(
                f"{train.root} has one class, {names[0]}: there is nothing to tell apart. Name what is around the "
                "objects, too, as in background, with a number of its own in the label maps."
            )
        seen, kept = (_count_pixels(each, len(names)) for each in (train, held_out))
        if np.count_nonzero(seen) < 2:
            found = (
                ", ".join(names[label] for label in np.flatnonzero(seen).tolist()) or f"none: all pixels are {IGNORED}"
            )
            raise DatasetError(
                f"{train.root}: the label maps to train on have pixels of fewer than two classes ({found}): there is "
                "nothing to tell apart."
            )
        return [
            *_unseen(names, seen == 0, "No pixel to train on is of {}: a model cannot learn what is not shown."),
            *_unseen(names, (kept == 0) & (seen > 0), "No pixel of {} is kept for validation."),
        ]

    def example(self, sample: LabelMapSample, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Scale image and label map, cut out a part, mirror it and change its colours."""
        labels = torch.from_numpy(sample.label_map())
        scene = Scene(image=pil_to_tensor(read_in(self.channels, sample.paths[0])), label_map=labels)
        _check_size(sample, (scene.height, scene.width), labels.shape)
        usual = (scene.height, scene.width)
        if self.scaled is not None:
            height, width = fitted_size(scene.height, scene.width, self.scaled)
            usual = (height, width)
        scene = random_scaled_crop(scene, self.size, generator, usual=usual, jitter=self.recipe.scale_jitter)
        if happens(self.recipe.flip, generator):
            scene = scene.flip()
        assert scene.label_map is not None
        return jitter_color(scene.image, self.recipe.color, generator), scene.label_map

    def batch(self, names: Sequence[str], examples: Sequence[tuple[Any, Any]], generator: torch.Generator) -> Batch:
        """Normalise the images as the model's preprocessing does."""
        plain = super().batch(names, examples, generator)
        return Batch(plain.names, normalize(to_float(plain.inputs), self.mean, self.std), plain.targets.long())

    def loss(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the cross-entropy of the pixels that count, and half that of the auxiliary classifier."""
        outputs = model(batch.inputs)
        losses = {"loss": self._cross_entropy(outputs["out"], batch.targets)}
        if "aux" in outputs:
            losses["auxiliary"] = AUXILIARY * self._cross_entropy(outputs["aux"], batch.targets)
        return losses

    def _cross_entropy(self, scores: Tensor, targets: Tensor) -> Tensor:
        total = F.cross_entropy(
            scores.float(),
            targets,
            ignore_index=IGNORED,
            label_smoothing=self.recipe.label_smoothing,
            reduction="sum",
        )
        return total / (targets != IGNORED).sum().clamp(min=1)  # parts of which nothing is known have a loss of 0


@dataclass(frozen=True)
class _Looked:
    """What a label map has: pixels of each class, or what is wrong with it."""

    counts: NDArray[np.int64]
    problem: str = ""


def _count_pixels(dataset: Dataset[LabelMapSample], num_classes: int) -> NDArray[np.int64]:
    """Return how many pixels each class has.

    Raises:
        DatasetError: Some label maps cannot be read, do not fit their images, or have other classes.
    """
    with ThreadPoolExecutor(4) as threads:
        looked = list(threads.map(lambda sample: _look(sample, num_classes), dataset))
    problems = [each.problem for each in looked if each.problem]
    if problems:
        lines = "".join(f"\n  {each}" for each in problems[:_TOLD]) + ("\n  ..." if len(problems) > _TOLD else "")
        raise DatasetError(f"{len(problems)} of {len(dataset)} images of {dataset.root} cannot be trained on:{lines}")
    total: NDArray[np.int64] = np.sum([each.counts for each in looked], axis=0)
    return total


def _look(sample: LabelMapSample, num_classes: int) -> _Looked:
    none = np.zeros(num_classes, dtype=np.int64)
    size = image_size(sample.paths[0])
    if size is None:
        return _Looked(none, f"{sample.paths[0]} cannot be read as an image.")
    try:
        labels = sample.label_map()
        _check_size(sample, size, labels.shape)
    except DatasetError as error:
        return _Looked(none, str(error))
    counts = np.bincount(labels[labels != IGNORED], minlength=num_classes)
    if len(counts) > num_classes:
        return _Looked(
            none,
            f"The label map of {sample} has pixels of class {len(counts) - 1}, and there are {num_classes} classes, "
            f"from 0 to {num_classes - 1}: name all of them, or mark pixels that do not count with {IGNORED}.",
        )
    return _Looked(counts)


def _check_size(sample: LabelMapSample, image: tuple[int, int], labels: tuple[int, ...]) -> None:
    if image != tuple(labels):
        raise DatasetError(
            f"The label map of {sample} has {labels[1]} x {labels[0]} pixels, its image {image[1]} x {image[0]}: both "
            "should have the same size."
        )


def _unseen(names: Sequence[str], which: NDArray[np.bool_], text: str) -> list[str]:
    found = [names[label] for label in np.flatnonzero(which).tolist()]
    return [text.format(", ".join(found[:5]) + (", and so on" if len(found) > 5 else ""))] if found else []
