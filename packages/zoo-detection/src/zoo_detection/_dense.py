"""What detectors of one stage have in common: they predict at every anchor of every level, and choose."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from . import ops
from ._anchors import AnchorGenerator, DefaultBoxGenerator, require_prediction_for_each_anchor
from ._matching import BELOW_LOW_THRESHOLD, Matcher
from ._symbols import smaller
from ._targets import check_labels, check_targets
from ._transform import GeneralizedRCNNTransform, Target
from .ops._boxes import widen
from .ops._nms_traced import kept_in_groups
from .ops._tracing import is_tracing

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


class DenseDetector(nn.Module, ABC):
    """The course of every one-stage detector: transform, backbone, head, anchors, then losses or detections.

    Args:
        backbone: Makes of images `(N, C, H, W)` an ordered dictionary of levels, the finest first, or one tensor.
        anchor_generator: Makes the anchors of a batch of images and its levels.
        head: Makes of the list of levels a dictionary of predictions, among them `cls_logits`.
        transform: Prepares images and targets, and undoes that in detections.
        limits: Which predictions become detections. They become attributes that may be changed.
    """

    least_label = 0
    """The lowest label that a box may have in training."""

    def __init__(
        self,
        backbone: nn.Module,
        anchor_generator: AnchorGenerator | DefaultBoxGenerator,
        head: nn.Module,
        transform: GeneralizedRCNNTransform,
        limits: Limits,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.anchor_generator: AnchorGenerator | DefaultBoxGenerator = anchor_generator
        self.head = head
        self.transform = transform
        self.score_thresh, self.nms_thresh, self.detections_per_img, self.topk_candidates = limits

    @property
    def limits(self) -> Limits:
        """Which predictions become detections; from attributes that may be changed."""
        return Limits(self.score_thresh, self.nms_thresh, self.detections_per_img, self.topk_candidates)

    def forward(
        self, images: Sequence[Tensor], targets: Sequence[Target] | None = None
    ) -> dict[str, Tensor] | list[Detections]:
        """Detect objects, or compute the losses.

        Args:
            images: Each `(C, H, W)` in [0, 1], of any size.
            targets: In training, for each image `boxes` `(N, 4)` as x1, y1, x2, y2 in pixels, and `labels` `(N,)`.

        Returns:
            In training the losses by name; in evaluation, for each image, `boxes` `(D, 4)`, `scores` and `labels`, the
            best first.

        Raises:
            TargetError: In training: a target is not as described; the message says where.
            ValueError: An image is not as described; or the head predicts for more or fewer anchors than there are.
        """
        if self.training:
            self._check(images, targets)
        original_sizes = [(image.shape[-2], image.shape[-1]) for image in images]
        batch, resized_targets = self.transform(images, targets)
        features = _levels(self.backbone(batch.tensors))
        outputs = self.head(features)
        anchors = self.anchor_generator(batch, features)
        sizes = self._anchors_per_level(features)
        if not is_tracing():
            require_prediction_for_each_anchor(outputs["cls_logits"].shape[1], sum(sizes))
        if self.training:
            return self.compute_loss(resized_targets, outputs, anchors, sizes)
        detections = self.postprocess_detections(outputs, anchors, batch.image_sizes, sizes)
        return self.transform.postprocess(detections, batch.image_sizes, original_sizes)

    @abstractmethod
    def compute_loss(
        self,
        targets: Sequence[Target],
        head_outputs: Mapping[str, Tensor],
        anchors: Sequence[Tensor],
        num_anchors_per_level: Sequence[int],
    ) -> dict[str, Tensor]:
        """Return the losses by name, for targets in the transform's coordinates and predictions of all levels."""

    @abstractmethod
    def postprocess_detections(
        self,
        head_outputs: Mapping[str, Tensor],
        anchors: Sequence[Tensor],
        image_shapes: Sequence[tuple[int, int]],
        num_anchors_per_level: Sequence[int],
    ) -> list[Detections]:
        """Choose the detections of each image, in the transform's coordinates."""

    def _check(self, images: Sequence[Tensor], targets: Sequence[Target] | None) -> None:
        check_targets(targets, images)
        num_classes = getattr(getattr(self.head, "classification_head", None), "num_classes", None)
        if targets and num_classes is not None:  # a head of the user's own may not tell
            check_labels([target["labels"] for target in targets], num_classes, least=self.least_label)

    def _anchors_per_level(self, features: Sequence[Tensor]) -> list[int]:
        per_location = self.anchor_generator.num_anchors_per_location()
        return [
            level.shape[-2] * level.shape[-1] * number for level, number in zip(features, per_location, strict=True)
        ]


def _levels(features: Tensor | Mapping[str, Tensor]) -> list[Tensor]:
    return [features] if isinstance(features, Tensor) else list(features.values())


def set_prior(convolution: nn.Conv2d, probability: float) -> None:
    """Let every score of a new network be rare, so that the many anchors do not drown the few (section 3.3)."""
    assert convolution.bias is not None
    nn.init.constant_(convolution.bias, _logit(probability))


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
    """Find the predictions of one level with the highest scores.

    Only what may reach the threshold is scored: sigmoids of all would take longer than everything that follows.

    Args:
        logits: `(A, K)` for each anchor and class.
        least_score: What the sigmoid of a logit must be at least so that its score can be above the threshold.
        limits: Its threshold is not applied exactly.
        score: Turns logits `(M,)` and the indices of their anchors `(M,)` into scores.

    Returns:
        The candidates, the best first.
    """
    flat = logits.flatten()
    # Half precision rounds sigmoids by what a logit of 0.05 less would make of them, and near 1 by more.
    places = torch.where(flat > _logit(min(least_score, 0.9)) - 0.05)[0]
    scores = score(flat[places], places // logits.shape[1])
    scores, order = scores.topk(smaller(limits.topk_candidates, scores.shape[0]))
    places = places[order]
    return Candidates(scores, places // logits.shape[1], places % logits.shape[1])


def best_of_classes(probabilities: Tensor, limits: Limits) -> Candidates:
    """Find the predictions with the highest scores of each class, of those above the threshold.

    Args:
        probabilities: `(A, K)`, the first class being the background, which is left out.
        limits: The threshold, and how many of a class.
    """
    foreground = probabilities[:, 1:].t().contiguous()
    classes, anchors = torch.where(foreground > limits.score_thresh)
    if len(classes) == 0 or int(classes.bincount().max()) <= limits.topk_candidates:
        return Candidates(foreground[classes, anchors], anchors, classes + 1)
    scores, best = foreground.topk(min(limits.topk_candidates, foreground.shape[1]), dim=1)
    classes, ranks = torch.where(scores > limits.score_thresh)
    return Candidates(scores[classes, ranks], best[classes, ranks], classes + 1)


def detections_of_classes(probabilities: Tensor, boxes: Tensor, shape: tuple[int, int], limits: Limits) -> Detections:
    """Choose the detections of an image from the probabilities of all classes.

    Args:
        probabilities: `(A, K)`, the first class being the background.
        boxes: Decoded, `(A, 4)`.
        shape: Height and width of the image.
        limits: What is kept.
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


def joined(levels: Sequence[Candidates], sizes: Sequence[int]) -> Candidates:
    """Join the candidates of levels that have so many anchors each, into those of all anchors."""
    starts = [sum(sizes[:level]) for level in range(len(sizes))]
    return Candidates(
        torch.cat([level.scores for level in levels]),
        torch.cat([level.anchors + start for level, start in zip(levels, starts, strict=True)]),
        torch.cat([level.labels for level in levels]),
    )


def detections_of(candidates: Candidates, boxes: Tensor, shape: tuple[int, int], limits: Limits) -> Detections:
    """Suppress candidates that overlap with better ones of their class.

    Args:
        candidates: M of them.
        boxes: Decoded, `(M, 4)`; clipped here to the image.
        shape: Its height and width.
        limits: What is kept.
    """
    boxes = ops.clip_boxes_to_image(boxes, shape)
    kept = ops.batched_nms(boxes, candidates.scores, candidates.labels, limits.nms_thresh)[: limits.detections_per_img]
    return {"boxes": boxes[kept], "scores": candidates.scores[kept], "labels": candidates.labels[kept]}


def above(candidates: Candidates, threshold: float) -> Candidates:
    """Return those of the candidates whose scores are above a threshold."""
    kept = torch.where(candidates.scores > threshold)[0]
    return Candidates(*(column[kept] for column in candidates))


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability)) if probability > 0 else -math.inf


def match_all(matcher: Matcher, targets: Sequence[Target], anchors: Sequence[Tensor]) -> list[Tensor]:
    """Match the anchors of each image with its boxes; in an image without boxes they are all background."""
    return [
        matcher(ops.box_iou(target["boxes"], places))
        if len(target["boxes"])
        else places.new_full((len(places),), BELOW_LOW_THRESHOLD, dtype=torch.int64)
        for target, places in zip(targets, anchors, strict=True)
    ]
