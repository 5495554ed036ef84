"""Faster R-CNN.

Shaoqing Ren, Kaiming He, Ross Girshick, Jian Sun: Faster R-CNN: Towards Real-Time Object Detection with Region Proposal
Networks, 2015, arXiv:1506.01497.
Yanghao Li, Saining Xie, Xinlei Chen, Piotr Dollár, Kaiming He, Ross Girshick: Benchmarking Detection Transfer Learning
with Vision Transformers, 2021, arXiv:2111.11429: the second version, with normalisation and more convolutions.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from torch import nn

from zoo_classification import MobileNetV3, ResNet
from zoo_core.building import ChosenBackbone, builder

from .backbones.mobilenet import MOBILENET_V3_LARGE, mobilenet_extractor
from .backbones.networks import frozen_if_trained
from .backbones.pyramid import require_out_channels
from .backbones.resnet import RESNET50, RESNET50_FROM_SCRATCH, resnet_pyramid
from .boxes.anchors import AnchorGenerator
from .catalogue.faster_rcnn import (
    FasterRCNN_MobileNet_V3_Large_320_FPN_Weights,
    FasterRCNN_MobileNet_V3_Large_FPN_Weights,
    FasterRCNN_ResNet50_FPN_V2_Weights,
    FasterRCNN_ResNet50_FPN_Weights,
)
from .foundation.checks import require_type
from .inputs.transform import imagenet_transform
from .ops import MultiScaleRoIAlign
from .two_stage.box_heads import FastRCNNConvFCHead, FastRCNNPredictor, TwoMLPHead
from .two_stage.generalized_rcnn import GeneralizedRCNN
from .two_stage.roi_heads import RoIHeads
from .two_stage.rpn import RegionProposalNetwork, RPNHead

LEVELS = ("0", "1", "2", "3")
"""The levels of a pyramid that boxes are pooled from."""


class FasterRCNN(GeneralizedRCNN):
    """Finds objects: a box, a class and a score each. See `GeneralizedRCNN` for inputs and outputs.

    Args:
        backbone: Turns images `(N, 3, H, W)` into features of `out_channels` channels, or into a dictionary of such
            levels, the finest first. Has the attribute `out_channels`.
        num_classes: Classes, counting the background as 0; `None` if there is a `box_predictor`.
        min_size, max_size, image_mean, image_std, **kwargs: Of `GeneralizedRCNNTransform`. If not given, mean and
            deviation are those of ImageNet.
        rpn_anchor_generator: If not given, it makes one size for each of five levels, in three shapes.
        rpn_head: `RPNHead` if not given. It and all other `rpn_…` are arguments of `RegionProposalNetwork`; those with
            `_train` hold in training, those with `_test` in evaluation.
        box_roi_pool: `MultiScaleRoIAlign` to 7 x 7 if not given.
        box_head: `TwoMLPHead` if not given.
        box_predictor: `FastRCNNPredictor` if not given.
        bbox_reg_weights: It and all other `box_…` are arguments of `RoIHeads`.

    Raises:
        ValueError: The backbone does not tell `out_channels`, or both or none of `num_classes` and `box_predictor` are
            given.
        TypeError: The anchor generator or the pooling is something else.

    Example:
        >>> from torch import nn
        >>> from zoo_detection import AnchorGenerator, FasterRCNN
        >>> from zoo_detection.ops import MultiScaleRoIAlign
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
        require_type("rpn_anchor_generator", rpn_anchor_generator, AnchorGenerator)
        require_type("box_roi_pool", box_roi_pool, MultiScaleRoIAlign)
        require_one_of("num_classes", num_classes, "box_predictor", box_predictor)
        anchors = default_anchors() if rpn_anchor_generator is None else rpn_anchor_generator
        rpn = RegionProposalNetwork(
            anchor_generator=anchors,
            head=RPNHead(out_channels, anchors.num_anchors_per_location()[0]) if rpn_head is None else rpn_head,
            fg_iou_thresh=rpn_fg_iou_thresh,
            bg_iou_thresh=rpn_bg_iou_thresh,
            batch_size_per_image=rpn_batch_size_per_image,
            positive_fraction=rpn_positive_fraction,
            pre_nms_top_n={"training": rpn_pre_nms_top_n_train, "testing": rpn_pre_nms_top_n_test},
            post_nms_top_n={"training": rpn_post_nms_top_n_train, "testing": rpn_post_nms_top_n_test},
            nms_thresh=rpn_nms_thresh,
            score_thresh=rpn_score_thresh,
        )
        if box_roi_pool is None:
            box_roi_pool = MultiScaleRoIAlign(LEVELS, output_size=7, sampling_ratio=2)
        roi_heads = RoIHeads(
            box_roi_pool=box_roi_pool,
            box_head=TwoMLPHead(out_channels * 7**2, 1024) if box_head is None else box_head,
            box_predictor=FastRCNNPredictor(1024, num_classes or 0) if box_predictor is None else box_predictor,
            fg_iou_thresh=box_fg_iou_thresh,
            bg_iou_thresh=box_bg_iou_thresh,
            batch_size_per_image=box_batch_size_per_image,
            positive_fraction=box_positive_fraction,
            bbox_reg_weights=bbox_reg_weights,
            score_thresh=box_score_thresh,
            nms_thresh=box_nms_thresh,
            detections_per_img=box_detections_per_img,
        )
        transform = imagenet_transform(min_size, max_size, image_mean, image_std, **kwargs)
        super().__init__(backbone, rpn, roi_heads, transform)


def second_version(given: Mapping[str, Any], **heads: Callable[[], nn.Module]) -> dict[str, Any]:
    """Return the arguments of the second version on a pyramid of 256 channels: its heads, but for what is `given`."""
    anchors = given.get("rpn_anchor_generator")
    require_type("rpn_anchor_generator", anchors, AnchorGenerator)
    num_anchors = (anchors or default_anchors()).num_anchors_per_location()[0]
    makers: dict[str, Callable[[], nn.Module]] = {
        "rpn_head": partial(RPNHead, 256, num_anchors, conv_depth=2),
        "box_head": partial(FastRCNNConvFCHead, (256, 7, 7), (256,) * 4, (1024,), norm_layer=nn.BatchNorm2d),
        **heads,
    }
    return {name: make() for name, make in makers.items() if name not in given} | dict(given)


def default_anchors() -> AnchorGenerator:
    """Return a generator of one size of anchors for each of five levels, in three shapes (Feature Pyramid Networks)."""
    sizes = ((32,), (64,), (128,), (256,), (512,))
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))


def require_one_of(number_name: str, number: int | None, predictor_name: str, predictor: nn.Module | None) -> None:
    """Check that either a predictor or the positive number that one is built for is given, else raise `ValueError`."""
    if predictor is not None and number is not None:
        raise ValueError(f"{number_name} should be None when {predictor_name} is specified, found {number}")
    if predictor is None and number is None:
        raise ValueError(f"{number_name} should not be None when {predictor_name} is not specified")
    if number is not None and number < 1:
        raise ValueError(f"{number_name} should be a positive integer, found {number}")


@builder(FasterRCNN_ResNet50_FPN_Weights.COCO_V1, num_classes=91, backbone=RESNET50)
def fasterrcnn_resnet50_fpn(
    *, weights: FasterRCNN_ResNet50_FPN_Weights | None, backbone: ChosenBackbone[ResNet], **kwargs: Any
) -> FasterRCNN:
    """Faster R-CNN on a ResNet-50 with a feature pyramid. With any weights, its batch norm is frozen.

    Example:
        >>> import torch
        >>> from zoo_detection import fasterrcnn_resnet50_fpn
        >>> model = fasterrcnn_resnet50_fpn(weights_backbone=None, num_classes=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """
    norm_layer = frozen_if_trained(backbone, without_epsilon=weights is FasterRCNN_ResNet50_FPN_Weights.COCO_V1)
    return FasterRCNN(resnet_pyramid(backbone, norm_layer), **kwargs)


@builder(FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1, num_classes=91, backbone=RESNET50_FROM_SCRATCH)
def fasterrcnn_resnet50_fpn_v2(*, backbone: ChosenBackbone[ResNet], **kwargs: Any) -> FasterRCNN:
    """Faster R-CNN with batch norm in the pyramid and the box head, and more convolutions (arXiv:2111.11429).

    The ResNet's batch norm is never frozen.
    """
    pyramid = resnet_pyramid(backbone, nn.BatchNorm2d, norm_layer=nn.BatchNorm2d)
    return FasterRCNN(pyramid, **second_version(kwargs))


@builder(FasterRCNN_MobileNet_V3_Large_FPN_Weights.COCO_V1, num_classes=91, backbone=MOBILENET_V3_LARGE)
def fasterrcnn_mobilenet_v3_large_fpn(*, backbone: ChosenBackbone[MobileNetV3], **kwargs: Any) -> FasterRCNN:
    """Faster R-CNN on a MobileNetV3-Large with a feature pyramid. With any weights, its batch norm is frozen."""
    return _on_mobilenet(backbone, **({"rpn_score_thresh": 0.05} | kwargs))


@builder(FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1, num_classes=91, backbone=MOBILENET_V3_LARGE)
def fasterrcnn_mobilenet_v3_large_320_fpn(*, backbone: ChosenBackbone[MobileNetV3], **kwargs: Any) -> FasterRCNN:
    """Faster R-CNN on a MobileNetV3-Large with a feature pyramid, for images of 320 pixels and few proposals.

    With any weights, the MobileNet's batch norm is frozen.
    """
    few = {
        "min_size": 320,
        "max_size": 640,
        "rpn_pre_nms_top_n_test": 150,
        "rpn_post_nms_top_n_test": 150,
        "rpn_score_thresh": 0.05,
    }
    return _on_mobilenet(backbone, **(few | kwargs))


def _on_mobilenet(backbone: ChosenBackbone[MobileNetV3], **kwargs: Any) -> FasterRCNN:
    """Build a detector on two levels of a MobileNet and one more, with five sizes of anchors on each of the three."""
    network = backbone.build(norm_layer=frozen_if_trained(backbone))
    pyramid = mobilenet_extractor(network, fpn=True, trainable_layers=backbone.trainable_layers)
    anchors = AnchorGenerator(((32, 64, 128, 256, 512),) * 3, ((0.5, 1.0, 2.0),) * 3)
    return FasterRCNN(pyramid, rpn_anchor_generator=anchors, **kwargs)
