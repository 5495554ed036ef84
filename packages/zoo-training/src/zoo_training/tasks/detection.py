"""Training of detectors: boxes, masks and keypoints."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.images import read_image
from zoo_core.transforms import pil_to_tensor, to_float
from zoo_evaluation import Dataset
from zoo_evaluation.datasets import DatasetError, ObjectsSample
from zoo_training._randomness import happens
from zoo_training._recipe import Recipe
from zoo_training._training import Batch, Training
from zoo_training.augmentation import Scene, jitter_color, scale_jitter

from ._object_checks import check_objects, count_keypoints, require_outlines
from ._objects import has_keypoints, labels_of, scene_of

BACKGROUND = "__background__"
"""What index 0 stands for, as in published weights."""
COCO_KEYPOINTS = 17
"""Keypoints without names are those of COCO's people if there are as many."""
_STEPS = 1500
"""So many are enough for few images."""


class DetectionTraining(Training[ObjectsSample]):
    """Trains networks that find objects, and compute their losses themselves."""

    holds: ClassVar[str] = "objects"
    learns_masks: ClassVar[bool] = False

    def __init__(self, dataset: Dataset[ObjectsSample], recipe: Recipe, weights: WeightsEnum) -> None:
        super().__init__(dataset, recipe, weights)
        self.labels = labels_of(dataset)
        self.num_keypoints = 0
        self.pairs: tuple[int, ...] | None = None

    @classmethod
    def of_network(cls, network: nn.Module) -> "type[Training[Any]]":
        """Return the class for a network with masks, or with keypoints, as its `roi_heads` say."""
        heads = getattr(network, "roi_heads", None)
        if heads is not None and heads.has_keypoint():
            return KeypointTraining
        return MaskTraining if heads is not None and heads.has_mask() else DetectionTraining

    @classmethod
    def usual_recipe(cls, samples: int, *, freeze: str = "", pretrained: bool = True) -> Recipe:
        """Return a recipe with enough steps for few images, and small ones where much has been learnt before."""
        batch_size = max(2, min(8, samples // 10))
        usual = Recipe(
            batch_size=batch_size,
            epochs=max(12, min(200, round(_STEPS / max(1, samples // batch_size)))),
            lr=1e-4 if pretrained else 1e-3,
            weight_decay=1e-4,
            label_smoothing=0.0,
            scale_jitter=0.25,
            freeze=freeze,
        )
        return usual.but(lr=1e-3) if freeze else usual

    @classmethod
    def categories(cls, dataset: Dataset[Any]) -> tuple[str, ...]:
        """Return the background, and the data set's classes."""
        if not dataset.categories:
            raise DatasetError(f"{dataset.root} does not name its classes.")
        return (BACKGROUND, *dataset.categories)

    @classmethod
    def check(cls, train: Dataset[Any], held_out: Dataset[Any]) -> list[str]:
        """Look at boxes, classes, and what else is learnt."""
        return check_objects(train, held_out)

    def example(self, sample: ObjectsSample, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Scale an image with its objects, mirror it and change its colours."""
        image = pil_to_tensor(read_image(sample.paths[0]))
        scene = scene_of(
            sample, image, self.labels, masks=self.learns_masks, num_keypoints=self.num_keypoints, pairs=self.pairs
        )
        jitter = 1 + self.recipe.scale_jitter
        least = self.recipe.least_scale or 1 / jitter
        scene = scale_jitter(scene, generator, least=least, greatest=jitter, size=self.recipe.size)
        if happens(self.recipe.flip, generator) and self.can_mirror():
            scene = scene.flip()
        return jitter_color(scene.image, self.recipe.color, generator), _target(scene)

    def can_mirror(self) -> bool:
        """Tell whether a mirrored scene is known: left keypoints become right ones."""
        return True

    def batch(self, names: Sequence[str], examples: Sequence[tuple[Any, Any]], generator: torch.Generator) -> Batch:
        """List images, in [0, 1], and what is true of them: they are of several sizes, and the network scales them."""
        del generator
        return Batch(
            tuple(names),
            [to_float(image) for image, _ in examples],
            [target for _, target in examples],
        )

    def loss(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the network's own losses."""
        losses: dict[str, Tensor] = model(batch.inputs, batch.targets)
        return losses


class MaskTraining(DetectionTraining):
    """Trains networks that find objects with their masks."""

    learns_masks: ClassVar[bool] = True

    @classmethod
    def check(cls, train: Dataset[Any], held_out: Dataset[Any]) -> list[str]:
        """Look for outlines, too."""
        notes = super().check(train, held_out)
        require_outlines(train, held_out)
        return notes


class KeypointTraining(DetectionTraining):
    """Trains networks that find objects with their keypoints."""

    def __init__(self, dataset: Dataset[ObjectsSample], recipe: Recipe, weights: WeightsEnum) -> None:
        super().__init__(dataset, recipe, weights)
        self.num_keypoints = count_keypoints(dataset)
        usual = tuple(weights.meta.get("keypoint_names", ()))
        self.keypoint_names = next(
            (names for names in (dataset.keypoint_names, usual) if len(names) == self.num_keypoints), ()
        )
        self.pairs = mirrored_pairs(self.keypoint_names)

    @classmethod
    def selected(cls, train: Dataset[Any], held_out: Dataset[Any]) -> tuple[Dataset[Any], Dataset[Any]]:
        """Return the objects of the classes that have keypoints alone, as people of COCO's objects."""
        known = {one["category_id"] for sample in train for one in sample.objects if has_keypoints(one)}
        ids = train.category_ids or ()
        if not known or known >= set(ids):
            return train, held_out
        return _of_classes(train, known), _of_classes(held_out, known)

    @classmethod
    def check(cls, train: Dataset[Any], held_out: Dataset[Any]) -> list[str]:
        """Look at keypoints, too."""
        notes = super().check(train, held_out)
        count = count_keypoints(train)
        if count != count_keypoints(held_out):
            raise DatasetError(f"{train.root} has {count} keypoints for each object, {held_out.root} has others.")
        names = train.keypoint_names if len(train.keypoint_names) == count else ()
        if mirrored_pairs(names) is not None or (not names and count == COCO_KEYPOINTS):
            return notes
        alone = ", ".join(_without_partner(names)[:5])
        told = (
            f"have a side and no partner on the other one ({alone})"
            if alone
            else "have no names that tell left from right"
        )
        return [*notes, f"The keypoints {told}: images are not mirrored."]

    def can_mirror(self) -> bool:
        """Tell whether it is known which keypoints are left and right."""
        return self.pairs is not None

    def builder_arguments(self, categories: tuple[str, ...] | None) -> dict[str, Any]:
        """Return the number of classes, and of keypoints."""
        return {**super().builder_arguments(categories), "num_keypoints": self.num_keypoints}

    def facts(self) -> dict[str, Any]:
        """Return the names of keypoints: numbers, where the data set has none."""
        names = self.keypoint_names or tuple(f"keypoint_{number}" for number in range(1, self.num_keypoints + 1))
        return {"keypoint_names": list(names)}


def mirrored_pairs(names: Sequence[str]) -> tuple[int, ...] | None:
    """Return what each keypoint is in a mirror, by place: left and right change.

    Args:
        names: With `left` and `right` in them, or with parts `l` and `r`, in any case: `"left_eye"`, `"R-Shoulder"`,
            `"kneeL"`. Others stay what they are.

    Returns:
        The places; `None` where no name has a side, or one has no partner on the other side.

    Example:
        >>> from zoo_training.tasks.detection import mirrored_pairs
        >>> mirrored_pairs(["nose", "left_eye", "right_eye"])
        (0, 2, 1)
    """
    keys = [_key(name) for name in names]
    others = [_other_side(key) for key in keys]
    if keys == others or _without_partner(names):
        return None
    return tuple(
        place if key == other else keys.index(other)
        for place, (key, other) in enumerate(zip(keys, others, strict=True))
    )


def _without_partner(names: Sequence[str]) -> list[str]:
    """Return the names with a side of which the other side is not there, or which are there more than once."""
    counts = Counter(map(_key, names))
    sided = ((name, _key(name)) for name in names if _other_side(_key(name)) != _key(name))
    return [name for name, key in sided if not counts[key] == counts[_other_side(key)] == 1]


def _key(name: str) -> str:
    """Return the parts of a name in lower case, with sides in full: `"left_shoulder"` for `"L-Shoulder"`."""
    parts = (part.lower() for part in _PART.findall(name))
    return "_".join({"l": "left", "r": "right"}.get(part, part) for part in parts)


def _other_side(key: str) -> str:
    return _SIDE.sub(lambda side: _OTHER[side[0]], key)


_PART = re.compile(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+|\d+")
"""Of a name: what separators, capitals or digits divide."""
_SIDE = re.compile("left|right")
_OTHER = {"left": "right", "right": "left"}


def _target(scene: Scene) -> dict[str, Tensor]:
    known = {"boxes": scene.boxes, "labels": scene.labels, "masks": scene.masks, "keypoints": scene.keypoints}
    return {name: tensor for name, tensor in known.items() if tensor is not None}


def _of_classes(dataset: Dataset[Any], known: set[int]) -> Dataset[Any]:
    listed = zip(dataset.category_ids or (), dataset.categories or (), strict=True)
    kept = [(number, name) for number, name in listed if number in known]
    samples = (
        replace(sample, objects=tuple(one for one in sample.objects if one["category_id"] in known))
        for sample in dataset
    )
    return replace(
        dataset,
        samples=tuple(samples),
        categories=tuple(name for _, name in kept),
        category_ids=tuple(number for number, _ in kept),
    )
