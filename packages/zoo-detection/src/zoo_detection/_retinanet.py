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

from zoo_classification import ResNet50_Weights
from zoo_core.building import build, builder
from zoo_core.layers import ConvNormActivation, require_positive

from . import ops
from ._anchors import AnchorGenerator, by_anchor
from ._backbones import NormLayer, zero_epsilon
from ._box_coding import BoxCoder
from ._box_losses import BoxLoss, box_regression_loss
from ._dense import (
    DenseDetector,
    Detections,
    Limits,
    above,
    best_of_level,
    detections_of,
    joined,
    match_all,
    set_prior,
)
from ._initialization import initialise_normal
from ._matching import BETWEEN_THRESHOLDS, Matcher
from ._on_backbones import given, pyramid_of_resnet50, require_anchors, require_out_channels
from ._transform import Target, imagenet_transform
from .catalogue.retinanet import RetinaNet_ResNet50_FPN_V2_Weights, RetinaNet_ResNet50_FPN_Weights


class _Tower(nn.Module):
    """Four convolutions that are applied to every level, and what files called them before."""

    def __init__(self, in_channels: int, norm_layer: NormLayer | None) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *(ConvNormActivation(in_channels, in_channels, norm_layer=norm_layer) for _ in range(4))
        )
        self.register_load_state_dict_pre_hook(_rename_older_keys)  # type: ignore[no-untyped-call]


def _rename_older_keys(
    module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any
) -> None:  # as torch calls it
    """Give files from before a convolution and its activation became one unit the names of today."""
    for index in range(4):
        for kind in ("weight", "bias"):
            old = f"{prefix}conv.{2 * index}.{kind}"
            if old in state_dict:
                state_dict[f"{prefix}conv.{index}.0.{kind}"] = state_dict.pop(old)


class RetinaNetClassificationHead(_Tower):
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
        super().__init__(in_channels, norm_layer)
        require_positive(num_classes=num_classes, num_anchors=num_anchors)
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, 3, padding=1)
        self.apply(initialise_normal)
        set_prior(self.cls_logits, prior_probability)
        self.num_classes = num_classes
        self.num_anchors = num_anchors

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Score levels `(N, in_channels, h, w)`: logits `(N, A, num_classes)` of the anchors of all levels."""
        return torch.cat([by_anchor(self.cls_logits(self.conv(level)), self.num_classes) for level in x], dim=1)

    def compute_loss(
        self,
        targets: Sequence[Target],
        head_outputs: Mapping[str, Tensor],
        matched_idxs: Sequence[Tensor],
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


class RetinaNetRegressionHead(_Tower):
    """Predicts how each anchor becomes a box (section 4, "Box Regression Subnet").

    Args:
        in_channels: Channels of every level.
        num_anchors: Anchors at each place.
        norm_layer: Called with a number of channels; `None` for no normalisation.
        loss: What it trains with: `"l1"`, `"smooth_l1"`, `"giou"`, `"diou"` or `"ciou"`.
    """

    def __init__(
        self, in_channels: int, num_anchors: int, norm_layer: NormLayer | None = None, *, loss: BoxLoss = "l1"
    ) -> None:
        super().__init__(in_channels, norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, 3, padding=1)
        self.apply(initialise_normal)
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
        in_channels: Channels of every level.
        num_anchors: Anchors at each place.
        num_classes: Classes.
        norm_layer: Called with a number of channels; `None` for no normalisation.
        regression_loss: As `loss` of `RetinaNetRegressionHead`.

    Example:
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


class RetinaNet(DenseDetector):
    """RetinaNet on any backbone.

    Args:
        backbone: Makes of images `(N, C, H, W)` an ordered dictionary of levels, the finest first, or one tensor. Its
            attribute `out_channels` tells the channels of every level.
        num_classes: Classes, labels counted from 0; there is none for the background.
        min_size: Length that the shorter side of images is resized to, in pixels; of several, training draws one.
        max_size: Length that the longer side may have.
        image_mean: A value for each channel, subtracted from images; that of ImageNet if not given.
        image_std: A value for each channel, by which the difference is divided; that of ImageNet if not given.
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
        **kwargs: Passed on to `GeneralizedRCNNTransform`.

    Shape:
        A list of images `(C, H, W)` in [0, 1], and in training a list of targets, to a dictionary of losses in
        training, and a list of dictionaries with `boxes` `(D, 4)`, `scores` and `labels` in evaluation.

    Raises:
        ValueError: `backbone` has no `out_channels`.
        TypeError: `anchor_generator` is no `AnchorGenerator`.

    Example:
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
        require_anchors("anchor_generator", anchor_generator)
        anchor_generator = anchor_generator or _default_anchors()
        if head is None:
            head = RetinaNetHead(channels, anchor_generator.num_anchors_per_location()[0], num_classes)
        super().__init__(
            backbone,
            anchor_generator,
            head,
            imagenet_transform(min_size, max_size, image_mean, image_std, **kwargs),
            Limits(score_thresh, nms_thresh, detections_per_img, topk_candidates),
        )
        self.proposal_matcher = proposal_matcher or Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True
        )
        self.box_coder = BoxCoder((1.0, 1.0, 1.0, 1.0))

    def compute_loss(
        self,
        targets: Sequence[Target],
        head_outputs: Mapping[str, Tensor],
        anchors: Sequence[Tensor],
        num_anchors_per_level: Sequence[int] = (),
    ) -> dict[str, Tensor]:
        """Return the losses `classification` and `bbox_regression`."""
        matches = match_all(self.proposal_matcher, targets, anchors)
        return self.head.compute_loss(targets, head_outputs, anchors, matches)

    def postprocess_detections(
        self,
        head_outputs: Mapping[str, Tensor],
        anchors: Sequence[Tensor],
        image_shapes: Sequence[tuple[int, int]],
        num_anchors_per_level: Sequence[int],
    ) -> list[Detections]:
        """Choose the detections of each image, in the transform's coordinates (section 4.1, "Inference")."""
        return [
            self._detections(logits, codes, places, shape, num_anchors_per_level)
            for logits, codes, places, shape in zip(
                head_outputs["cls_logits"], head_outputs["bbox_regression"], anchors, image_shapes, strict=True
            )
        ]

    def _detections(
        self, logits: Tensor, codes: Tensor, anchors: Tensor, shape: tuple[int, int], sizes: Sequence[int]
    ) -> Detections:
        levels = [
            best_of_level(level, self.score_thresh, self.limits, lambda logits, _: logits.sigmoid())
            for level in torch.split(logits, list(sizes))
        ]
        best = above(joined(levels, sizes), self.score_thresh)
        boxes = self.box_coder.decode_single(codes[best.anchors], anchors[best.anchors])
        return detections_of(best, boxes, shape, self.limits)


def _default_anchors() -> AnchorGenerator:
    sides = [tuple(int(side * 2 ** (third / 3)) for third in range(3)) for side in (32, 64, 128, 256, 512)]
    return AnchorGenerator(sides, ((0.5, 1.0, 2.0),) * len(sides))


@builder(weights=RetinaNet_ResNet50_FPN_Weights.COCO_V1, weights_backbone=ResNet50_Weights.IMAGENET1K_V1)
def retinanet_resnet50_fpn(
    *,
    weights: RetinaNet_ResNet50_FPN_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    weights_backbone: ResNet50_Weights | str | None = ResNet50_Weights.IMAGENET1K_V1,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> RetinaNet:
    """RetinaNet with a ResNet-50 and a feature pyramid, P6 computed from P5.

    Args:
        weights: A member of `RetinaNet_ResNet50_FPN_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        num_classes: Classes; those of the weights, else 91, if not given.
        weights_backbone: Of the ResNet, where `weights` is `None`. With either, its batch norm is frozen.
        trainable_backbone_layers: How many of the ResNet's five layers train: 3 if not given, all without any weights.
        **kwargs: Passed on to `RetinaNet`.

    Example:
        >>> model = retinanet_resnet50_fpn(weights_backbone=None, num_classes=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """

    def network(num_classes: int = 91, **kwargs: Any) -> RetinaNet:
        backbone = pyramid_of_resnet50(weights, weights_backbone, trainable_backbone_layers, progress=progress)
        return RetinaNet(backbone, num_classes, **kwargs)

    model = build(network, weights=weights, progress=progress, **given(num_classes=num_classes), **kwargs)
    if weights is RetinaNet_ResNet50_FPN_Weights.COCO_V1:
        zero_epsilon(model)
    return model


@builder(weights=RetinaNet_ResNet50_FPN_V2_Weights.COCO_V1, weights_backbone=ResNet50_Weights.IMAGENET1K_V1)
def retinanet_resnet50_fpn_v2(
    *,
    weights: RetinaNet_ResNet50_FPN_V2_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    weights_backbone: ResNet50_Weights | str | None = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> RetinaNet:
    """RetinaNet with group norm in its heads, P6 computed from C5, and a loss of generalized overlaps.

    Args:
        weights: A member of `RetinaNet_ResNet50_FPN_V2_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        num_classes: Classes; those of the weights, else 91, if not given.
        weights_backbone: Of the ResNet, where `weights` is `None`. Its batch norm is never frozen.
        trainable_backbone_layers: How many of the ResNet's five layers train: 3 if not given, all without any weights.
        **kwargs: Passed on to `RetinaNet`.

    Example:
        >>> model = retinanet_resnet50_fpn_v2(num_classes=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """

    def network(num_classes: int = 91, **kwargs: Any) -> RetinaNet:
        backbone = pyramid_of_resnet50(
            weights, weights_backbone, trainable_backbone_layers, frozen=False, p6_from=2048, progress=progress
        )
        generator = kwargs.get("anchor_generator") or _default_anchors()
        require_anchors("anchor_generator", generator)
        head = RetinaNetHead(
            backbone.out_channels,
            generator.num_anchors_per_location()[0],
            num_classes,
            norm_layer=partial(nn.GroupNorm, 32),
            regression_loss="giou",
        )
        return RetinaNet(backbone, num_classes, **{"anchor_generator": generator, "head": head, **kwargs})

    return build(network, weights=weights, progress=progress, **given(num_classes=num_classes), **kwargs)
