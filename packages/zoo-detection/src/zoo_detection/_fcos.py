"""FCOS.

Zhi Tian, Chunhua Shen, Hao Chen, Tong He: FCOS: Fully Convolutional One-Stage Object Detection, 2019, arXiv:1904.01355;
and FCOS: A simple and strong anchor-free object detector, 2020, arXiv:2006.09214, which samples near the centres of
boxes and predicts centre-ness beside the regression.

Its "anchors" are one square at each place of each level, as wide as the level's stride: the units of its predictions.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_classification import ResNet50_Weights
from zoo_core.building import build, builder
from zoo_core.layers import require_positive

from . import ops
from ._anchors import AnchorGenerator, by_anchor
from ._backbones import NormLayer
from ._box_coding import BoxLinearCoder
from ._dense import (
    DenseDetector,
    Detections,
    Limits,
    above,
    best_of_level,
    detections_of,
    joined,
    set_prior,
)
from ._initialization import initialise_normal
from ._matching import BELOW_LOW_THRESHOLD
from ._on_backbones import given, pyramid_of_resnet50, require_anchors, require_out_channels
from ._transform import Target, imagenet_transform
from .catalogue.fcos import FCOS_ResNet50_FPN_Weights
from .ops._boxes import widen

_GROUP_NORM = partial(nn.GroupNorm, 32)
_SMALLEST, _LARGEST = 4, 8
"""Between how many strides from a place the farthest side of a box must be for the place's level (section 3.2)."""
_MORE_THAN_ANY_AREA = 1e8


def _tower(in_channels: int, num_convs: int, norm_layer: NormLayer) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(num_convs):
        layers += [nn.Conv2d(in_channels, in_channels, 3, padding=1), norm_layer(in_channels), nn.ReLU()]
    return nn.Sequential(*layers)


class FCOSClassificationHead(nn.Module):
    """Scores each place for each class (section 3.1).

    Args:
        in_channels: Channels of every level.
        num_anchors: Predictions at each place.
        num_classes: Classes; there is none for the background.
        num_convs: Convolutions before the last one.
        prior_probability: What every score is at the start.
        norm_layer: Called with a number of channels; group norm of 32 groups if not given.
    """

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        num_convs: int = 4,
        prior_probability: float = 0.01,
        norm_layer: NormLayer | None = None,
    ) -> None:
        super().__init__()
        require_positive(num_classes=num_classes, num_anchors=num_anchors)
        self.num_classes = num_classes
        self.num_anchors = num_anchors
        self.conv = _tower(in_channels, num_convs, norm_layer or _GROUP_NORM)
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, 3, padding=1)
        self.apply(initialise_normal)
        set_prior(self.cls_logits, prior_probability)

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Score levels `(N, in_channels, h, w)`: logits `(N, A, num_classes)` of all places of all levels."""
        return torch.cat([by_anchor(self.cls_logits(self.conv(level)), self.num_classes) for level in x], dim=1)


class FCOSRegressionHead(nn.Module):
    """Predicts the distances from each place to the sides of its box, and how central it is there (section 3.3).

    Args:
        in_channels: Channels of every level.
        num_anchors: Predictions at each place.
        num_convs: Convolutions before the last ones.
        norm_layer: Called with a number of channels; group norm of 32 groups if not given.
    """

    def __init__(
        self, in_channels: int, num_anchors: int, num_convs: int = 4, norm_layer: NormLayer | None = None
    ) -> None:
        super().__init__()
        self.conv = _tower(in_channels, num_convs, norm_layer or _GROUP_NORM)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, 3, padding=1)
        self.bbox_ctrness = nn.Conv2d(in_channels, num_anchors, 3, padding=1)
        self.apply(initialise_normal)

    def forward(self, x: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Predict distances `(N, A, 4)`, at least 0, in strides, and logits of centre-ness `(N, A, 1)`."""
        towers = [self.conv(level) for level in x]
        distances = torch.cat([by_anchor(self.bbox_reg(tower).relu(), 4) for tower in towers], dim=1)
        return distances, torch.cat([by_anchor(self.bbox_ctrness(tower), 1) for tower in towers], dim=1)


class FCOSHead(nn.Module):
    """Both heads of FCOS.

    Args:
        in_channels: Channels of every level, a multiple of 32.
        num_anchors: Predictions at each place.
        num_classes: Classes.
        num_convs: Convolutions before the last ones.

    Example:
        >>> outputs = FCOSHead(32, num_anchors=1, num_classes=5)([torch.zeros(1, 32, 4, 4), torch.zeros(1, 32, 2, 2)])
        >>> {name: tuple(output.shape) for name, output in outputs.items()}
        {'cls_logits': (1, 20, 5), 'bbox_regression': (1, 20, 4), 'bbox_ctrness': (1, 20, 1)}
    """

    def __init__(self, in_channels: int, num_anchors: int, num_classes: int, num_convs: int | None = 4) -> None:
        super().__init__()
        num_convs = 4 if num_convs is None else num_convs
        self.box_coder = BoxLinearCoder(normalize_by_size=True)
        self.classification_head = FCOSClassificationHead(in_channels, num_anchors, num_classes, num_convs)
        self.regression_head = FCOSRegressionHead(in_channels, num_anchors, num_convs)

    def forward(self, x: Sequence[Tensor]) -> dict[str, Tensor]:
        """Predict `cls_logits` `(N, A, num_classes)`, `bbox_regression` `(N, A, 4)`, `bbox_ctrness` `(N, A, 1)`."""
        distances, centredness = self.regression_head(x)
        return {
            "cls_logits": self.classification_head(x),
            "bbox_regression": distances,
            "bbox_ctrness": centredness,
        }

    def compute_loss(
        self,
        targets: Sequence[Target],
        head_outputs: Mapping[str, Tensor],
        anchors: Sequence[Tensor],
        matched_idxs: Sequence[Tensor],
    ) -> dict[str, Tensor]:
        """Return the losses `classification`, `bbox_regression` and `bbox_ctrness`, by the number of matched places."""
        matches = torch.stack(list(matched_idxs))
        foreground = matches >= 0
        number = foreground.sum().clamp(min=1)
        labels = torch.cat(
            [target["labels"][found[found >= 0]] for target, found in zip(targets, matches, strict=True)]
        )
        boxes = torch.cat([target["boxes"][found[found >= 0]] for target, found in zip(targets, matches, strict=True)])
        places = torch.stack(list(anchors))[foreground]
        predicted = self.box_coder.decode(head_outputs["bbox_regression"][foreground], places)
        centredness = _centredness(self.box_coder.encode(places, boxes))
        logits = widen(head_outputs["bbox_ctrness"][foreground].squeeze(1))
        losses = {
            "classification": _classification_loss(head_outputs["cls_logits"], foreground, labels),
            "bbox_regression": ops.generalized_box_iou_loss(predicted, boxes, reduction="sum"),
            "bbox_ctrness": F.binary_cross_entropy_with_logits(logits, centredness, reduction="sum"),
        }
        return {name: loss / number for name, loss in losses.items()}


def _classification_loss(logits: Tensor, foreground: Tensor, labels: Tensor) -> Tensor:
    classes = torch.zeros_like(logits)
    images, places = torch.where(foreground)
    classes[images, places, labels] = 1.0
    return ops.sigmoid_focal_loss(logits, classes, reduction="sum")


def _centredness(distances: Tensor) -> Tensor:
    """Return how central places are, in [0, 1], from the distances `(M, 4)` to the sides (equation 3)."""
    across, along = distances[:, [0, 2]], distances[:, [1, 3]]
    return torch.sqrt((across.amin(1) / across.amax(1)) * (along.amin(1) / along.amax(1)))


class FCOS(DenseDetector):
    """FCOS on any backbone.

    Args:
        backbone: Makes of images `(N, C, H, W)` an ordered dictionary of levels, the finest first, or one tensor. Its
            attribute `out_channels` tells the channels of every level.
        num_classes: Classes, labels counted from 0; there is none for the background.
        min_size: Length that the shorter side of images is resized to, in pixels; of several, training draws one.
        max_size: Length that the longer side may have.
        image_mean: A value for each channel, subtracted from images; that of ImageNet if not given.
        image_std: A value for each channel, by which the difference is divided; that of ImageNet if not given.
        anchor_generator: One square at each place, as wide as the level's stride; for strides 8 to 128 if not given.
        head: As `FCOSHead`, which it is if not given.
        center_sampling_radius: Places so many strides around the centre of a box are trained for it.
        score_thresh: Scores of detections are above it.
        nms_thresh: Overlap that detections of one class may have.
        detections_per_img: The best detections of an image that are returned.
        topk_candidates: The best predictions of each level that are looked at.
        **kwargs: Passed on to `GeneralizedRCNNTransform`.

    Shape:
        A list of images `(C, H, W)` in [0, 1], and in training a list of targets, to a dictionary of losses in
        training, and a list of dictionaries with `boxes` `(D, 4)`, `scores` and `labels` in evaluation.

    Raises:
        ValueError: `backbone` has no `out_channels`, or there is more than one anchor at a place.
        TypeError: `anchor_generator` is no `AnchorGenerator`.

    Example:
        >>> backbone = nn.Conv2d(3, 32, 3, stride=16, padding=1)
        >>> model = FCOS(backbone, 2, min_size=64, anchor_generator=AnchorGenerator(((16,),), ((1.0,),))).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 50, 70)])]
        [['boxes', 'labels', 'scores']]
    """

    classifiers: ClassVar[tuple[str, ...]] = ("head.classification_head.cls_logits",)
    head: FCOSHead

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        min_size: int | Sequence[int] = 800,
        max_size: int = 1333,
        image_mean: Sequence[float] | None = None,
        image_std: Sequence[float] | None = None,
        anchor_generator: AnchorGenerator | None = None,
        head: FCOSHead | None = None,
        center_sampling_radius: float = 1.5,
        score_thresh: float = 0.2,
        nms_thresh: float = 0.6,
        detections_per_img: int = 100,
        topk_candidates: int = 1000,
        **kwargs: Any,
    ) -> None:
        channels = require_out_channels(backbone)
        require_anchors("anchor_generator", anchor_generator)
        anchor_generator = anchor_generator or _default_anchors()
        per_location = anchor_generator.num_anchors_per_location()
        if set(per_location) != {1}:
            raise ValueError(f"anchor_generator should make one anchor at each place, found {per_location}")
        super().__init__(
            backbone,
            anchor_generator,
            FCOSHead(channels, 1, num_classes) if head is None else head,
            imagenet_transform(min_size, max_size, image_mean, image_std, **kwargs),
            Limits(score_thresh, nms_thresh, detections_per_img, topk_candidates),
        )
        self.box_coder = BoxLinearCoder(normalize_by_size=True)
        self.center_sampling_radius = center_sampling_radius

    def compute_loss(
        self,
        targets: Sequence[Target],
        head_outputs: Mapping[str, Tensor],
        anchors: Sequence[Tensor],
        num_anchors_per_level: Sequence[int],
    ) -> dict[str, Tensor]:
        """Return the losses `classification`, `bbox_regression` and `bbox_ctrness`."""
        matches = [
            match_places(places, target["boxes"], self.center_sampling_radius, num_anchors_per_level)
            for places, target in zip(anchors, targets, strict=True)
        ]
        return self.head.compute_loss(targets, head_outputs, anchors, matches)

    def postprocess_detections(
        self,
        head_outputs: Mapping[str, Tensor],
        anchors: Sequence[Tensor],
        image_shapes: Sequence[tuple[int, int]],
        num_anchors_per_level: Sequence[int],
    ) -> list[Detections]:
        """Choose the detections of each image, in the transform's coordinates (section 3.3)."""
        columns = [head_outputs[name] for name in ("cls_logits", "bbox_ctrness", "bbox_regression")]
        return [
            self._detections(predictions, places, shape, num_anchors_per_level)
            for predictions, places, shape in zip(zip(*columns, strict=True), anchors, image_shapes, strict=True)
        ]

    def _detections(
        self, predictions: Sequence[Tensor], anchors: Tensor, shape: tuple[int, int], sizes: Sequence[int]
    ) -> Detections:
        logits, centredness, distances = predictions
        by_level = zip(torch.split(logits, list(sizes)), torch.split(centredness, list(sizes)), strict=True)
        levels = [
            best_of_level(
                level, max(self.score_thresh, 0.0) ** 2, self.limits, partial(_scores, centredness=central.flatten())
            )
            for level, central in by_level
        ]
        best = above(joined(levels, sizes), self.score_thresh)
        boxes = self.box_coder.decode(distances[best.anchors], anchors[best.anchors])
        return detections_of(best, boxes, shape, self.limits)


def _scores(logits: Tensor, places: Tensor, *, centredness: Tensor) -> Tensor:
    """Return the geometric mean of class scores and centre-ness."""
    return torch.sqrt(logits.sigmoid() * centredness[places].sigmoid())


def _default_anchors() -> AnchorGenerator:
    return AnchorGenerator(((8,), (16,), (32,), (64,), (128,)), ((1.0,),) * 5)


def match_places(places: Tensor, boxes: Tensor, radius: float, sizes: Sequence[int]) -> Tensor:
    """Find the box that each place is trained for (section 3.2).

    It is the smallest of those that the place is inside of, near to the centre of, and of a size for the place's level.

    Args:
        places: The anchors of an image, `(A, 4)`, level by level.
        boxes: Its true boxes, `(M, 4)`.
        radius: How near to the centre, in strides.
        sizes: How many anchors each level has.

    Returns:
        For each place the index of its box, -1 for background, `(A,)`.
    """
    if len(boxes) == 0:
        return places.new_full((len(places),), BELOW_LOW_THRESHOLD, dtype=torch.int64)
    centres, strides = (places[:, :2] + places[:, 2:]) / 2, places[:, 2] - places[:, 0]
    offsets = centres[:, None] - (boxes[:, :2] + boxes[:, 2:]) / 2
    near = offsets.abs().amax(2) < radius * strides[:, None]
    distances = torch.cat((centres[:, None] - boxes[:, :2], boxes[:, 2:] - centres[:, None]), dim=2)
    least, most = _ranges(strides, sizes)
    farthest = distances.amax(2)
    fitting = near & (distances.amin(2) > 0) & (farthest > least[:, None]) & (farthest < most[:, None])
    preference = fitting * (_MORE_THAN_ANY_AREA - ops.box_area(boxes))
    best, matches = preference.max(dim=1)
    return matches.where(best > 0, BELOW_LOW_THRESHOLD)


def _ranges(strides: Tensor, sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return between which distances the farthest side of a box must be, for each place, in pixels."""
    least, most = strides * _SMALLEST, strides * _LARGEST
    least[: sizes[0]] = 0
    most[len(most) - sizes[-1] :] = math.inf
    return least, most


@builder(weights=FCOS_ResNet50_FPN_Weights.COCO_V1, weights_backbone=ResNet50_Weights.IMAGENET1K_V1)
def fcos_resnet50_fpn(
    *,
    weights: FCOS_ResNet50_FPN_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    weights_backbone: ResNet50_Weights | str | None = ResNet50_Weights.IMAGENET1K_V1,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> FCOS:
    """FCOS with a ResNet-50 and a feature pyramid.

    Args:
        weights: A member of `FCOS_ResNet50_FPN_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        num_classes: Classes; those of the weights, else 91, if not given.
        weights_backbone: Of the ResNet, where `weights` is `None`. With either, its batch norm is frozen.
        trainable_backbone_layers: How many of the ResNet's five layers train: 3 if not given, all without any weights.
        **kwargs: Passed on to `FCOS`.

    Example:
        >>> model = fcos_resnet50_fpn(weights_backbone=None, num_classes=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """

    def network(num_classes: int = 91, **kwargs: Any) -> FCOS:
        backbone = pyramid_of_resnet50(weights, weights_backbone, trainable_backbone_layers, progress=progress)
        return FCOS(backbone, num_classes, **kwargs)

    return build(network, weights=weights, progress=progress, **given(num_classes=num_classes), **kwargs)
