"""How good detections are: average precision.

Tsung-Yi Lin, Michael Maire, Serge Belongie, Lubomir Bourdev, Ross Girshick, James Hays, Pietro Perona, Deva Ramanan, C.
Lawrence Zitnick, Piotr Dollár: Microsoft COCO: Common Objects in Context, 2014, arXiv:1405.0312, with the mean over ten
overlaps that its challenges rank by. Of their tool this leaves out crowds and the classes of small, medium and large
objects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from .ops import box_iou

THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))
"""The overlaps that are asked for, one after the other."""
_RECALLS = 101
"""At how many recalls, evenly spaced, precision is read."""


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """Average precision, in [0, 1].

    Args:
        mean: Over classes and overlaps.
        at: Over classes, by overlap.
        of_class: Over overlaps, by class; only classes that occur in the targets.
    """

    mean: float
    at: dict[float, float]
    of_class: dict[int, float]


def average_precision(
    detections: Sequence[Mapping[str, Tensor]],
    targets: Sequence[Mapping[str, Tensor]],
    *,
    overlap: Literal["boxes", "masks"] = "boxes",
    thresholds: Sequence[float] = THRESHOLDS,
    most: int = 100,
) -> AveragePrecision:
    """Compare detections with what is true.

    Args:
        detections: For each image `boxes` `(D, 4)`, `labels` `(D,)`, `scores` `(D,)`, and `masks` `(D, 1, H, W)`,
            probabilities, where masks are compared.
        targets: For each image `boxes` `(N, 4)`, `labels` `(N,)`, and `masks` `(N, H, W)`.
        overlap: What to compare: the intersection of boxes, or of masks, over their union.
        thresholds: From which overlap on a detection counts as right.
        most: How many detections of a class in an image to look at, the most probable.

    Raises:
        ValueError: There are not as many images of one as of the other, or there is no true object at all.

    Example:
        >>> box = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
        >>> target = {"boxes": box, "labels": torch.tensor([1])}
        >>> average_precision([target | {"boxes": box + 1, "scores": torch.tensor([0.9])}], [target]).mean
        0.4
    """
    if len(detections) != len(targets):
        raise ValueError(f"Expected detections of {len(targets)} images, as there are targets, found {len(detections)}")
    detections, targets = (
        [{name: value.cpu() for name, value in one.items()} for one in of] for of in (detections, targets)
    )
    true_labels = torch.cat([target["labels"] for target in targets]) if targets else torch.zeros(0)
    if len(true_labels) == 0:
        raise ValueError("Average precision needs true objects, found none in any image.")
    limits = torch.tensor(tuple(thresholds), dtype=torch.float64)
    best = [_most_probable(found, most) for found in detections]
    hits = torch.cat(
        [
            _hits(found, target, order, limits, overlap)
            for found, target, order in zip(detections, targets, best, strict=True)
        ],
        dim=1,
    )
    scores = torch.cat([found["scores"][order] for found, order in zip(detections, best, strict=True)])
    labels = torch.cat([found["labels"][order] for found, order in zip(detections, best, strict=True)])
    order = scores.argsort(descending=True, stable=True)
    hits, labels = hits[:, order], labels[order]
    classes = sorted(set(true_labels.tolist()))
    table = torch.stack(
        [_precision(hits[:, labels == label], int((true_labels == label).sum())) for label in classes], dim=1
    )
    return AveragePrecision(
        table.mean().item(),
        dict(zip(thresholds, table.mean(dim=1).tolist(), strict=True)),
        dict(zip(classes, table.mean(dim=0).tolist(), strict=True)),
    )


def _most_probable(found: Mapping[str, Tensor], most: int) -> Tensor:
    """Return the indices of an image's detections, the most probable first, of each class so many at most."""
    order = found["scores"].argsort(descending=True, stable=True)
    labels = found["labels"][order]
    before = (labels[:, None] == labels).tril(-1).sum(dim=1)
    return order[before < most]


def _hits(
    found: Mapping[str, Tensor], target: Mapping[str, Tensor], order: Tensor, limits: Tensor, overlap: str
) -> Tensor:
    """Tell of one image's detections, the most probable first, which are right at each limit, `(T, D)`.

    Each takes the true object of its class that it overlaps with most, of those that no more probable one has taken.
    """
    if overlap == "masks":
        overlaps = mask_iou(found["masks"][order][:, 0] > 0.5, target["masks"] > 0)
    else:
        overlaps = box_iou(found["boxes"][order].double(), target["boxes"].double())
    same = found["labels"][order][:, None] == target["labels"]
    overlaps = torch.where(same, overlaps.double(), -1.0)
    free = torch.ones(len(limits), len(target["labels"]), dtype=torch.bool)
    hits = torch.zeros(len(limits), len(order), dtype=torch.bool)
    if free.shape[1] == 0:
        return hits
    rows = torch.arange(len(limits))
    for index, row in enumerate(overlaps):
        value, match = torch.where(free, row, -1.0).max(dim=1)
        hits[:, index] = value >= limits
        free[rows, match] &= ~hits[:, index]
    return hits


def mask_iou(masks: Tensor, others: Tensor) -> Tensor:
    """Return the intersection over union of each of `masks` `(N, H, W)` with each of `others` `(M, H, W)`: `(N, M)`."""
    first, second = masks.flatten(1).double(), others.flatten(1).double()
    intersection = first @ second.T
    union = first.sum(dim=1)[:, None] + second.sum(dim=1) - intersection
    return intersection / union.clamp(min=1)


def _precision(hits: Tensor, number: int) -> Tensor:
    """Return the mean precision `(T,)` over recalls, of detections that are right or not, `(T, D)`, the best first."""
    right = hits.double().cumsum(dim=1)
    precision = right / torch.arange(1, hits.shape[1] + 1, dtype=torch.float64)
    precision = precision.flip(1).cummax(dim=1).values.flip(1) if hits.shape[1] else precision
    precision = torch.cat([precision, torch.zeros(len(hits), 1, dtype=torch.float64)], dim=1)  # recalls never reached
    recalls = torch.linspace(0, 1, _RECALLS, dtype=torch.float64).expand(len(hits), -1).contiguous()
    places = torch.searchsorted((right / number).contiguous(), recalls)
    return precision.gather(1, places).mean(dim=1)
