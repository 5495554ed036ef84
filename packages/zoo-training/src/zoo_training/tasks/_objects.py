"""The objects of an image: which of them are trained on, and as what."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from zoo_evaluation import Dataset
from zoo_evaluation.datasets import DatasetError, ObjectsSample, draw_mask
from zoo_training.augmentation import Scene

LEAST_SIDE = 1.0
"""Objects whose boxes are narrower or lower inside their image, in pixels, are not trained on."""
_POLYGON = 6
"""The fewest numbers of a polygon: x and y of three corners."""
Found: TypeAlias = Mapping[str, Any]
"""An object, as `ObjectsSample.objects` has it."""


def is_crowd(one: Found) -> bool:
    """Tell whether an object is a crowd of which the single ones are not marked."""
    return bool(one.get("iscrowd"))


def clipped_box(one: Found, height: float, width: float) -> tuple[float, float, float, float]:
    """Return the part of a box that is inside its image, as `(x1, y1, x2, y2)`; it may be empty."""
    x, y, across, down = one["bbox"]
    return max(x, 0.0), max(y, 0.0), min(x + across, width), min(y + down, height)


def is_too_small(one: Found, height: float, width: float) -> bool:
    """Tell whether there is too little inside the image to learn from."""
    x1, y1, x2, y2 = clipped_box(one, height, width)
    return min(x2 - x1, y2 - y1) < LEAST_SIDE


def has_outline(one: Found) -> bool:
    """Tell whether an object has a polygon or run lengths."""
    outline = one.get("segmentation")
    if isinstance(outline, Mapping):
        return bool(outline.get("counts"))
    return isinstance(outline, Sequence) and any(len(polygon) >= _POLYGON for polygon in outline)


def has_keypoints(one: Found) -> bool:
    """Tell whether some keypoint of an object is known."""
    return any(value > 0 for value in (one.get("keypoints") or ())[2::3])


def labels_of(dataset: Dataset[Any]) -> dict[int, int]:
    """Return the labels of a data set's categories by their ids; 0 is the background."""
    categories = dataset.categories or ()
    return {number: label for label, number in enumerate(dataset.category_ids or range(len(categories)), 1)}


def scene_of(
    sample: ObjectsSample,
    image: Tensor,
    labels: Mapping[int, int],
    *,
    masks: bool = False,
    num_keypoints: int = 0,
    pairs: Sequence[int] | None = None,
) -> Scene:
    """Return an image with its objects, without crowds and without those of which hardly anything is inside.

    Args:
        sample: What is true of it.
        image: uint8 `(3, H, W)`.
        labels: By category id.
        masks: Whether to draw masks; objects without a pixel go.
        num_keypoints: How many each object has, K; 0 for none. Those of which none is known have K that are not there.
        pairs: As for `Scene`.

    Raises:
        DatasetError: The annotations are for an image of another size, or an outline cannot be drawn.
    """
    height, width = image.shape[-2:]
    if sample.height and (sample.height, sample.width) != (height, width):
        raise DatasetError(
            f"its annotations are for {sample.width} x {sample.height} pixels, and the image has {width} x {height}"
        )
    objects = [one for one in sample.objects if not is_crowd(one) and not is_too_small(one, height, width)]
    boxes = [clipped_box(one, height, width) for one in objects]
    scene = Scene(
        image=image,
        boxes=torch.tensor(boxes, dtype=torch.float32).view(-1, 4),
        labels=torch.tensor([labels[one["category_id"]] for one in objects], dtype=torch.int64),
        masks=_masks(objects, height, width) if masks else None,
        keypoints=_keypoints(objects, num_keypoints) if num_keypoints else None,
        pairs=pairs,
    )
    return scene if scene.masks is None else scene.chosen((scene.masks > 0).flatten(1).any(dim=1))


def _masks(objects: Sequence[Found], height: int, width: int) -> Tensor:
    masks = torch.zeros(len(objects), height, width, dtype=torch.uint8)
    for place, one in enumerate(objects):
        masks[place] = torch.from_numpy(draw_mask(one.get("segmentation") or [], height, width))
    return masks


def _keypoints(objects: Sequence[Found], count: int) -> Tensor:
    nothing = [0.0] * (3 * count)
    listed = [one.get("keypoints") or nothing for one in objects]
    return torch.tensor(listed, dtype=torch.float32).view(-1, count, 3)
