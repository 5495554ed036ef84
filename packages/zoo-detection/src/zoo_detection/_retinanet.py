"""RetinaNet.

Tsung-Yi Lin, Priya Goyal, Ross Girshick, Kaiming He, Piotr Dollár: Focal Loss for Dense Object Detection, 2017,
arXiv:1708.02002.

The second version has group norm in its heads, computes P6 from C5, and trains for the generalized overlap of boxes, as
Shifeng Zhang, Cheng Chi, Yongqiang Yao, Zhen Lei, Stan Z. Li: Bridging the Gap Between Anchor-based and Anchor-free
Detection via Adaptive Training Sample Selection, 2019, arXiv:1912.02424, compares.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from zoo_classification import ResNet
from zoo_core.building import ChosenBackbone, builder
from zoo_core.layers import ConvNormActivation, rename_older_keys

from . import ops
from .backbones.networks import frozen_if_trained
from .backbones.pyramid import NormLayer, require_out_channels
from .backbones.resnet import RESNET50, RESNET50_FROM_SCRATCH, resnet_p3_to_p7
from .boxes.anchors import AnchorGenerator, by_anchor
from .boxes.coding import BoxCoder
from .boxes.losses import BoxLoss, box_regression_loss
from .boxes.matching import BETWEEN_THRESHOLDS, Matcher, match_all
from .catalogue.retinanet import RetinaNet_ResNet50_FPN_V2_Weights, RetinaNet_ResNet50_FPN_Weights
from .foundation.checks import require_type
from .foundation.initialization import initialise_normal
from .inputs.transform import Target, imagenet_transform
from .one_stage.candidates import Detections, Limits, above, best_of_level, detections_of, joined
from .one_stage.detector import PyramidDetector
from .one_stage.heads import ScoringHead


def _tower(in_channels: int, norm_layer: NormLayer | None) -> nn.Sequential:
    """Build the four convolutions that are applied to every level."""
    return nn.Sequential(*(ConvNormActivation(in_channels, in_channels, norm_layer=norm_layer) for _ in range(4)))


_OLDER_NAMES = {f"conv.{2 * index}": f"conv.{index}.0" for index in range(4)}
"""Once convolutions and activations were layers of their own."""


class RetinaNetClassificationHead(ScoringHead):
    """Scores each anchor for each class (section 4, "Classification Subnet").

    Args:
        in_channels: Channels of every level.
        num_anchors: Anchors at each place.
        num_classes: Classes; there is none for the background.
        prior_probability: What every score is at the start (section 3.3).
        norm_layer: Called with a number of channels; `None` for no normalisation.
    """

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        prior_probability: float = 0.01,
        norm_layer: NormLayer | None = None,
    ) -> None:
        tower = _tower(in_channels, norm_layer)
        super().__init__(tower, in_channels, num_anchors, num_classes, prior_probability)
        rename_older_keys(self, _OLDER_NAMES)

    def compute_loss(
        self, targets: Sequence[Target], head_outputs: Mapping[str, Tensor], matched_idxs: Sequence[Tensor]
    ) -> Tensor:
        """Return the focal loss, by the number of matched anchors (section 4.1), the mean over images."""
        losses = [
            _classification_loss(target["labels"], logits, matches)
            for target, logits, matches in zip(targets, head_outputs["cls_logits"], matched_idxs, strict=True)
        ]
        return torch.stack(losses).mean()


def _classification_loss(labels: Tensor, logits: Tensor, matches: Tensor) -> Tensor:
    foreground = matches >= 0
    classes = torch.zeros_like(logits)
    classes[foreground, labels[matches[foreground]]] = 1.0
    counted = matches != BETWEEN_THRESHOLDS
    loss = ops.sigmoid_focal_loss(logits[counted], classes[counted], reduction="sum")
    return loss / foreground.sum().clamp(min=1)


class RetinaNetRegressionHead(nn.Module):
    """Predicts how each anchor becomes a box (section 4, "Box Regression Subnet").

    Args:
        in_channels, num_anchors, norm_layer: As for `RetinaNetClassificationHead`.
        loss: What it trains with: `"l1"`, `"smooth_l1"`, `"giou"`, `"diou"` or `"ciou"`.
    """

    def __init__(
        self, in_channels: int, num_anchors: int, norm_layer: NormLayer | None = None, *, loss: BoxLoss = "l1"
    ) -> None:
        super().__init__()
        self.conv = _tower(in_channels, norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, 3, padding=1)
        initialise_normal(self)
        rename_older_keys(self, _OLDER_NAMES)
        self.box_coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
        self.loss = loss

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Predict codes `(N, A, 4)` of the anchors of all levels `(N, in_channels, h, w)`."""
        return torch.cat([by_anchor(self.bbox_reg(self.conv(level)), 4) for level in x], dim=1)

    def compute_loss(
        self,
        targets: Sequence[Target],
        head_outputs: Mapping[str, Tensor],
        anchors: Sequence[Tensor],
        matched_idxs: Sequence[Tensor],
    ) -> Tensor:
        """Return the loss of the matched anchors, by their number, the mean over images."""
        losses = [
            self._loss(target["boxes"], codes, *others)
            for target, codes, *others in zip(
                targets, head_outputs["bbox_regression"], anchors, matched_idxs, strict=True
            )
        ]
        return torch.stack(losses).mean()

    def _loss(self, boxes: Tensor, codes: Tensor, anchors: Tensor, matches: Tensor) -> Tensor:
        foreground = torch.where(matches >= 0)[0]
        matched = boxes[matches[foreground]]
        loss = box_regression_loss(self.loss, self.box_coder, anchors[foreground], matched, codes[foreground])
        return loss / max(1, len(foreground))


class RetinaNetHead(nn.Module):
    """Both heads of RetinaNet.

    Args:
        in_channels, num_anchors, num_classes, norm_layer: As for `RetinaNetClassificationHead`.
        regression_loss: As `loss` of `RetinaNetRegressionHead`.

    Example:
        >>> import torch
        >>> from zoo_detection import RetinaNetHead
        >>> levels = [torch.zeros(1, 16, 4, 4), torch.zeros(1, 16, 2, 2)]
        >>> outputs = RetinaNetHead(16, num_anchors=9, num_classes=5)(levels)
        >>> {name: tuple(output.shape) for name, output in outputs.items()}
        {'cls_logits': (1, 180, 5), 'bbox_regression': (1, 180, 4)}
    """

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        norm_layer: NormLayer | None = None,
        *,
        regression_loss: BoxLoss = "l1",
    ) -> None:
        super().__init__()
        self.classification_head = RetinaNetClassificationHead(
            in_channels, num_anchors, num_classes, norm_layer=norm_layer
        )
        self.regression_head = RetinaNetRegressionHead(in_channels, num_anchors, norm_layer, loss=regression_loss)

    def forward(self, x: Sequence[Tensor]) -> dict[str, Tensor]:
        """Predict `cls_logits` `(N, A, num_classes)` and `bbox_regression` `(N, A, 4)` from all levels."""
        return {"cls_logits": self.classification_head(x), "bbox_regression": self.regression_head(x)}

    def compute_loss(
        self,
        targets: Sequence[Target],
        head_outputs: Mapping[str, Tensor],
        anchors: Sequence[Tensor],
        matched_idxs: Sequence[Tensor],
    ) -> dict[str, Tensor]:
        """Return the losses `classification` and `bbox_regression`."""
        return {
            "classification": self.classification_head.compute_loss(targets, head_outputs, matched_idxs),
            "bbox_regression": self.regression_head.compute_loss(targets, head_outputs, anchors, matched_idxs),
        }


class RetinaNet(PyramidDetector):
    """RetinaNet on any backbone; see `forward` for inputs and outputs.

    Subclasses may override `compute_loss`, `postprocess_detections` and `eager_outputs`.

    Args:
        backbone: Makes of images `(N, C, H, W)` levels, the finest first: a dictionary, a list or tuple, or one tensor.
            Its attribute `out_channels` tells the channels of every level.
        num_classes: Classes, labels counted from 0; there is none for the background.
        min_size, max_size, image_mean, image_std, **kwargs: Of `GeneralizedRCNNTransform`. If not given, mean and
            deviation are those of ImageNet.
        anchor_generator: For the levels of the backbone; if not given, three sizes and three shapes on each of five
            levels (section 4, "Anchors").
        head: As `RetinaNetHead`, which it is if not given.
        proposal_matcher: Instead of the two thresholds.
        score_thresh: Scores of detections are above it.
        nms_thresh: Overlap that detections of one class may have.
        detections_per_img: The best detections of an image that are returned.
        fg_iou_thresh: Least overlap of an anchor with the box that it is trained for.
        bg_iou_thresh: Below it an anchor is trained as background.
        topk_candidates: The best predictions of each level that are looked at.

    Raises:
        ValueError: `backbone` has no `out_channels`.
        TypeError: `anchor_generator` is no `AnchorGenerator`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from zoo_detection import AnchorGenerator, RetinaNet
        >>> backbone = nn.Conv2d(3, 8, 3, stride=16, padding=1)
        >>> anchors = AnchorGenerator(sizes=((32, 64),), aspect_ratios=((0.5, 1.0, 2.0),))
        >>> model = RetinaNet(backbone, num_classes=2, min_size=64, anchor_generator=anchors).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 50, 70)])]
        [['boxes', 'labels', 'scores']]
    """

    classifiers: ClassVar[tuple[str, ...]] = ("head.classification_head.cls_logits",)
    head: RetinaNetHead

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        min_size: int | Sequence[int] = 800,
        max_size: int = 1333,
        image_mean: Sequence[float] | None = None,
        image_std: Sequence[float] | None = None,
        anchor_generator: AnchorGenerator | None = None,
        head: RetinaNetHead | None = None,
        proposal_matcher: Matcher | None = None,
        score_thresh: float = 0.05,
        nms_thresh: float = 0.5,
        detections_per_img: int = 300,
        fg_iou_thresh: float = 0.5,
        bg_iou_thresh: float = 0.4,
        topk_candidates: int = 1000,
        **kwargs: Any,
    ) -> None:
        channels = require_out_channels(backbone)
        require_type("anchor_generator", anchor_generator, AnchorGenerator)
        anchor_generator = anchor_generator or _default_anchors()
        if head is None:
            head = RetinaNetHead(channels, anchor_generator.num_anchors_per_location()[0], num_classes)
        super().__init__(
            backbone=backbone,
            anchor_generator=anchor_generator,
            head=head,
            transform=imagenet_transform(min_size, max_size, image_mean, image_std, **kwargs),
            limits=Limits(score_thresh, nms_thresh, detections_per_img, topk_candidates),
        )
        self.proposal_matcher = proposal_matcher or Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True
        )
        self.box_coder = BoxCoder((1.0, 1.0, 1.0, 1.0))

    def compute_loss(
        self, targets: Sequence[Target], head_outputs: Mapping[str, Tensor], anchors: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """Return the losses `classification` and `bbox_regression`.

        Args:
            targets: What is true of each image, in the transform's coordinates.
            head_outputs: The head's, by name, `(N, A, ...)`.
            anchors: Those of each image, `(A, 4)`.
        """
        matches = match_all(self.proposal_matcher, targets, anchors)
        return self.head.compute_loss(targets, head_outputs, anchors, matches)

    def _losses(
        self, targets: Sequence[Target], outputs: dict[str, Tensor], anchors: Sequence[Tensor], sizes: Sequence[int]
    ) -> dict[str, Tensor]:
        return self.compute_loss(targets, outputs, anchors)

    def _detect_in_image(
        self, outputs: Mapping[str, Sequence[Tensor]], anchors: Sequence[Tensor], shape: tuple[int, int]
    ) -> Detections:
        """Choose the detections of one image (section 4.1, "Inference")."""
        levels = [
            best_of_level(level, self.score_thresh, self.limits, lambda logits, _: logits.sigmoid())
            for level in outputs["cls_logits"]
        ]
        best, (codes, places) = above(*joined(levels, outputs["bbox_regression"], anchors), self.score_thresh)
        return detections_of(best, self.box_coder.decode_single(codes, places), shape, self.limits)


def _default_anchors() -> AnchorGenerator:
    sides = [tuple(int(side * 2 ** (third / 3)) for third in range(3)) for side in (32, 64, 128, 256, 512)]
    return AnchorGenerator(sides, ((0.5, 1.0, 2.0),) * len(sides))


@builder(RetinaNet_ResNet50_FPN_Weights.COCO_V1, num_classes=91, backbone=RESNET50)
def retinanet_resnet50_fpn(
    *, weights: RetinaNet_ResNet50_FPN_Weights | None, backbone: ChosenBackbone[ResNet], **kwargs: Any
) -> RetinaNet:
    """RetinaNet with a ResNet-50 and a feature pyramid, P6 computed from P5.

    With any weights, the ResNet's batch norm is frozen.

    Example:
        >>> import torch
        >>> from zoo_detection import retinanet_resnet50_fpn
        >>> model = retinanet_resnet50_fpn(weights_backbone=None, num_classes=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """
    norm_layer = frozen_if_trained(backbone, without_epsilon=weights is RetinaNet_ResNet50_FPN_Weights.COCO_V1)
    return RetinaNet(resnet_p3_to_p7(backbone, norm_layer), **kwargs)


@builder(RetinaNet_ResNet50_FPN_V2_Weights.COCO_V1, num_classes=91, backbone=RESNET50_FROM_SCRATCH)
def retinanet_resnet50_fpn_v2(*, backbone: ChosenBackbone[ResNet], num_classes: int, **kwargs: Any) -> RetinaNet:
    """RetinaNet with group norm in its heads, P6 computed from C5, and a loss of generalized overlaps.

    The ResNet's batch norm is never frozen.
    """
    pyramid = resnet_p3_to_p7(backbone, nn.BatchNorm2d, p6_from=2048)
    anchors = kwargs.get("anchor_generator") or _default_anchors()
    require_type("anchor_generator", anchors, AnchorGenerator)
    head = RetinaNetHead(
        in_channels=pyramid.out_channels,
        num_anchors=anchors.num_anchors_per_location()[0],
        num_classes=num_classes,
        norm_layer=partial(nn.GroupNorm, 32),
        regression_loss="giou",
    )
    arguments: dict[str, Any] = {"anchor_generator": anchors, "head": head}
    return RetinaNet(pyramid, num_classes, **(arguments | kwargs))
