"""Faster R-CNN.

Shaoqing Ren, Kaiming He, Ross Girshick, Jian Sun: Faster R-CNN: Towards Real-Time Object Detection with Region Proposal
Networks, 2015, arXiv:1506.01497.
Yanghao Li, Saining Xie, Xinlei Chen, Piotr Dollár, Kaiming He, Ross Girshick: Benchmarking Detection Transfer Learning
with Vision Transformers, 2021, arXiv:2111.11429: the second version, with normalisation and more convolutions.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from torch import nn

from zoo_classification import MobileNet_V3_Large_Weights, ResNet50_Weights
from zoo_core.building import builder

from ._anchors import AnchorGenerator
from ._box_heads import FastRCNNConvFCHead, FastRCNNPredictor, TwoMLPHead
from ._generalized_rcnn import GeneralizedRCNN
from ._on_backbones import build_on_mobilenet, build_on_resnet50, require_anchors, require_out_channels
from ._roi_heads import RoIHeads, require_roi_pool
from ._rpn import RegionProposalNetwork, RPNHead
from ._transform import imagenet_transform
from .catalogue.faster_rcnn import (
    FasterRCNN_MobileNet_V3_Large_320_FPN_Weights,
    FasterRCNN_MobileNet_V3_Large_FPN_Weights,
    FasterRCNN_ResNet50_FPN_V2_Weights,
    FasterRCNN_ResNet50_FPN_Weights,
)
from .ops import MultiScaleRoIAlign

LEVELS = ("0", "1", "2", "3")
"""The levels of a pyramid that boxes are pooled from."""


class FasterRCNN(GeneralizedRCNN):
    """Finds objects: a box, a class and a score each. See `GeneralizedRCNN` for inputs and outputs.

    Args:
        backbone: Turns images `(N, 3, H, W)` into features of `out_channels` channels, or into a dictionary of such
            levels, the finest first. Has the attribute `out_channels`.
        num_classes: Classes, counting the background as 0; `None` if there is a `box_predictor`.
        min_size: Length in pixels that the shorter side of images is resized to; see `GeneralizedRCNNTransform`.
        max_size: Length that the longer side may have.
        image_mean: A value for each channel, of images in [0, 1]; those of ImageNet if not given.
        image_std: Likewise.
        rpn_anchor_generator: Gives the anchors; if not given, one size for each of five levels, in three shapes.
        rpn_head: Says which anchors hold objects; `RPNHead` if not given.
        rpn_pre_nms_top_n_train: Proposals of each level to look at in training.
        rpn_pre_nms_top_n_test: In evaluation.
        rpn_post_nms_top_n_train: Proposals of each image to keep in training.
        rpn_post_nms_top_n_test: In evaluation.
        rpn_nms_thresh: Overlap above which the less probable one of two proposals goes.
        rpn_fg_iou_thresh: Overlap with a true box from which an anchor is trained to find it.
        rpn_bg_iou_thresh: Overlap below which it is trained to be background.
        rpn_batch_size_per_image: Anchors drawn from each image for the losses.
        rpn_positive_fraction: Greatest share of them that finds objects.
        rpn_score_thresh: Least probability of a proposal.
        box_roi_pool: Pools the features of boxes; `MultiScaleRoIAlign` to 7 x 7 if not given.
        box_head: Represents pooled features; `TwoMLPHead` if not given.
        box_predictor: Scores and codes boxes; `FastRCNNPredictor` if not given.
        box_score_thresh: Score that a detection must exceed.
        box_nms_thresh: Overlap above which the less probable one of two detections of a class goes.
        box_detections_per_img: Detections of an image to return.
        box_fg_iou_thresh: Overlap with a true box from which a proposal is trained to find it.
        box_bg_iou_thresh: Overlap below which it is trained to be background.
        box_batch_size_per_image: Proposals drawn from each image for the losses.
        box_positive_fraction: Greatest share of them that finds objects.
        bbox_reg_weights: What codes of boxes are multiplied by; (10, 10, 5, 5) if not given.
        **kwargs: Passed on to `GeneralizedRCNNTransform`.

    Raises:
        ValueError: The backbone does not tell `out_channels`, or both or none of `num_classes` and `box_predictor` are
            given.
        TypeError: The anchor generator or the pooling is something else.

    Example:
        >>> import torch
        >>> backbone = nn.Conv2d(3, 8, 16, stride=16)  # any network with `out_channels` is one
        >>> anchors = AnchorGenerator(sizes=((16, 32),), aspect_ratios=((0.5, 1.0, 2.0),))
        >>> pool = MultiScaleRoIAlign(["0"], output_size=7, sampling_ratio=2)
        >>> model = FasterRCNN(backbone, 3, min_size=64, rpn_anchor_generator=anchors, box_roi_pool=pool).eval()
        >>> (found,) = model([torch.rand(3, 60, 80)])
        >>> sorted(found)
        ['boxes', 'labels', 'scores']
    """

    classifiers: ClassVar[tuple[str, ...]] = ("roi_heads.box_predictor",)

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int | None = None,
        min_size: int | Sequence[int] = 800,
        max_size: int = 1333,
        image_mean: Sequence[float] | None = None,
        image_std: Sequence[float] | None = None,
        rpn_anchor_generator: AnchorGenerator | None = None,
        rpn_head: nn.Module | None = None,
        rpn_pre_nms_top_n_train: int = 2000,
        rpn_pre_nms_top_n_test: int = 1000,
        rpn_post_nms_top_n_train: int = 2000,
        rpn_post_nms_top_n_test: int = 1000,
        rpn_nms_thresh: float = 0.7,
        rpn_fg_iou_thresh: float = 0.7,
        rpn_bg_iou_thresh: float = 0.3,
        rpn_batch_size_per_image: int = 256,
        rpn_positive_fraction: float = 0.5,
        rpn_score_thresh: float = 0.0,
        box_roi_pool: nn.Module | None = None,
        box_head: nn.Module | None = None,
        box_predictor: nn.Module | None = None,
        box_score_thresh: float = 0.05,
        box_nms_thresh: float = 0.5,
        box_detections_per_img: int = 100,
        box_fg_iou_thresh: float = 0.5,
        box_bg_iou_thresh: float = 0.5,
        box_batch_size_per_image: int = 512,
        box_positive_fraction: float = 0.25,
        bbox_reg_weights: tuple[float, float, float, float] | None = None,
        **kwargs: Any,
    ) -> None:
        out_channels = require_out_channels(backbone)
        require_anchors("rpn_anchor_generator", rpn_anchor_generator)
        require_roi_pool("box_roi_pool", box_roi_pool)
        require_one_of("num_classes", num_classes, "box_predictor", box_predictor)
        anchors = default_anchors() if rpn_anchor_generator is None else rpn_anchor_generator
        if rpn_head is None:
            rpn_head = RPNHead(out_channels, anchors.num_anchors_per_location()[0])
        if box_roi_pool is None:
            box_roi_pool = MultiScaleRoIAlign(LEVELS, output_size=7, sampling_ratio=2)
        if box_head is None:
            box_head = TwoMLPHead(out_channels * 7**2, 1024)
        if box_predictor is None:
            box_predictor = FastRCNNPredictor(1024, num_classes or 0)
        rpn = RegionProposalNetwork(
            anchors,
            rpn_head,
            rpn_fg_iou_thresh,
            rpn_bg_iou_thresh,
            rpn_batch_size_per_image,
            rpn_positive_fraction,
            {"training": rpn_pre_nms_top_n_train, "testing": rpn_pre_nms_top_n_test},
            {"training": rpn_post_nms_top_n_train, "testing": rpn_post_nms_top_n_test},
            rpn_nms_thresh,
            rpn_score_thresh,
        )
        roi_heads = RoIHeads(
            box_roi_pool,
            box_head,
            box_predictor,
            box_fg_iou_thresh,
            box_bg_iou_thresh,
            box_batch_size_per_image,
            box_positive_fraction,
            bbox_reg_weights,
            box_score_thresh,
            box_nms_thresh,
            box_detections_per_img,
        )
        transform = imagenet_transform(min_size, max_size, image_mean, image_std, **kwargs)
        super().__init__(backbone, rpn, roi_heads, transform)


def second_version(anchors: AnchorGenerator | None) -> dict[str, Callable[[], nn.Module]]:
    """Return what makes the heads for proposals and boxes of the second version, on a pyramid of 256 channels.

    Args:
        anchors: What the proposals start from; `default_anchors` if `None`.
    """
    require_anchors("rpn_anchor_generator", anchors)
    num_anchors = (anchors or default_anchors()).num_anchors_per_location()[0]
    return {
        "rpn_head": partial(RPNHead, 256, num_anchors, conv_depth=2),
        "box_head": partial(FastRCNNConvFCHead, (256, 7, 7), (256,) * 4, (1024,), norm_layer=nn.BatchNorm2d),
    }


def default_anchors() -> AnchorGenerator:
    """Return a generator of one size of anchors for each of five levels, in three shapes (Feature Pyramid Networks)."""
    sizes = ((32,), (64,), (128,), (256,), (512,))
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))


def require_one_of(number_name: str, number: int | None, predictor_name: str, predictor: nn.Module | None) -> None:
    """Check that either a predictor or what is needed to build one is given.

    Raises:
        ValueError: Both are, or none, or the number is not positive.
    """
    if predictor is not None and number is not None:
        raise ValueError(f"{number_name} should be None when {predictor_name} is specified, found {number}")
    if predictor is None and number is None:
        raise ValueError(f"{number_name} should not be None when {predictor_name} is not specified")
    if number is not None and number < 1:
        raise ValueError(f"{number_name} should be a positive integer, found {number}")


@builder(weights=FasterRCNN_ResNet50_FPN_Weights.COCO_V1, weights_backbone=ResNet50_Weights.IMAGENET1K_V1)
def fasterrcnn_resnet50_fpn(
    *,
    weights: FasterRCNN_ResNet50_FPN_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    weights_backbone: ResNet50_Weights | str | None = ResNet50_Weights.IMAGENET1K_V1,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> FasterRCNN:
    """Faster R-CNN on a ResNet-50 with a feature pyramid.

    Args:
        weights: A member of `FasterRCNN_ResNet50_FPN_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        num_classes: Classes, counting the background as 0; those of the weights, or 91, if not given.
        weights_backbone: Weights of the ResNet, where `weights` is `None`. With either, its batch norm is frozen.
        trainable_backbone_layers: How many of the ResNet's five layers train, from the last on; 3 if not given, and all
            without any weights.
        **kwargs: Passed on to `FasterRCNN`.

    Example:
        >>> import torch
        >>> model = fasterrcnn_resnet50_fpn(weights_backbone=None, num_classes=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """
    return build_on_resnet50(
        FasterRCNN,
        weights=weights,
        progress=progress,
        num_classes=num_classes,
        weights_backbone=weights_backbone,
        trainable_backbone_layers=trainable_backbone_layers,
        without_epsilon=(FasterRCNN_ResNet50_FPN_Weights.COCO_V1,),
        **kwargs,
    )


@builder(weights=FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1, weights_backbone=ResNet50_Weights.IMAGENET1K_V1)
def fasterrcnn_resnet50_fpn_v2(
    *,
    weights: FasterRCNN_ResNet50_FPN_V2_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    weights_backbone: ResNet50_Weights | str | None = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> FasterRCNN:
    """Faster R-CNN with batch norm in the pyramid and the box head, and more convolutions (arXiv:2111.11429).

    Args:
        weights: A member of `FasterRCNN_ResNet50_FPN_V2_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        num_classes: Classes, counting the background as 0; those of the weights, or 91, if not given.
        weights_backbone: Weights of the ResNet, where `weights` is `None`. Its batch norm is never frozen.
        trainable_backbone_layers: How many of the ResNet's five layers train, from the last on; 3 if not given, and all
            without any weights.
        **kwargs: Passed on to `FasterRCNN`.

    Example:
        >>> import torch
        >>> model = fasterrcnn_resnet50_fpn_v2(num_classes=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """
    return build_on_resnet50(
        FasterRCNN,
        weights=weights,
        progress=progress,
        num_classes=num_classes,
        weights_backbone=weights_backbone,
        trainable_backbone_layers=trainable_backbone_layers,
        norm_layer=nn.BatchNorm2d,
        heads=second_version(kwargs.get("rpn_anchor_generator")),
        **kwargs,
    )


@builder(
    weights=FasterRCNN_MobileNet_V3_Large_FPN_Weights.COCO_V1,
    weights_backbone=MobileNet_V3_Large_Weights.IMAGENET1K_V1,
)
def fasterrcnn_mobilenet_v3_large_fpn(
    *,
    weights: FasterRCNN_MobileNet_V3_Large_FPN_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    weights_backbone: MobileNet_V3_Large_Weights | str | None = MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> FasterRCNN:
    """Faster R-CNN on a MobileNetV3-Large with a feature pyramid.

    Args:
        weights: A member of `FasterRCNN_MobileNet_V3_Large_FPN_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        num_classes: Classes, counting the background as 0; those of the weights, or 91, if not given.
        weights_backbone: Weights of the MobileNet, where `weights` is `None`. With either, its batch norm is frozen.
        trainable_backbone_layers: How many of the MobileNet's six stages train, from the last on; 3 if not given, and
            all without any weights.
        **kwargs: Passed on to `FasterRCNN`.

    Example:
        >>> import torch
        >>> model = fasterrcnn_mobilenet_v3_large_fpn(weights_backbone=None, num_classes=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """
    return build_on_mobilenet(
        FasterRCNN,
        weights=weights,
        progress=progress,
        num_classes=num_classes,
        weights_backbone=weights_backbone,
        trainable_backbone_layers=trainable_backbone_layers,
        **_mobile_anchors(),
        **({"rpn_score_thresh": 0.05} | kwargs),
    )


@builder(
    weights=FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1,
    weights_backbone=MobileNet_V3_Large_Weights.IMAGENET1K_V1,
)
def fasterrcnn_mobilenet_v3_large_320_fpn(
    *,
    weights: FasterRCNN_MobileNet_V3_Large_320_FPN_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    weights_backbone: MobileNet_V3_Large_Weights | str | None = MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> FasterRCNN:
    """Faster R-CNN on a MobileNetV3-Large with a feature pyramid, for images of 320 pixels and few proposals.

    Args:
        weights: A member of `FasterRCNN_MobileNet_V3_Large_320_FPN_Weights` or its name; `None` to initialise at
            random.
        progress: Show a bar while downloading.
        num_classes: Classes, counting the background as 0; those of the weights, or 91, if not given.
        weights_backbone: Weights of the MobileNet, where `weights` is `None`. With either, its batch norm is frozen.
        trainable_backbone_layers: How many of the MobileNet's six stages train, from the last on; 3 if not given, and
            all without any weights.
        **kwargs: Passed on to `FasterRCNN`.

    Example:
        >>> import torch
        >>> model = fasterrcnn_mobilenet_v3_large_320_fpn(weights_backbone=None, num_classes=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """
    few = {
        "min_size": 320,
        "max_size": 640,
        "rpn_pre_nms_top_n_test": 150,
        "rpn_post_nms_top_n_test": 150,
        "rpn_score_thresh": 0.05,
    }
    return build_on_mobilenet(
        FasterRCNN,
        weights=weights,
        progress=progress,
        num_classes=num_classes,
        weights_backbone=weights_backbone,
        trainable_backbone_layers=trainable_backbone_layers,
        **_mobile_anchors(),
        **(few | kwargs),
    )


def _mobile_anchors() -> dict[str, AnchorGenerator]:
    """Return a generator of five sizes of anchors on each of three levels."""
    return {"rpn_anchor_generator": AnchorGenerator(((32, 64, 128, 256, 512),) * 3, ((0.5, 1.0, 2.0),) * 3)}
