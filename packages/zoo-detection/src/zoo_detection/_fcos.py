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

from zoo_classification import ResNet
from zoo_core.building import ChosenBackbone, builder

from . import ops
from .backbones.networks import frozen_if_trained
from .backbones.pyramid import NormLayer, require_out_channels
from .backbones.resnet import RESNET50, resnet_p3_to_p7
from .boxes.anchors import AnchorGenerator, by_anchor
from .boxes.coding import BoxLinearCoder
from .boxes.matching import BELOW_LOW_THRESHOLD, matched
from .catalogue.fcos import FCOS_ResNet50_FPN_Weights
from .foundation.checks import require_type
from .foundation.initialization import initialise_normal
from .foundation.precision import widen
from .inputs.transform import Target, imagenet_transform
from .one_stage.candidates import Detections, Limits, above, best_of_level, detections_of, joined
from .one_stage.detector import PyramidDetector
from .one_stage.heads import ScoringHead

_GROUP_NORM = partial(nn.GroupNorm, 32)
_SMALLEST, _LARGEST = 4, 8
"""Between how many strides from a place the farthest side of a box must be for the place's level (section 3.2)."""
_MORE_THAN_ANY_AREA = 1e8


def _tower(in_channels: int, num_convs: int, norm_layer: NormLayer) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(num_convs):
        layers += [nn.Conv2d(in_channels, in_channels, 3, padding=1), norm_layer(in_channels), nn.ReLU()]
    return nn.Sequential(*layers)


class FCOSClassificationHead(ScoringHead):
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
        tower = _tower(in_channels, num_convs, norm_layer or _GROUP_NORM)
        super().__init__(tower, in_channels, num_anchors, num_classes, prior_probability)


class FCOSRegressionHead(nn.Module):
    """Predicts the distances from each place to the sides of its box, and how central it is there (section 3.3).

    Args:
        in_channels, num_anchors, num_convs, norm_layer: As for `FCOSClassificationHead`.
    """

    def __init__(
        self, in_channels: int, num_anchors: int, num_convs: int = 4, norm_layer: NormLayer | None = None
    ) -> None:
        super().__init__()
        self.conv = _tower(in_channels, num_convs, norm_layer or _GROUP_NORM)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, 3, padding=1)
        self.bbox_ctrness = nn.Conv2d(in_channels, num_anchors, 3, padding=1)
        initialise_normal(self)

    def forward(self, x: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Predict distances `(N, A, 4)`, at least 0, in strides, and logits of centre-ness `(N, A, 1)`."""
        towers = [self.conv(level) for level in x]
        distances = torch.cat([by_anchor(self.bbox_reg(tower).relu(), 4) for tower in towers], dim=1)
        return distances, torch.cat([by_anchor(self.bbox_ctrness(tower), 1) for tower in towers], dim=1)


class FCOSHead(nn.Module):
    """Both heads of FCOS.

    Args:
        in_channels, num_anchors, num_classes, num_convs: As for `FCOSClassificationHead`; `in_channels` is a multiple
            of 32.

    Example:
        >>> import torch
        >>> from zoo_detection import FCOSHead
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
        return {"cls_logits": self.classification_head(x), "bbox_regression": distances, "bbox_ctrness": centredness}

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
        labels, boxes = matched(targets, "labels", matches), matched(targets, "boxes", matches)
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


class FCOS(PyramidDetector):
    """FCOS on any backbone; see `forward` for inputs and outputs.

    Subclasses may override `compute_loss`, `postprocess_detections` and `eager_outputs`.

    Args:
        anchor_generator: One square at each place, as wide as the level's stride; for strides 8 to 128 if not given.
        head: As `FCOSHead`, which it is if not given.
        center_sampling_radius: Places so many strides around the centre of a box are trained for it.
        **kwargs: These and the arguments that are not listed are those of `RetinaNet`.

    Raises:
        ValueError: `backbone` has no `out_channels`, or there is more than one anchor at a place.
        TypeError: `anchor_generator` is no `AnchorGenerator`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from zoo_detection import AnchorGenerator, FCOS
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
        require_type("anchor_generator", anchor_generator, AnchorGenerator)
        anchor_generator = anchor_generator or _default_anchors()
        per_location = anchor_generator.num_anchors_per_location()
        if set(per_location) != {1}:
            raise ValueError(f"anchor_generator should make one anchor at each place, found {per_location}")
        super().__init__(
            backbone=backbone,
            anchor_generator=anchor_generator,
            head=FCOSHead(channels, 1, num_classes) if head is None else head,
            transform=imagenet_transform(min_size, max_size, image_mean, image_std, **kwargs),
            limits=Limits(score_thresh, nms_thresh, detections_per_img, topk_candidates),
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
        """Return the losses `classification`, `bbox_regression` and `bbox_ctrness`.

        Args:
            targets: What is true of each image, in the transform's coordinates.
            head_outputs: The head's, by name, `(N, A, ...)`.
            anchors: Those of each image, `(A, 4)`.
            num_anchors_per_level: How many of them each level has.
        """
        matches = [
            match_places(places, target["boxes"], self.center_sampling_radius, num_anchors_per_level)
            for places, target in zip(anchors, targets, strict=True)
        ]
        return self.head.compute_loss(targets, head_outputs, anchors, matches)

    def _losses(
        self, targets: Sequence[Target], outputs: dict[str, Tensor], anchors: Sequence[Tensor], sizes: Sequence[int]
    ) -> dict[str, Tensor]:
        return self.compute_loss(targets, outputs, anchors, sizes)

    def _detect_in_image(
        self, outputs: Mapping[str, Sequence[Tensor]], anchors: Sequence[Tensor], shape: tuple[int, int]
    ) -> Detections:
        """Choose the detections of one image (section 3.3)."""
        levels = [
            best_of_level(
                level, max(self.score_thresh, 0.0) ** 2, self.limits, partial(_scores, centredness=central.flatten())
            )
            for level, central in zip(outputs["cls_logits"], outputs["bbox_ctrness"], strict=True)
        ]
        best, (codes, places) = above(*joined(levels, outputs["bbox_regression"], anchors), self.score_thresh)
        return detections_of(best, self.box_coder.decode(codes, places), shape, self.limits)


def _scores(logits: Tensor, places: Tensor, *, centredness: Tensor) -> Tensor:
    """Return the geometric mean of class scores and centre-ness."""
    return torch.sqrt(logits.sigmoid() * centredness[places].sigmoid())


def _default_anchors() -> AnchorGenerator:
    return AnchorGenerator(((8,), (16,), (32,), (64,), (128,)), ((1.0,),) * 5)


def match_places(places: Tensor, boxes: Tensor, radius: float, sizes: Sequence[int]) -> Tensor:
    """Find the box that each place is trained for (section 3.2): its index, -1 for background, `(A,)`.

    It is the smallest of those that the place is inside of, near to the centre of, and of a size for the place's level.
    `places` are the anchors of an image, `(A, 4)`, level by level, of which each has so many as `sizes` says, `boxes`
    its true boxes, `(M, 4)`, and `radius` is how near to the centre, in strides.
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


@builder(FCOS_ResNet50_FPN_Weights.COCO_V1, num_classes=91, backbone=RESNET50)
def fcos_resnet50_fpn(*, backbone: ChosenBackbone[ResNet], **kwargs: Any) -> FCOS:
    """FCOS with a ResNet-50 and a feature pyramid. With any weights, its batch norm is frozen.

    Example:
        >>> import torch
        >>> from zoo_detection import fcos_resnet50_fpn
        >>> model = fcos_resnet50_fpn(weights_backbone=None, num_classes=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """
    return FCOS(resnet_p3_to_p7(backbone, frozen_if_trained(backbone)), **kwargs)
