"""How good detections are: average precision and recall as COCO counts them.

The numbers are those of `zoo_evaluation.metrics.coco_metrics`, and so of pycocotools. The package zoo-evaluation is
needed, and is imported when it is called: `pip install zoo-detection[evaluation]`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from .coco_format import RunLengths

THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
"""The overlaps that are asked for, one after the other."""

Overlap: TypeAlias = Literal["boxes", "masks", "keypoints"]
_KINDS: Mapping[Overlap, Literal["bbox", "segm", "keypoints"]] = {
    "boxes": "bbox",
    "masks": "segm",
    "keypoints": "keypoints",
}


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """Average precision, in [0, 1].

    Args:
        mean: Over classes and overlaps.
        at: Over classes, by overlap.
        of_class: Over overlaps, by class; only classes that occur in the targets, other than in crowds.
        numbers: COCO's numbers: `map`, `map_50`, `map_75`, `map_small` and so on, and recall as `mar_1`, `mar_10`,
            `mar_100`, `mar_small` and so on; those that some object decides.
    """

    mean: float
    at: dict[float, float]
    of_class: dict[int, float]
    numbers: dict[str, float] = field(default_factory=dict)


def average_precision(
    detections: Sequence[Mapping[str, Tensor]],
    targets: Sequence[Mapping[str, Tensor]],
    *,
    overlap: Overlap = "boxes",
    thresholds: Sequence[float] = THRESHOLDS,
    most: int | None = None,
) -> AveragePrecision:
    """Compare detections with what is true, exactly as pycocotools does.

    Args:
        detections: For each image `labels` `(D,)`, `scores` `(D,)`, and what is compared: `boxes` `(D, 4)`, `masks`
            `(D, 1, H, W)`, probabilities, or `keypoints` `(D, K, 3)`.
        targets: For each image `boxes` `(N, 4)`, `labels` `(N,)`, and, where they are compared, `masks` `(N, H, W)` or
            `keypoints` `(N, K, 3)`, whose last number is above 0 where a point is known. `iscrowd` `(N,)` tells which
            are crowds, and `area` `(N,)` how large the objects are in square pixels; by default that of mask or box.
        overlap: What to compare: the intersection of boxes or of masks over their union, or keypoints by their distance
            and how exactly they can be known: COCO's 17, or any number of others alike.
        thresholds: From which overlap on a detection counts as right.
        most: How many detections of a class in an image to look at, the most probable; by default 100, and 20 for
            keypoints.

    Raises:
        ImportError: zoo-evaluation is not installed.
        ValueError: There are not as many images of one as of the other, or there is no true object at all.

    Example:
        >>> import torch
        >>> from zoo_detection.evaluation import average_precision
        >>> box = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
        >>> target = {"boxes": box, "labels": torch.tensor([1])}
        >>> found = average_precision([target | {"boxes": box + 1, "scores": torch.tensor([0.9])}], [target])
        >>> round(found.mean, 3)
        0.4
    """
    try:
        from zoo_evaluation.metrics import coco_metrics
    except ModuleNotFoundError as error:
        raise ImportError(
            "Average precision is computed by the package zoo-evaluation: pip install zoo-detection[evaluation]"
        ) from error

    if len(detections) != len(targets):
        raise ValueError(f"Expected detections of {len(targets)} images, as there are targets, found {len(detections)}")
    annotations = [one for image, target in enumerate(targets) for one in _true(image, target, overlap)]
    if all(one["iscrowd"] for one in annotations):
        raise ValueError("Average precision needs true objects, found none in any image.")
    classes = sorted({one["category_id"] for one in annotations})
    truth: dict[str, list[dict[str, Any]]] = {
        "images": [{"id": image, **_size(target)} for image, target in enumerate(targets)],
        "annotations": annotations,
        "categories": [{"id": label} for label in classes],
    }
    metrics = coco_metrics(
        truth,
        [one for image, found in enumerate(detections) for one in _found(image, found, overlap)],
        _KINDS[overlap],
        thresholds=thresholds,
        max_detections=_limits(overlap, most),
        sigmas=_sigmas(annotations) if overlap == "keypoints" else None,
    )
    table = metrics.precision[:, :, :, 0, -1].mean(axis=1)  # by overlap and class, -1 where no object decides
    known = (table > -1).all(axis=0)
    return AveragePrecision(
        metrics.numbers["map"],
        dict(zip(thresholds, table[:, known].mean(axis=1).tolist(), strict=True)),
        {label: value for label, value in zip(classes, table.mean(axis=0).tolist(), strict=True) if value > -1},
        {name: value for name, value in metrics.numbers.items() if value > -1},
    )


def _limits(overlap: Overlap, most: int | None) -> tuple[int, ...] | None:
    """Return how many detections count, as COCO asks: 1 and 10, too, if these are not more."""
    if most is None:
        return None
    return (most,) if overlap == "keypoints" else (*(fewer for fewer in (1, 10) if fewer < most), most)


def _size(target: Mapping[str, Tensor]) -> dict[str, int]:
    return {"height": target["masks"].shape[-2], "width": target["masks"].shape[-1]} if "masks" in target else {}


def _true(image: int, target: Mapping[str, Tensor], overlap: Overlap) -> Iterator[dict[str, Any]]:
    """Yield the true objects of an image as COCO's annotation files have them."""
    count = len(target["labels"])
    boxes, shapes = _boxes(target["boxes"]), _shapes(target, overlap)
    crowds = target["iscrowd"].tolist() if "iscrowd" in target else [0] * count
    if "area" in target:
        areas = target["area"].tolist()
    elif overlap == "masks":
        areas = (target["masks"] > 0).sum(dim=(1, 2)).tolist()
    else:
        areas = [width * height for _, _, width, height in boxes]
    for label, box, shape, crowd, area in zip(target["labels"].tolist(), boxes, shapes, crowds, areas, strict=True):
        common = {"image_id": image, "category_id": label, "bbox": box}
        yield {**common, "iscrowd": int(crowd), "area": area, **shape}


def _found(image: int, found: Mapping[str, Tensor], overlap: Overlap) -> Iterator[dict[str, Any]]:
    """Yield the detections of an image as COCO's result files have them."""
    shapes = ({"bbox": box} for box in _boxes(found["boxes"])) if overlap == "boxes" else _shapes(found, overlap)
    for label, score, shape in zip(found["labels"].tolist(), found["scores"].tolist(), shapes, strict=True):
        yield {"image_id": image, "category_id": label, "score": score, **shape}


def _boxes(boxes: Tensor) -> list[list[float]]:
    """Return boxes `(N, 4)` as x, y, width and height."""
    corners = boxes.cpu().double()
    found: list[list[float]] = torch.cat([corners[:, :2], corners[:, 2:] - corners[:, :2]], dim=1).tolist()
    return found


def _shapes(one: Mapping[str, Tensor], overlap: Overlap) -> list[dict[str, Any]]:
    """Return masks or keypoints of each object; nothing of boxes."""
    if overlap == "masks":
        masks = one["masks"].cpu()
        masks = masks[:, 0] > 0.5 if masks.ndim == 4 else masks > 0
        return [{"segmentation": RunLengths.of_mask(mask).to_dict()} for mask in masks]
    if overlap == "keypoints":
        return [{"keypoints": points} for points in one["keypoints"].cpu().double().flatten(1).tolist()]
    return [{} for _ in range(len(one["labels"]))]


def _sigmas(annotations: Sequence[Mapping[str, Any]]) -> list[float] | None:
    """Return how exactly keypoints can be known, if there are others than COCO's 17: all of them alike."""
    count = len(annotations[0]["keypoints"]) // 3
    return None if count == 17 else [1 / count] * count
