"""Training of classes of videos."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from zoo_core import WeightsEnum
from zoo_core.errors import MediaError
from zoo_evaluation import Dataset
from zoo_evaluation.datasets import ClassSample, DatasetError
from zoo_training._randomness import happens, uniform
from zoo_training._recipe import Recipe
from zoo_training._training import Batch
from zoo_training.augmentation import Scene, jitter_color
from zoo_training.augmentation._crops import random_part

from .classification import ClassificationTraining

_TOLD = 3
"""How many videos a message lists."""


class VideoTraining(ClassificationTraining):
    """Trains networks that give scores of classes for a clip.

    Clips have the length and the frame rate that the model's weights state, unless the recipe has others, which the
    saved model then states.
    """

    holds: ClassVar[str] = "videos"
    media: ClassVar[str] = "videos"
    known_channels: ClassVar[tuple[int, ...]] = (3,)

    def __init__(self, dataset: Dataset[ClassSample], recipe: Recipe, weights: WeightsEnum) -> None:
        super().__init__(dataset, recipe, weights)
        meta = weights.meta
        self.clip_len: int = recipe.clip_len or meta.get("clip_len", 16)
        self.frame_rate: float = recipe.frame_rate or meta.get("frame_rate", 15.0)
        least, side = meta.get("min_temporal_size", 1), max(meta.get("min_size", (1, 1)))
        if self.clip_len < least:
            raise ValueError(f"clip_len should be at least {least} for this model, found {self.clip_len}.")
        if recipe.size and recipe.size < side:
            raise ValueError(f"size should be at least {side} for this model, found {recipe.size}.")

    @classmethod
    def usual_recipe(cls, samples: int, *, freeze: str = "", pretrained: bool = True) -> Recipe:
        """Return a recipe with enough steps for few videos, of batches that fit into memory."""
        batch_size = max(2, min(8, samples // 8))
        epochs = max(10, min(100, round(500 / max(1, samples // batch_size))))
        usual = Recipe(batch_size=batch_size, epochs=epochs, crop=0.5, freeze=freeze)
        if freeze:
            return usual.but(lr=1e-2, weight_decay=1e-4)
        return usual.but(lr=2e-4 if pretrained else 1e-3)

    @classmethod
    def check(cls, train: Dataset[Any], held_out: Dataset[Any]) -> list[str]:
        """Count the videos of each class, and open all of them."""
        notes = super().check(train, held_out)
        for dataset in (train, held_out):
            _open_all(dataset)
        return notes

    def facts(self) -> dict[str, Any]:
        """Return the length and the frame rate of clips, too."""
        return {**super().facts(), "clip_len": self.clip_len, "frame_rate": self.frame_rate}

    def shape(self, count: int) -> tuple[int, ...]:
        """Return the shape of a batch of so many clips."""
        return (count, self.channels, self.clip_len, *self.size)

    def example(self, sample: ClassSample, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Take a clip at a random moment; cut out a part, mirror it and change its colours, the same for all frames."""
        frames = self._clip(sample.paths[0], generator)
        if happens(self.recipe.flip, generator):
            frames = frames.flip(-1)
        return jitter_color(frames, self.recipe.color, generator), torch.tensor(sample.label)

    def batch(self, names: Sequence[str], examples: Sequence[tuple[Any, Any]], generator: torch.Generator) -> Batch:
        """Normalise the clips as the model's preprocessing does, mix them, and put channels before frames."""
        plain = super().batch(names, examples, generator)
        return Batch(plain.names, plain.inputs.transpose(1, 2).contiguous(), plain.targets)

    def _clip(self, path: Path, generator: torch.Generator) -> Tensor:
        """Read frames of a video, uint8 `(T, 3, H, W)`, each cut and scaled before the next one is decoded.

        Beyond the end of a short video its last frame is repeated.
        """
        from zoo_video.io import FrameReader  # imports PyAV

        moment, shift = uniform(0, 1, generator), int(uniform(0, 1 << 31, generator))
        parts: dict[tuple[int, int], tuple[int, int, int, int]] = {}

        def keep(frame: Tensor, _places: Sequence[int]) -> Tensor:
            scene = Scene(image=frame)
            size = (scene.height, scene.width)
            if size not in parts:
                chance = torch.Generator().manual_seed(shift)
                parts[size] = random_part(*size, chance, least=self.recipe.crop)
            return scene.crop(*parts[size]).resize(*self.size).image

        with FrameReader.open(path) as reader:
            start = moment * max(0.0, reader.last_time - (self.clip_len - 1) / self.frame_rate)
            times = [start + number / self.frame_rate for number in range(self.clip_len)]
            return torch.stack(reader.map_times(keep, times))


def _open_all(dataset: Dataset[Any]) -> None:
    """Open all videos.

    Raises:
        DatasetError: Some cannot be read.
    """
    from zoo_video.io import probe  # imports PyAV

    def problem(sample: ClassSample) -> str:
        try:
            probe(sample.paths[0])
        except (MediaError, OSError) as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(4) as threads:
        found = [told for told in threads.map(problem, dataset) if told]
    if found:
        lines = "".join(f"\n  {each}" for each in found[:_TOLD]) + ("\n  ..." if len(found) > _TOLD else "")
        raise DatasetError(
            f"{len(found)} of {len(dataset)} videos of {dataset.root} cannot be read; copy them again, or take them "
            f"away:{lines}"
        )
