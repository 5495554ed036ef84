"""Which of many predictions become detections."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from zoo_detection import ops
from zoo_detection.foundation.precision import widen
from zoo_detection.foundation.sizes import smaller
from zoo_detection.foundation.tracing import is_tracing
from zoo_detection.ops.nms_by_matrix import kept_in_groups

Detections = dict[str, Tensor]
"""What is found in one image: `boxes` `(D, 4)`, `scores` `(D,)`, `labels` `(D,)`, the best first."""


class Limits(NamedTuple):
    """Which predictions become detections."""

    score_thresh: float
    """Scores must be above it."""
    nms_thresh: float
    """Boxes of one class may overlap by so much."""
    detections_per_img: int
    """The best detections of an image that are kept."""
    topk_candidates: int
    """The best predictions of each level, or class, that are looked at."""


class Candidates(NamedTuple):
    """Predictions that may become detections, of one image."""

    scores: Tensor
    """`(M,)`."""
    anchors: Tensor
    """Index of the anchor of each, `(M,)`."""
    labels: Tensor
    """`(M,)`."""


def best_of_level(
    logits: Tensor, least_score: float, limits: Limits, score: Callable[[Tensor, Tensor], Tensor]
) -> Candidates:
    """Find the predictions of one level, `(A, K)` for each anchor and class, with the highest scores, the best first.

    Only what may reach the threshold is scored: sigmoids of all would take longer than everything that follows. So the
    threshold is not applied exactly. `least_score` is what the sigmoid of a logit must be at least to reach it; `score`
    turns logits `(M,)` and the indices of their anchors `(M,)` into scores.
    """
    flat = logits.flatten()
    # Half precision rounds sigmoids by what a logit of 0.05 less would make of them, and near 1 by more.
    places = torch.where(flat > logit_of(min(least_score, 0.9)) - 0.05)[0]
    scores = score(flat[places], places // logits.shape[1])
    scores, order = scores.topk(smaller(limits.topk_candidates, scores.shape[0]))
    places = places[order]
    return Candidates(scores, places // logits.shape[1], places % logits.shape[1])


def best_of_classes(probabilities: Tensor, limits: Limits) -> Candidates:
    """Find the highest probabilities above the threshold, of `(A, K)`, for each class but the first, the background."""
    foreground = probabilities[:, 1:].t().contiguous()
    classes, anchors = torch.where(foreground > limits.score_thresh)
    if len(classes) == 0 or int(classes.bincount().max()) <= limits.topk_candidates:
        return Candidates(foreground[classes, anchors], anchors, classes + 1)
    scores, best = foreground.topk(min(limits.topk_candidates, foreground.shape[1]), dim=1)
    classes, ranks = torch.where(scores > limits.score_thresh)
    return Candidates(scores[classes, ranks], best[classes, ranks], classes + 1)


def detections_of_classes(probabilities: Tensor, boxes: Tensor, shape: tuple[int, int], limits: Limits) -> Detections:
    """Choose the detections of an image of a height and width, from probabilities `(A, K)` and decoded boxes `(A, 4)`.

    The first class is the background.
    """
    if is_tracing():
        return _detections_traced(probabilities, ops.clip_boxes_to_image(boxes, shape), limits)
    best = best_of_classes(probabilities, limits)
    return detections_of(best, boxes[best.anchors], shape, limits)


def _detections_traced(probabilities: Tensor, boxes: Tensor, limits: Limits) -> Detections:
    """Do the same with as many candidates of each class, whatever their scores: sizes are then known beforehand."""
    scores, best = probabilities[:, 1:].t().topk(min(limits.topk_candidates, probabilities.shape[0]), dim=1)
    kept = kept_in_groups(widen(boxes[best]), limits.nms_thresh) & (scores > limits.score_thresh)
    classes, ranks = torch.where(kept)
    found = scores[classes, ranks]
    order = found.sort(descending=True)[1][: limits.detections_per_img]
    classes, ranks = classes[order], ranks[order]
    return {"boxes": boxes[best[classes, ranks]], "scores": found[order], "labels": classes + 1}


def joined(levels: Sequence[Candidates], *columns: Sequence[Tensor]) -> tuple[Candidates, list[Tensor]]:
    """Join the candidates of levels, and what there is for their anchors.

    Args:
        levels: The candidates, whose anchors count from 0 in each level.
        columns: Of each something for all anchors of each level, `(A_l, ...)`.

    Returns:
        The candidates, whose anchors count from 0 in each level still, and of each of the `columns` `(M, ...)`.
    """
    together = Candidates(*(torch.cat(parts) for parts in zip(*levels, strict=True)))
    chosen = [
        torch.cat([rows[level.anchors] for rows, level in zip(column, levels, strict=True)]) for column in columns
    ]
    return together, chosen


def detections_of(candidates: Candidates, boxes: Tensor, shape: tuple[int, int], limits: Limits) -> Detections:
    """Clip the decoded boxes `(M, 4)` of candidates to an image of a height and width, and suppress what overlaps.

    That is what overlaps with better candidates of its class.
    """
    boxes = ops.clip_boxes_to_image(boxes, shape)
    kept = ops.batched_nms(boxes, candidates.scores, candidates.labels, limits.nms_thresh)[: limits.detections_per_img]
    return {"boxes": boxes[kept], "scores": candidates.scores[kept], "labels": candidates.labels[kept]}


def above(candidates: Candidates, columns: Sequence[Tensor], threshold: float) -> tuple[Candidates, list[Tensor]]:
    """Return those of the candidates, and of what there is for each, whose scores are above a threshold."""
    kept = torch.where(candidates.scores > threshold)[0]
    return Candidates(*(column[kept] for column in candidates)), [column[kept] for column in columns]


def logit_of(probability: float) -> float:
    """Return what the sigmoid is of; minus infinity for 0."""
    return math.log(probability / (1 - probability)) if probability > 0 else -math.inf
