"""What happens to proposals: they are classified, moved, and get masks and keypoints.

Ross Girshick: Fast R-CNN, 2015, arXiv:1504.08083, section 2; Kaiming He, Georgia Gkioxari, Piotr Dollár, Ross Girshick:
Mask R-CNN, 2017, arXiv:1703.06870, section 3.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._box_coding import BoxCoder
from ._keypoint_decoding import heatmaps_to_keypoints
from ._keypoints import keypoint_loss
from ._masks import mask_loss, mask_probabilities
from ._matching import BELOW_LOW_THRESHOLD, BETWEEN_THRESHOLDS, Matcher
from ._rpn import BETA
from ._sampling import BalancedPositiveNegativeSampler
from ._symbols import larger
from ._targets import check_keypoints, check_labels, check_masks
from ._transform import Target
from .ops import MultiScaleRoIAlign, batched_nms, box_iou, clip_boxes_to_image
from .ops._boxes import widen
from .ops._tracing import is_tracing

_LEAST_SIDE = 1e-2
"""Width and height in pixels that a detection must have."""

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
    optional.

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
        mask_roi_pool: Likewise.
        mask_head: Likewise.
        mask_predictor: Gives logits `(P, classes, M, M)`.
        keypoint_roi_pool: Likewise.
        keypoint_head: Likewise.
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
        return None not in (self.mask_roi_pool, self.mask_head, self.mask_predictor)

    def has_keypoint(self) -> bool:
        """Tell whether detections get keypoints."""
        return None not in (self.keypoint_roi_pool, self.keypoint_head, self.keypoint_predictor)

    def check_targets(self, targets: Sequence[Target], images: Sequence[Tensor]) -> None:
        """Check what of the targets only some detectors need.

        Raises:
            TargetError: Masks or keypoints are missing or of another shape.
        """
        if self.has_mask():
            check_masks(targets, images)
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
            targets: In training, what is true of each image.

        Returns:
            In evaluation, for each image `boxes` `(D, 4)`, `labels` `(D,)`, `scores` `(D,)`, and where there are heads
            for them `masks` `(D, 1, M, M)`, `keypoints` `(D, K, 3)` and `keypoints_scores` `(D, K)`. In training the
            losses by name.
        """
        if not self.training:
            return self._detect(features, proposals, image_shapes), {}
        assert targets is not None
        return [], self._losses(features, self.select_training_samples(proposals, targets), image_shapes, targets)

    def _predict_boxes(
        self, features: Mapping[str, Tensor], proposals: Sequence[Tensor], image_shapes: ImageSizes
    ) -> tuple[Tensor, Tensor]:
        pooled = self.box_roi_pool(features, proposals, image_shapes)
        logits, codes = self.box_predictor(_through(self.box_head, pooled))
        return logits, codes

    def _predict_masks(
        self, features: Mapping[str, Tensor], boxes: Sequence[Tensor], image_shapes: ImageSizes
    ) -> Tensor:
        assert self.mask_roi_pool is not None
        assert self.mask_head is not None
        assert self.mask_predictor is not None
        pooled = self.mask_roi_pool(features, boxes, image_shapes)
        logits: Tensor = self.mask_predictor(_through(self.mask_head, pooled))
        return logits

    def _predict_keypoints(
        self, features: Mapping[str, Tensor], boxes: Sequence[Tensor], image_shapes: ImageSizes
    ) -> Tensor:
        assert self.keypoint_roi_pool is not None
        assert self.keypoint_head is not None
        assert self.keypoint_predictor is not None
        pooled = self.keypoint_roi_pool(features, boxes, image_shapes)
        logits: Tensor = self.keypoint_predictor(self.keypoint_head(pooled))
        return logits

    def _losses(
        self, features: Mapping[str, Tensor], samples: Samples, image_shapes: ImageSizes, targets: Sequence[Target]
    ) -> dict[str, Tensor]:
        logits, codes = self._predict_boxes(features, samples.proposals, image_shapes)
        labels = [target["labels"] for target in targets]
        check_labels(labels, logits.shape[1])
        classifier_loss, box_loss = box_losses(logits, codes, samples)
        losses = {"loss_classifier": classifier_loss, "loss_box_reg": box_loss}
        positives, matches = samples.positives()
        if self.has_mask():
            masks = [target["masks"] for target in targets]
            mask_logits = self._predict_masks(features, positives, image_shapes)
            losses["loss_mask"] = mask_loss(mask_logits, positives, masks, labels, matches)
        if self.has_keypoint():
            keypoints = [target["keypoints"] for target in targets]
            keypoint_logits = self._predict_keypoints(features, positives, image_shapes)
            losses["loss_keypoint"] = keypoint_loss(keypoint_logits, positives, keypoints, matches)
        return losses

    def select_training_samples(self, proposals: Sequence[Tensor], targets: Sequence[Target]) -> Samples:
        """Draw from the proposals of each image, and its true boxes themselves, those to train with."""
        true_boxes = [target["boxes"].to(boxes) for target, boxes in zip(targets, proposals, strict=True)]
        candidates = [torch.cat(pair) for pair in zip(proposals, true_boxes, strict=True)]
        assigned = [
            self._assign(boxes, true, target["labels"])
            for boxes, true, target in zip(candidates, true_boxes, targets, strict=True)
        ]
        drawn = [
            positive | negative
            for positive, negative in zip(*self.fg_bg_sampler([labels for _, labels in assigned]), strict=True)
        ]
        boxes = [boxes[chosen] for boxes, chosen in zip(candidates, drawn, strict=True)]
        matches = [match[chosen] for (match, _), chosen in zip(assigned, drawn, strict=True)]
        labels = [label[chosen] for (_, label), chosen in zip(assigned, drawn, strict=True)]
        matched = [
            true[match] if len(true) else torch.zeros_like(chosen)
            for true, match, chosen in zip(true_boxes, matches, boxes, strict=True)
        ]
        return Samples(boxes, matches, labels, self.box_coder.encode(matched, boxes))

    def _assign(self, boxes: Tensor, true_boxes: Tensor, true_labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return for each of the `boxes` `(P, 4)` the true box it is to find, and its label, -1 to be ignored."""
        if len(true_boxes) == 0:
            nothing = torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
            return nothing, nothing
        matches = self.proposal_matcher(box_iou(true_boxes, boxes))
        clamped = matches.clamp(min=0)
        labels = true_labels.to(matches.device)[clamped]
        labels[matches == BELOW_LOW_THRESHOLD] = 0
        labels[matches == BETWEEN_THRESHOLDS] = -1
        return clamped, labels

    def _detect(
        self, features: Mapping[str, Tensor], proposals: Sequence[Tensor], image_shapes: ImageSizes
    ) -> list[Target]:
        logits, codes = self._predict_boxes(features, proposals, image_shapes)
        results = self.postprocess_detections(logits, codes, proposals, image_shapes)
        boxes = [result["boxes"] for result in results]
        if self.has_mask():
            mask_logits = self._predict_masks(features, boxes, image_shapes)
            masks = mask_probabilities(mask_logits, [result["labels"] for result in results])
            results = [result | {"masks": mask} for result, mask in zip(results, masks, strict=True)]
        if self.has_keypoint():
            keypoint_logits = self._predict_keypoints(features, boxes, image_shapes)
            found = _find_keypoints(keypoint_logits, boxes, image_shapes)
            results = [result | keypoints for result, keypoints in zip(results, found, strict=True)]
        return results

    def postprocess_detections(
        self, logits: Tensor, codes: Tensor, proposals: Sequence[Tensor], image_shapes: ImageSizes
    ) -> list[Target]:
        """Keep what is probable enough, decode it, and drop what overlaps with better detections of its class.

        Args:
            logits: `(P, classes)`, of the proposals of all images.
            codes: `(P, 4 * classes)`.
            proposals: `(P_i, 4)` for each image.
            image_shapes: Height and width of each image.

        Returns:
            `boxes`, `labels` and `scores` of each image, the most probable first.
        """
        sizes = [boxes.shape[0] for boxes in proposals]
        parts = zip(
            torch.split(logits.softmax(dim=-1), sizes), torch.split(codes, sizes), proposals, image_shapes, strict=True
        )
        return [self._most_probable(*part) for part in parts]

    def _most_probable(self, scores: Tensor, codes: Tensor, proposals: Tensor, shape: tuple[int, int]) -> Target:
        rows, classes = (scores[:, 1:] > self.score_thresh).nonzero().unbind(1)
        labels = classes + 1  # 0 is the background
        chosen = scores[rows, labels]
        by_class = codes.view(codes.shape[0], codes.shape[1] // 4, 4)
        boxes = clip_boxes_to_image(self.box_coder.decode_single(by_class[rows, labels], proposals[rows]), shape)
        large = (boxes[:, 2:] - boxes[:, :2] >= _LEAST_SIDE).all(dim=1).nonzero()[:, 0]
        boxes, chosen, labels = boxes[large], chosen[large], labels[large]
        kept = batched_nms(boxes, chosen, labels, self.nms_thresh)[: self.detections_per_img]
        return {"boxes": boxes[kept], "labels": labels[kept], "scores": chosen[kept]}


def box_losses(logits: Tensor, codes: Tensor, samples: Samples) -> tuple[Tensor, Tensor]:
    """Return the losses of the classes and of the boxes of the true classes (Fast R-CNN, equations 1 to 3).

    Args:
        logits: `(P, classes)`, of the samples of all images.
        codes: `(P, 4 * classes)`.
        samples: What they should be.
    """
    logits, codes = widen(logits), widen(codes)
    labels = torch.cat(samples.labels)
    classifier_loss = F.cross_entropy(logits, labels)
    positive = (labels > 0).nonzero()[:, 0]
    by_class = codes.view(len(labels), codes.shape[1] // 4, 4)
    targets = torch.cat(samples.regression_targets)[positive]
    box_loss = F.smooth_l1_loss(by_class[positive, labels[positive]], targets, beta=BETA, reduction="sum")
    return classifier_loss, box_loss / labels.numel()


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


def require_roi_pool(name: str, pool: object) -> None:
    """Check that a pooling is one over levels.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(pool, (MultiScaleRoIAlign, type(None))):
        raise TypeError(f"{name} should be of type MultiScaleRoIAlign or None instead of {type(pool)}")


def _through(head: nn.Module, pooled: Tensor) -> Tensor:
    """Apply a head to regions `(P, C, h, w)`.

    Batch norm asks whether there are any, which a recorded program cannot: it gets one region more, of zeros.
    """
    if head.training or not is_tracing():
        features: Tensor = head(pooled)
        return features
    more: Tensor = head(torch.cat((pooled, pooled.new_zeros((1, *pooled.shape[1:])))))
    return more[:-1]
