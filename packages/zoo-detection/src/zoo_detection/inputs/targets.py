"""Checks of what detectors are trained with: errors name the image and the box."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


class TargetError(ValueError, AssertionError):
    """A target is not what a detector can be trained with. Torchvision raises an `AssertionError` for most of these."""


class LabelError(TargetError, IndexError):
    """A label is not one of a detector's classes. Torchvision raises an `IndexError`."""


def check_targets(targets: Sequence[Mapping[str, Tensor]] | None, images: Sequence[Tensor]) -> list[dict[str, Tensor]]:
    """Check the `boxes` of targets, `(N, 4)` as x1, y1, x2, y2 in pixels, and their `labels`, `(N,)`; convert integers.

    Returns:
        The targets as detectors compute with them, see `in_types_to_train_with`; the tensors that are so already are
        not copied.

    Raises:
        TargetError: There is not a target for each image, something is missing or of another shape, or a box is not
            finite, or of no width or height. The message says of which image and box.
        TypeError: Boxes are no numbers, or labels no integers.
    """
    if targets is None:
        raise TargetError("targets should not be none when in training mode")
    if len(targets) != len(images):
        raise TargetError(f"Expected a target for each of {len(images)} images, found {len(targets)}")
    for index, target in enumerate(targets):
        _check_forms(index, target)
    converted = in_types_to_train_with(targets)
    _check_boxes([target["boxes"] for target in converted])
    return converted


def _check_forms(index: int, target: Mapping[str, Tensor]) -> None:
    boxes = tensor_of(target, "boxes", index)
    if boxes.dim() != 2 or boxes.shape[1] != 4:
        raise TargetError(
            f"Expected target boxes to be a tensor of shape [N, 4], got {boxes.shape} for target at index {index}."
        )
    labels = tensor_of(target, "labels", index)
    if labels.shape != boxes.shape[:1]:
        raise TargetError(
            f"Expected a label for each of {len(boxes)} boxes, got labels of shape {labels.shape} "
            f"for target at index {index}."
        )


def in_types_to_train_with(targets: Sequence[Mapping[str, Tensor]]) -> list[dict[str, Tensor]]:
    """Return targets with integer boxes and keypoints as float32, and labels of any integers as int64; all else as is.

    Raises:
        TypeError: Boxes or keypoints are no numbers, or labels no integers.
        TargetError: An integer is too large for float32 to hold.
    """
    return [_converted(index, target) for index, target in enumerate(targets)]


def _converted(index: int, target: Mapping[str, Tensor]) -> dict[str, Tensor]:
    converted = dict(target)
    for key in ("boxes", "keypoints"):
        if isinstance(target.get(key), Tensor) and not target[key].is_floating_point():
            converted[key] = _as_float(key, target[key], index)
    labels = tensor_of(target, "labels", index)
    if not _is_integer(labels):
        raise TypeError(
            f"target labels must of int64 type, instead got {labels.dtype} for target at index {index}: "
            "they are numbers of classes, labels.long() makes them so"
        )
    converted["labels"] = labels.long()
    return converted


def _as_float(key: str, numbers: Tensor, index: int) -> Tensor:
    if not _is_integer(numbers):
        raise TypeError(f"target {key} must of float type, instead got {numbers.dtype} for target at index {index}")
    converted = numbers.float()
    if numbers.dtype.itemsize > 2 and not torch.equal(converted.long(), numbers.long()):
        raise TargetError(
            f"Expected target {key} that float32 holds, found integers as large as {int(numbers.long().abs().max())} "
            f"for target at index {index}: are they pixels?"
        )
    return converted


def _is_integer(numbers: Tensor) -> bool:
    return not (numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool)


def tensor_of(target: Mapping[str, Tensor], key: str, index: int) -> Tensor:
    """Return a tensor of the target at an index, or raise `TargetError` if it has none of that name."""
    if key not in target:
        raise TargetError(f"Every element of targets should have a {key} key: the target at index {index} has none")
    if not isinstance(target[key], Tensor):
        raise TargetError(
            f"Expected target {key} to be of type Tensor, got {type(target[key])} for target at index {index}."
        )
    return target[key]


def _check_boxes(boxes: Sequence[Tensor]) -> None:
    together = torch.cat(list(boxes))
    good = (together[:, 2:] > together[:, :2]).all(1) & together.isfinite().all(1)
    if not bool(good.all()):
        position = int(good.logical_not().nonzero()[0])
        image, row = _locate(position, boxes)
        raise TargetError(
            "All bounding boxes should have positive height and width, and finite corners. "
            f"Found invalid box {together[position].tolist()} at row {row} for target at index {image}."
        )


def check_labels(labels: Sequence[Tensor], num_classes: int, *, least: int = 1) -> None:
    """Check that labels, `(N,)` for each image, are from `least`, 1 where 0 is the background, below `num_classes`.

    Raises:
        LabelError: One of them is not; the message says of which image and box.
    """
    together = torch.cat(list(labels))
    good = (together >= least) & (together < num_classes)
    if not bool(good.all()):
        position = int(good.logical_not().nonzero()[0])
        image, row = _locate(position, labels)
        background = " (0 is the background)" if least == 1 else ""
        raise LabelError(
            f"Expected labels from {least} to {num_classes - 1}{background}: found {int(together[position])} "
            f"for the box at row {row} for target at index {image}. num_classes tells how many classes there are."
        )


def _locate(position: int, tensors: Sequence[Tensor]) -> tuple[int, int]:
    """Return in which of the concatenated tensors a row is, and where there."""
    for index, tensor in enumerate(tensors):
        if position < len(tensor):
            return index, position
        position -= len(tensor)
    raise IndexError(position)


def check_masks(targets: Sequence[Mapping[str, Tensor]], images: Sequence[Tensor]) -> None:
    """Check that each target has `masks`, `(N, H, W)` for N boxes on an image of H x W pixels.

    Raises:
        TargetError: It has not; the message says of which image.
    """
    for index, (target, image) in enumerate(zip(targets, images, strict=True)):
        masks = tensor_of(target, "masks", index)
        expected = (len(target["boxes"]), *image.shape[-2:])
        if tuple(masks.shape) != expected:
            raise TargetError(
                "Expected a mask of the size of the image for each box: target masks of shape [N, H, W], "
                f"here {list(expected)}, got {list(masks.shape)} for target at index {index}."
            )


def check_keypoints(targets: Sequence[Mapping[str, Tensor]]) -> None:
    """Check that each target has `keypoints`, `(N, K, 3)` for N boxes: x, y and visibility.

    Raises:
        TargetError: It has not; the message says of which image.
    """
    for index, target in enumerate(targets):
        keypoints = tensor_of(target, "keypoints", index)
        if keypoints.dim() != 3 or keypoints.shape[0] != len(target["boxes"]) or keypoints.shape[2] != 3:
            raise TargetError(
                f"Expected target keypoints of shape [{len(target['boxes'])}, K, 3]: x, y and visibility of K "
                f"keypoints for each box, got {list(keypoints.shape)} for target at index {index}."
            )
