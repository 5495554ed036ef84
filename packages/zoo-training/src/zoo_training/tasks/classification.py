"""Training of classes of images."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_core import WeightsEnum
from zoo_core.images import read_image
from zoo_core.transforms import normalize, preset_arguments, to_float
from zoo_evaluation import Dataset
from zoo_evaluation.datasets import ClassSample, DatasetError
from zoo_evaluation.tasks.classification import KEPT
from zoo_training._channels import require_channels
from zoo_training._pixels import PixelCache, needed_side, pixel_cache, read_pixels
from zoo_training._randomness import happens
from zoo_training._recipe import Recipe
from zoo_training._training import Batch, Training
from zoo_training.augmentation import Scene, jitter_color, mix_batch, random_resized_crop


class ClassificationTraining(Training[ClassSample]):
    """Trains networks that give scores of classes for an image.

    With `Recipe.size`, the preprocessing of the model that is saved is scaled to that size.
    """

    holds: ClassVar[str] = "classes"
    media: ClassVar[str] = "images"
    """What samples are called in messages."""
    known_channels: ClassVar[tuple[int, ...]] = (1, 3)
    """In how many channels they can be read."""

    def __init__(self, dataset: Dataset[ClassSample], recipe: Recipe, weights: WeightsEnum) -> None:
        super().__init__(dataset, recipe, weights)
        if recipe.size:
            self.preset = scaled_preset(self.preset, recipe.size)
        arguments = preset_arguments(self.preset)
        crop: list[int] = arguments["crop_size"]
        self.size = (crop[0], crop[-1])
        self.mean: list[float] = arguments["mean"]
        self.std: list[float] = arguments["std"]
        self.channels = require_channels(self.mean, self.known_channels, self.media)
        self._side = needed_side(self.size, recipe.crop)
        self._cache: PixelCache | None = None
        self._places: dict[Path, int] = {}
        self.num_classes = len(weights.meta["categories"])

    @classmethod
    def usual_recipe(cls, samples: int, *, freeze: str = "", pretrained: bool = True) -> Recipe:
        """Return a recipe with enough steps for few images, and small ones where much has been learnt before.

        A network that begins with random numbers takes half as many steps more, of twice as many images, of which no
        small parts are cut out: few images do not teach it to tell those.
        """
        if freeze or pretrained:
            batch_size = max(4, min(32, samples // 8))
            recipe = Recipe(batch_size=batch_size, epochs=_epochs(600, samples, batch_size), lr=3e-4, freeze=freeze)
            return recipe.but(lr=1e-2, weight_decay=1e-4) if freeze else recipe
        batch_size = max(4, min(64, samples // 8))
        return Recipe(batch_size=batch_size, epochs=_epochs(900, samples, batch_size), lr=4e-3, crop=0.6)

    @classmethod
    def check(cls, train: Dataset[Any], held_out: Dataset[Any]) -> list[str]:
        """Count the images of each class."""
        if not train.categories:
            raise DatasetError(f"{train.root} does not name its classes: expected a folder for each class.")
        if len(train.categories) < 2:
            raise DatasetError(
                f"{train.root} has one class, {train.categories[0]}: there is nothing to tell apart. "
                f"Add a folder with {cls.media} that do not show it."
            )
        counts = Counter(sample.label for sample in train)
        empty = [name for label, name in enumerate(train.categories) if not counts[label]]
        if empty:
            raise DatasetError(f"{train.root} has no {cls.media} to train on of {', '.join(empty[:5])}.")
        missing = set(range(len(train.categories))) - {sample.label for sample in held_out}
        names = ", ".join(train.categories[label] for label in sorted(missing)[:5])
        return [f"No {cls.media[:-1]} of {names} is kept for validation: there are too few."] if missing else []

    def check_network(self, network: nn.Module) -> None:
        """Let the network take inputs of the recipe's size, if that has one, or other arguments of the builder."""
        wanted = self.recipe.arguments.get("in_chans", self.channels)
        if wanted != self.channels:
            raise ValueError(
                f"The network is built for {self.media} of {wanted} channels (in_chans), and the preprocessing is for "
                f"{self.channels}, as many as its mean has values. Save a model with both, as docs/tuning.md shows, "
                "and begin with that."
            )
        if not (self.recipe.size or self.recipe.clip_len or self.recipe.arguments):
            return
        height, width = self.size
        try:
            with torch.no_grad():
                network.train(not self.recipe.freeze)(torch.empty(self.shape(2), device="meta"))
        except ValueError as error:
            raise ValueError(
                f"{type(network).__name__} does not take {self.media} of {width} x {height} pixels: {error} Choose "
                "another size or, for a network of one size, an argument of its builder, such as image_size, too."
            ) from error

    def shape(self, count: int) -> tuple[int, ...]:
        """Return the shape of a batch of so many inputs."""
        return (count, self.channels, *self.size)

    def facts(self) -> dict[str, Any]:
        """Return the least size, too: that of the training, if the network takes smaller inputs than the usual ones."""
        least = self.usage.get("min_size")
        if not (self.recipe.size and least):
            return self.usage
        return {**self.usage, "min_size": tuple(map(min, least, self.size))}

    def example(self, sample: ClassSample, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Cut out a part, mirror it and change its colours; the target is the label."""
        scene = Scene(image=self._pixels(sample))
        scene = random_resized_crop(scene, self.size, generator, least=self.recipe.crop)
        if happens(self.recipe.flip, generator):
            scene = scene.flip()
        return jitter_color(scene.image, self.recipe.color, generator), torch.tensor(sample.label)

    def _pixels(self, sample: ClassSample) -> Tensor:
        path = sample.paths[0]
        if self._cache is None or path not in self._places:
            return read_pixels(path, self._side, self.channels)
        return self._cache.read(self._places[path], path)

    @contextmanager
    def caching(self, folder: Path) -> Iterator[Self]:
        """Keep the decoded images in a file while training, if they fit."""
        paths = [sample.paths[0] for sample in self.dataset]
        with pixel_cache(folder, paths, self._side, self.channels) as cache:
            self._cache, self._places = cache, {path: place for place, path in enumerate(paths)}
            try:
                yield self
            finally:
                self._cache, self._places = None, {}

    def batch(self, names: Sequence[str], examples: Sequence[tuple[Any, Any]], generator: torch.Generator) -> Batch:
        """Normalise the images as the model's preprocessing does, and mix them."""
        plain = super().batch(names, examples, generator)
        images = normalize(to_float(plain.inputs), self.mean, self.std)
        targets = self.targets(plain.targets)
        images, targets = mix_batch(images, targets, generator, mixup=self.recipe.mixup, cutmix=self.recipe.cutmix)
        return Batch(plain.names, images, targets)

    def plain(self, sample: ClassSample) -> Tensor:
        """Return an image as the model's preprocessing makes it, `(C, H, W)`."""
        inputs: Tensor = self.preset(read_image(sample.paths[0]))
        return inputs

    def targets(self, labels: Tensor) -> Tensor:
        """Return the probabilities of the classes, `(N, classes)`."""
        return F.one_hot(labels, self.num_classes).float()

    def rows(self, scores: Tensor) -> list[dict[str, Any]]:
        """Return the most probable classes, as the evaluation keeps them."""
        best = scores.softmax(dim=1).topk(min(KEPT, scores.shape[1]), dim=1)
        return [
            {"top": indices, "scores": values}
            for indices, values in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]

    def loss(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the cross-entropy; of auxiliary classifiers with a weight of 0.3 (GoogLeNet, section 5)."""
        scores = model(batch.inputs)
        main, *auxiliary = scores if isinstance(scores, tuple) else (scores,)
        losses = {"loss": self._cross_entropy(main, batch.targets)}
        for number, each in enumerate((each for each in auxiliary if each is not None), 1):
            losses[f"auxiliary_{number}"] = 0.3 * self._cross_entropy(each, batch.targets)
        return losses

    def _cross_entropy(self, scores: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(scores.float(), targets, label_smoothing=self.recipe.label_smoothing)


def scaled_preset(preset: nn.Module, size: int) -> nn.Module:
    """Return a preset that cuts out squares of a size, of images resized in proportion to that."""
    arguments = preset_arguments(preset)
    crop: list[int] = arguments["crop_size"]
    if {*crop} == {size}:
        return preset
    resized = [round(side * size / min(crop)) for side in arguments["resize_size"]]
    return type(preset)(**{**arguments, "resize_size": resized, "crop_size": [size, size]})


def _epochs(steps: int, samples: int, batch_size: int) -> int:
    """Return how many epochs have about so many steps; at least 10, and at most 200."""
    return max(10, min(200, round(steps / max(1, samples // batch_size))))
