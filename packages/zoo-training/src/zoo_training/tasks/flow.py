"""Training of optical flow."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.images import read_image
from zoo_core.transforms import pil_to_tensor
from zoo_evaluation import Dataset
from zoo_evaluation.datasets import DatasetError, FlowSample, flow_size, image_size
from zoo_evaluation.tasks.flow import true_flow
from zoo_training._randomness import happens
from zoo_training._recipe import Recipe
from zoo_training._training import Batch, Training
from zoo_training.augmentation import FlowPair, jitter_color, random_flow_crop

LARGEST = (368, 496)
"""Height and width of what is cut out of larger images, in pixels: as for FlyingChairs in the paper of RAFT."""
MULTIPLE = 8
"""Of which height and width are multiples."""
UPSIDE_DOWN = 0.1
"""How often pairs are turned upside down."""
APART = 0.2
"""How often the colours of the two images change differently."""
_TOLD = 3
"""How many problems a message lists."""


class FlowTraining(Training[FlowSample]):
    """Trains networks that refine the flow between two images step by step, as RAFT does.

    `Recipe.size` is the side of the squares that are cut out, in pixels; without it they are as large as the first
    image of the data set, up to `LARGEST`.
    """

    holds: ClassVar[str] = "flows"
    better: ClassVar[str] = "lower"

    def __init__(self, dataset: Dataset[FlowSample], recipe: Recipe, weights: WeightsEnum) -> None:
        super().__init__(dataset, recipe, weights)
        least: int = max(weights.meta.get("min_size", (MULTIPLE, MULTIPLE)))
        if recipe.size and (recipe.size < least or recipe.size % MULTIPLE):
            raise ValueError(
                f"size should be a multiple of {MULTIPLE}, and at least {least} for this model, found {recipe.size}."
            )
        self.size = (recipe.size, recipe.size) if recipe.size else _size_for(dataset, least)

    @classmethod
    def usual_recipe(cls, samples: int, *, freeze: str = "", pretrained: bool = True) -> Recipe:
        """Return RAFT's recipe, with enough steps for few pairs.

        Raises:
            ValueError: All but the classifier should be frozen, and there is none.
        """
        if freeze == "head":
            raise ValueError(
                "Networks for flow have no classifier to train alone: name the module from which on it is trained, "
                "as in --freeze update_block."
            )
        batch_size = max(2, min(8, samples // 8))
        epochs = max(10, min(200, round(2000 / max(1, samples // batch_size))))
        return Recipe(
            batch_size=batch_size,
            epochs=epochs,
            lr=1e-4 if pretrained else 4e-4,
            weight_decay=1e-4,
            color=0.4,
            scale_jitter=0.3,
            freeze=freeze,
        )

    @classmethod
    def check(cls, train: Dataset[Any], held_out: Dataset[Any]) -> list[str]:
        """Compare the sizes of images and flow, as the files' headers have them."""
        for dataset in (train, held_out):
            problems = [told for sample in dataset if (told := _problem(sample))]
            if problems:
                lines = "".join(f"\n  {each}" for each in problems[:_TOLD])
                more = "\n  ..." if len(problems) > _TOLD else ""
                raise DatasetError(
                    f"{len(problems)} of {len(dataset)} pairs of {dataset.root} cannot be trained on:{lines}{more}"
                )
        return []

    def example(self, sample: FlowSample, generator: torch.Generator) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Scale a pair, cut out a part, mirror it and change its colours; the target is flow, and where it is known."""
        recipe = self.recipe
        pair = random_flow_crop(read_pair(sample), self.size, generator, jitter=recipe.scale_jitter)
        if happens(recipe.flip, generator):
            pair = pair.flip()
        if happens(UPSIDE_DOWN if recipe.flip else 0.0, generator):
            pair = pair.flip_vertically()
        if happens(APART, generator):
            images = torch.stack([jitter_color(image, recipe.color, generator) for image in pair.images])
        else:
            images = jitter_color(pair.images, recipe.color, generator)
        valid = torch.ones(self.size, dtype=torch.bool) if pair.valid is None else pair.valid
        return images, (pair.flow, valid)

    def batch(self, names: Sequence[str], examples: Sequence[tuple[Any, Any]], generator: torch.Generator) -> Batch:
        """Bring the images into the range that the network takes."""
        del generator
        images = torch.stack([pair for pair, _ in examples])
        flow, valid = (torch.stack([target[place] for _, target in examples]) for place in (0, 1))
        return Batch(tuple(names), self.preset(images[:, 0], images[:, 1]), (flow, valid))

    def loss(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return `zoo_flow.training.sequence_loss` of the flow after each refinement."""
        from zoo_flow.training import sequence_loss

        flows = model(*batch.inputs, num_flow_updates=self.recipe.flow_updates)
        return {"loss": sequence_loss([flow.float() for flow in flows], *batch.targets)}


def read_pair(sample: FlowSample) -> FlowPair:
    """Read two images and their true flow.

    Raises:
        MediaError: An image cannot be read.
        DatasetError: The flow cannot be read, or sizes differ.
    """
    first, second = (pil_to_tensor(read_image(path)) for path in sample.paths)
    flow, valid = true_flow(sample)
    if told := _difference(first.shape[1:], second.shape[1:], flow.shape[1:]):
        raise DatasetError(f"{sample}: {told}")
    known = None if valid is None else torch.from_numpy(valid)
    return FlowPair(images=torch.stack([first, second]), flow=torch.from_numpy(flow), valid=known)


def _size_for(dataset: Dataset[FlowSample], least: int) -> tuple[int, int]:
    own = image_size(dataset[0].paths[0]) or LARGEST
    height, width = (
        max(least, min(most, side // MULTIPLE * MULTIPLE)) for most, side in zip(LARGEST, own, strict=True)
    )
    return height, width


def _problem(sample: FlowSample) -> str:
    """Return what is wrong with a pair, if something is."""
    sizes = {path: image_size(path) for path in sample.paths} | {sample.flow: flow_size(sample.flow)}
    for path, size in sizes.items():
        if size is None:
            return f"{path} cannot be read."
    told = _difference(*(size for size in sizes.values() if size is not None))
    return f"{sample}: {told}" if told else ""


def _difference(first: Sequence[int], second: Sequence[int], flow: Sequence[int]) -> str:
    if tuple(first) == tuple(second) == tuple(flow):
        return ""
    told = (f"{width} x {height}" for height, width in (first, second, flow))
    return "the images have {} and {} pixels, and the true flow {}: all should have the same size.".format(*told)
