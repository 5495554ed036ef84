"""What happens to proposals: they are classified, moved, and get masks and keypoints.

Ross Girshick: Fast R-CNN, 2015, arXiv:1504.08083, section 2; Kaiming He, Georgia Gkioxari, Piotr Dollár, Ross Girshick:
Mask R-CNN, 2017, arXiv:1703.06870, section 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_detection.boxes.coding import BoxCoder
from zoo_detection.boxes.matching import BELOW_LOW_THRESHOLD, BETWEEN_THRESHOLDS, Matcher, boxes_of, match_boxes
from zoo_detection.boxes.sampling import BalancedPositiveNegativeSampler
from zoo_detection.foundation.precision import widen
from zoo_detection.foundation.sizes import larger
from zoo_detection.foundation.tracing import is_tracing
from zoo_detection.inputs.targets import TargetError, check_keypoints, check_labels, in_types_to_train_with, tensor_of
from zoo_detection.inputs.transform import Target
from zoo_detection.keypoints.heatmaps import heatmaps_to_keypoints
from zoo_detection.keypoints.loss import keypoint_loss
from zoo_detection.masks.loss import mask_loss, mask_probabilities
from zoo_detection.ops import batched_nms, box_iou, clip_boxes_to_image, remove_small_boxes

from .rpn import BETA

_LEAST_SIDE = 1e-2
"""Width and height in pixels that a detection must have."""

_PARTS = ("roi_pool", "head", "predictor")
"""Of each kind of detections."""

ImageSizes = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Samples:
    """The proposals of each image that a step of training looks at, and what they should become.

    Args:
        proposals: Boxes `(P, 4)`.
        matches: Indices `(P,)` of the true objects.
        labels: Classes `(P,)`, 0 for background.
        regression_targets: Codes `(P, 4)` of the true boxes.
    """

    proposals: list[Tensor]
    matches: list[Tensor]
    labels: list[Tensor]
    regression_targets: list[Tensor]

    def positives(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return proposals and matches of those that are no background."""
        chosen = [label > 0 for label in self.labels]
        proposals = [boxes[positive] for boxes, positive in zip(self.proposals, chosen, strict=True)]
        return proposals, [match[positive] for match, positive in zip(self.matches, chosen, strict=True)]


class RoIHeads(nn.Module):
    """Turns proposals into detections, and in training into losses.

    Each of boxes, masks and keypoints has a pooling of features, a head, and a predictor; masks and keypoints are
    optional. Subclasses may override each step: `check_targets`, `add_gt_proposals`, `assign_targets_to_proposals`,
    `subsample`, `select_training_samples` and `postprocess_detections`; the attributes `box_coder`, `box_similarity`,
    `proposal_matcher` and `fg_bg_sampler` may be others.

    Args:
        box_roi_pool: Called with levels, boxes and image sizes; gives features `(P, C, h, w)`.
        box_head: Turns them into `(P, F)`.
        box_predictor: Turns these into logits `(P, classes)` and codes `(P, 4 * classes)`.
        fg_iou_thresh: Overlap with a true box from which a proposal is trained to find it.
        bg_iou_thresh: Overlap below which it is trained to be background.
        batch_size_per_image: Proposals drawn from each image for the losses.
        positive_fraction: Greatest share of them that finds objects.
        bbox_reg_weights: What the codes are multiplied by; (10, 10, 5, 5) if not given.
        score_thresh: Probability that a detection must exceed.
        nms_thresh: Overlap above which the less probable one of two detections of a class goes.
        detections_per_img: How many detections of an image to return, the most probable.
        mask_roi_pool, mask_head, keypoint_roi_pool, keypoint_head: Likewise.
        mask_predictor: Gives logits `(P, classes, M, M)`.
        keypoint_predictor: Gives logits `(P, K, M, M)`.
    """

    def __init__(
        self,
        box_roi_pool: nn.Module,
        box_head: nn.Module,
        box_predictor: nn.Module,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        bbox_reg_weights: tuple[float, float, float, float] | None,
        score_thresh: float,
        nms_thresh: float,
        detections_per_img: int,
        mask_roi_pool: nn.Module | None = None,
        mask_head: nn.Module | None = None,
        mask_predictor: nn.Module | None = None,
        keypoint_roi_pool: nn.Module | None = None,
        keypoint_head: nn.Module | None = None,
        keypoint_predictor: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.box_similarity = box_iou
        self.proposal_matcher = Matcher(fg_iou_thresh, bg_iou_thresh)
        self.fg_bg_sampler = BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self.box_coder = BoxCoder(bbox_reg_weights or (10.0, 10.0, 5.0, 5.0))
        self.box_roi_pool = box_roi_pool
        self.box_head = box_head
        self.box_predictor = box_predictor
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.mask_roi_pool = mask_roi_pool
        self.mask_head = mask_head
        self.mask_predictor = mask_predictor
        self.keypoint_roi_pool = keypoint_roi_pool
        self.keypoint_head = keypoint_head
        self.keypoint_predictor = keypoint_predictor

    def has_mask(self) -> bool:
        """Tell whether detections get masks."""
        return self._has("mask")

    def has_keypoint(self) -> bool:
        """Tell whether detections get keypoints."""
        return self._has("keypoint")

    def _has(self, kind: str) -> bool:
        return all(getattr(self, f"{kind}_{part}") is not None for part in _PARTS)

    def check_targets(self, targets: Sequence[Target] | None) -> None:
        """Check that there are targets, with all that the heads learn.

        Raises:
            TargetError: There are none, or something is missing or of another shape.
        """
        if targets is None:
            raise TargetError("targets should not be none when in training mode")
        for index, target in enumerate(targets):
            for key in ("boxes", "labels", *(["masks"] if self.has_mask() else [])):
                tensor_of(target, key, index)
        if self.has_keypoint():
            check_keypoints(targets)

    def forward(
        self,
        features: Mapping[str, Tensor],
        proposals: Sequence[Tensor],
        image_shapes: ImageSizes,
        targets: Sequence[Target] | None = None,
    ) -> tuple[list[Target], dict[str, Tensor]]:
        """Detect objects in proposals, or in training compute the losses.

        Args:
            features: Levels `(N, C, h, w)`.
            proposals: Boxes `(P, 4)` for each image.
            image_shapes: Height and width of each image.
            targets: What is true of each image, which training needs.

        Returns:
            In evaluation, for each image `boxes` `(D, 4)`, `labels` `(D,)`, `scores` `(D,)`, and where there are heads
            for them `masks` `(D, 1, M, M)`, `keypoints` `(D, K, 3)` and `keypoints_scores` `(D, K)`, in training
            nothing. And the losses by name, if there are `targets`.
        """
        losses: dict[str, Tensor] = {}
        if self.training or targets is not None:
            targets = None if targets is None else in_types_to_train_with(targets)
            samples = Samples(*self.select_training_samples(proposals, targets))
            losses = self._losses(features, samples, image_shapes, targets or [])
        return [] if self.training else self._detect(features, proposals, image_shapes), losses

    def _predict(
        self, kind: str, features: Mapping[str, Tensor], boxes: Sequence[Tensor], image_shapes: ImageSizes
    ) -> Any:  # what the predictor gives
        """Pool the features of boxes, and apply the head and the predictor for a kind of detections."""
        pool, head, predictor = (getattr(self, f"{kind}_{part}") for part in _PARTS)
        return predictor(_through(head, pool(features, boxes, image_shapes)))

    def _losses(
        self, features: Mapping[str, Tensor], samples: Samples, image_shapes: ImageSizes, targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        logits, codes = self._predict("box", features, samples.proposals, image_shapes)
        labels = [target["labels"] for target in targets]
        check_labels(labels, logits.shape[1])
        classifier_loss, box_loss = box_losses(logits, codes, samples.labels, samples.regression_targets)
        losses = {"loss_classifier": classifier_loss, "loss_box_reg": box_loss}
        positives, matches = samples.positives()
        if self.has_mask():
            masks = [target["masks"] for target in targets]
            mask_logits = self._predict("mask", features, positives, image_shapes)
            losses["loss_mask"] = mask_loss(mask_logits, positives, masks, labels, matches)
        if self.has_keypoint():
            keypoints = [target["keypoints"] for target in targets]
            keypoint_logits = self._predict("keypoint", features, positives, image_shapes)
            losses["loss_keypoint"] = keypoint_loss(keypoint_logits, positives, keypoints, matches)
        return losses

    def select_training_samples(
        self, proposals: Sequence[Tensor], targets: Sequence[Target] | None
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """Draw from the proposals of each image, and its true boxes themselves, those to train with.

        Returns:
            For each image the boxes `(S, 4)`, the indices `(S,)` of the objects that they are to find, their labels
            `(S,)`, 0 for background, and the codes `(S, 4)` of the true boxes.
        """
        self.check_targets(targets)
        assert targets is not None
        true_boxes = [target["boxes"].to(boxes) for target, boxes in zip(targets, proposals, strict=True)]
        candidates = self.add_gt_proposals(proposals, true_boxes)
        true_labels = [target["labels"] for target in targets]
        matches, labels = self.assign_targets_to_proposals(candidates, true_boxes, true_labels)
        drawn = self.subsample(labels)
        boxes, matches, labels = (
            [of_image[chosen] for of_image, chosen in zip(part, drawn, strict=True)]
            for part in (candidates, matches, labels)
        )
        matched = [boxes_of(match, true) for match, true in zip(matches, true_boxes, strict=True)]
        return boxes, matches, labels, self.box_coder.encode(matched, boxes)

    def add_gt_proposals(self, proposals: Sequence[Tensor], gt_boxes: Sequence[Tensor]) -> list[Tensor]:
        """Return the proposals of each image `(P, 4)`, with its true boxes `(M, 4)` behind them."""
        return [torch.cat(boxes) for boxes in zip(proposals, gt_boxes, strict=True)]

    def assign_targets_to_proposals(
        self, proposals: Sequence[Tensor], gt_boxes: Sequence[Tensor], gt_labels: Sequence[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Find for the proposals of each image, `(P, 4)`, which true box of `(M, 4)` they are to find.

        Returns:
            For each image the indices `(P,)` of the true boxes, 0 where there is none, and the labels `(P,)`, 0 for
            background, -1 to be ignored.
        """
        parts = zip(proposals, gt_boxes, gt_labels, strict=True)
        matches, labels = zip(*(self._assign(*part) for part in parts), strict=True)
        return list(matches), list(labels)

    def _assign(self, boxes: Tensor, true_boxes: Tensor, true_labels: Tensor) -> tuple[Tensor, Tensor]:
        matches = match_boxes(self.proposal_matcher, true_boxes, boxes, self.box_similarity)
        clamped = matches.clamp(min=0)
        if len(true_boxes) == 0:
            return clamped, clamped
        labels = true_labels.to(matches.device)[clamped]
        labels[matches == BELOW_LOW_THRESHOLD] = 0
        labels[matches == BETWEEN_THRESHOLDS] = -1
        return clamped, labels

    def subsample(self, labels: Sequence[Tensor]) -> list[Tensor]:
        """Draw from each image: the indices `(S,)`, ascending, of those of its labels `(P,)` to train with."""
        drawn = zip(*self.fg_bg_sampler(labels), strict=True)
        return [torch.where(positive | negative)[0] for positive, negative in drawn]

    def _detect(
        self, features: Mapping[str, Tensor], proposals: Sequence[Tensor], image_shapes: ImageSizes
    ) -> list[Target]:
        logits, codes = self._predict("box", features, proposals, image_shapes)
        boxes, scores, labels = self.postprocess_detections(logits, codes, proposals, image_shapes)
        results = [
            {"boxes": box, "labels": label, "scores": score}
            for box, label, score in zip(boxes, labels, scores, strict=True)
        ]
        if self.has_mask():
            mask_logits = self._predict("mask", features, boxes, image_shapes)
            masks = mask_probabilities(mask_logits, labels)
            results = [result | {"masks": mask} for result, mask in zip(results, masks, strict=True)]
        if self.has_keypoint():
            keypoint_logits = self._predict("keypoint", features, boxes, image_shapes)
            found = _find_keypoints(keypoint_logits, boxes, image_shapes)
            results = [result | keypoints for result, keypoints in zip(results, found, strict=True)]
        return results

    def postprocess_detections(
        self,
        class_logits: Tensor,
        box_regression: Tensor,
        proposals: Sequence[Tensor],
        image_shapes: ImageSizes,
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """Keep what is probable enough, decode it, and drop what overlaps with better detections of its class.

        Args:
            class_logits: `(P, classes)`, of the proposals of all images.
            box_regression: Codes `(P, 4 * classes)`.
            proposals: Boxes `(P_i, 4)` of each image.
            image_shapes: Height and width of each image.

        Returns:
            Boxes `(D, 4)`, scores `(D,)` and labels `(D,)` of each image, the most probable first.
        """
        sizes = [boxes.shape[0] for boxes in proposals]
        scores, codes = torch.split(class_logits.softmax(dim=-1), sizes), torch.split(box_regression, sizes)
        parts = zip(scores, codes, proposals, image_shapes, strict=True)
        detections = [self._most_probable(*part) for part in parts]
        boxes, found, labels = map(list, zip(*detections, strict=True))
        return boxes, found, labels

    def _most_probable(
        self, scores: Tensor, codes: Tensor, proposals: Tensor, shape: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows, classes = (scores[:, 1:] > self.score_thresh).nonzero().unbind(1)
        labels = classes + 1  # 0 is the background
        chosen = scores[rows, labels]
        by_class = codes.view(codes.shape[0], codes.shape[1] // 4, 4)
        decoded = self.box_coder.decode(by_class[rows, labels], [proposals[rows]])[:, 0]
        boxes = clip_boxes_to_image(decoded, shape)
        large = remove_small_boxes(boxes, _LEAST_SIDE)
        boxes, chosen, labels = boxes[large], chosen[large], labels[large]
        kept = batched_nms(boxes, chosen, labels, self.nms_thresh)[: self.detections_per_img]
        return boxes[kept], chosen[kept], labels[kept]


def box_losses(
    class_logits: Tensor, box_regression: Tensor, labels: Sequence[Tensor], regression_targets: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """Return the losses of the classes and of the boxes of the true classes (Fast R-CNN, equations 1 to 3).

    `class_logits`, `(P, classes)`, and `box_regression`, `(P, 4 * classes)`, are of the samples of all images, `labels`
    `(P_i,)` and `regression_targets` `(P_i, 4)` of those of each.
    """
    logits, codes = widen(class_logits), widen(box_regression)
    classes = torch.cat(list(labels))
    classifier_loss = F.cross_entropy(logits, classes)
    positive = (classes > 0).nonzero()[:, 0]
    by_class = codes.view(len(classes), codes.shape[1] // 4, 4)
    targets = torch.cat(list(regression_targets))[positive]
    box_loss = F.smooth_l1_loss(by_class[positive, classes[positive]], targets, beta=BETA, reduction="sum")
    return classifier_loss, box_loss / classes.numel()


def _find_keypoints(logits: Tensor, boxes: Sequence[Tensor], image_shapes: ImageSizes) -> list[Target]:
    longest = None
    if is_tracing():  # no box is longer than its image; eagerly, the boxes themselves tell more
        longest = 1
        for height, width in image_shapes:
            longest = larger(longest, larger(height, width))
    keypoints, scores = heatmaps_to_keypoints(logits, torch.cat(list(boxes)), longest)
    sizes = [image_boxes.shape[0] for image_boxes in boxes]
    parts = zip(torch.split(keypoints, sizes), torch.split(scores, sizes), strict=True)
    return [{"keypoints": points, "keypoints_scores": score} for points, score in parts]


def _through(head: nn.Module, pooled: Tensor) -> Tensor:
    """Apply a head to regions `(P, C, h, w)`.

    Batch norm asks whether there are any, which a recorded program cannot: it gets one region more, of zeros.
    """
    if head.training or not is_tracing():
        features: Tensor = head(pooled)
        return features
    more: Tensor = head(torch.cat((pooled, pooled.new_zeros((1, *pooled.shape[1:])))))
    return more[:-1]
