"""What is wrong with the objects of a data set, said before a long training."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from math import inf
from typing import Any

from zoo_evaluation import Dataset
from zoo_evaluation.datasets import DatasetError, ObjectsSample

from ._objects import Found, clipped_box, has_keypoints, has_outline, is_crowd, is_too_small

_TOLERANCE = 1.0
"""By how many pixels a box may reach beyond its image without a word, as rounding does."""
_MOST_OUTSIDE = 0.5
"""Of which share of boxes beyond their images they are not boxes of these images."""
_SHOWN = 3


def check_objects(train: Dataset[Any], held_out: Dataset[Any]) -> list[str]:
    """Look at boxes and classes.

    Returns:
        What people should know.

    Raises:
        DatasetError: There is nothing to learn, or to measure with; or the boxes cannot be right.
    """
    for dataset, what in ((train, "trained on"), (held_out, "measured with")):
        if not any(True for _ in _learnt(dataset)):
            raise DatasetError(
                f"{dataset.root} has no objects in the {len(dataset)} images that are {what}: expected some of "
                f"{', '.join((dataset.categories or ())[:5])}."
            )
    notes = [*_boxes_outside(train), *_boxes_too_small(train), *_unused_classes(train, held_out)]
    empty = sum(not sample.objects for sample in train)
    return [*notes, *([f"{empty} images without objects are trained on, too."] if empty else [])]


def require_outlines(train: Dataset[Any], held_out: Dataset[Any]) -> None:
    """Refuse data sets with objects that have no masks.

    Of those to measure with, crowds and tiny objects count, too: COCO's tools need the outlines of all.

    Raises:
        DatasetError: It names the images.
    """
    everything = ((sample, one) for sample in held_out for one in sample.objects)
    for dataset, objects, what in (
        (train, _learnt(train), "learn masks from"),
        (held_out, everything, "measure masks with"),
    ):
        missing = [sample.name for sample, one in objects if not has_outline(one)]
        if missing:
            raise DatasetError(
                f"{dataset.root}: {len(missing)} objects have no outline to {what} (segmentation: a polygon or run "
                f"lengths), in {_names(missing)}. Add them, or choose a model of boxes alone, such as "
                "fasterrcnn_resnet50_fpn."
            )


def count_keypoints(dataset: Dataset[Any]) -> int:
    """Return how many keypoints objects have.

    Raises:
        DatasetError: They have none, or not all as many.
    """
    counts = Counter(len(one["keypoints"]) / 3 for _, one in _learnt(dataset) if one.get("keypoints"))
    if len(counts) > 1 or not all(count.is_integer() for count in counts):
        told = ", ".join(f"{count:g}" for count in sorted(counts))
        raise DatasetError(
            f"{dataset.root} has objects with {told} keypoints: expected as many for each object, as x, y and "
            "visibility (0 for those that are not marked)."
        )
    if not counts or not any(has_keypoints(one) for _, one in _learnt(dataset)):
        raise DatasetError(
            f"{dataset.root} has no keypoints to learn: expected objects with `keypoints`, as x, y and visibility for "
            "each. Choose a model of boxes or masks for it."
        )
    return int(next(iter(counts)))


def _learnt(dataset: Dataset[Any]) -> Iterator[tuple[ObjectsSample, Found]]:
    """Yield the objects that are trained on."""
    for sample in dataset:
        for one in sample.objects:
            if not is_crowd(one) and not is_too_small(one, sample.height or inf, sample.width or inf):
                yield sample, one


def _boxes_outside(dataset: Dataset[Any]) -> list[str]:
    """Tell of boxes that reach beyond their image.

    Raises:
        DatasetError: Most do.
    """
    boxes = [(sample, one) for sample in dataset if sample.height for one in sample.objects]
    outside = [sample.name for sample, one in boxes if _reaches(sample, one)]
    if len(outside) > _MOST_OUTSIDE * len(boxes):
        raise DatasetError(
            f"{dataset.root}: {len(outside)} of {len(boxes)} boxes reach beyond their images, in {_names(outside)}. "
            "Expected x, y, width and height in pixels: are they corners, or of images of another size?"
        )
    return [f"{len(outside)} boxes reach beyond their images, and are cut there: in {_names(outside)}."] * bool(outside)


def _reaches(sample: ObjectsSample, one: Found) -> bool:
    x, y, across, down = one["bbox"]
    inside = clipped_box(one, sample.height, sample.width)
    sides = zip(inside, (x, y, x + across, y + down), strict=True)
    return any(abs(cut - side) > _TOLERANCE for cut, side in sides)


def _boxes_too_small(dataset: Dataset[Any]) -> list[str]:
    small = [
        sample.name
        for sample in dataset
        for one in sample.objects
        if is_too_small(one, sample.height or inf, sample.width or inf)
    ]
    if not small:
        return []
    return [f"{len(small)} boxes have less than a pixel inside their images, and are left out: in {_names(small)}."]


def _unused_classes(train: Dataset[Any], held_out: Dataset[Any]) -> list[str]:
    notes = []
    for dataset, what in ((train, "to train on"), (held_out, "to measure with")):
        used = {one["category_id"] for _, one in _learnt(dataset)}
        names = dataset.categories or ()
        ids: Sequence[int] = dataset.category_ids or range(len(names))
        unused = [name for number, name in zip(ids, names, strict=True) if number not in used]
        if unused:
            notes.append(f"There are no objects {what} of {_names(unused)}.")
    return notes


def _names(found: Iterable[str]) -> str:
    listed = list(dict.fromkeys(found))
    return ", ".join(listed[:_SHOWN]) + (", and so on" if len(listed) > _SHOWN else "")
