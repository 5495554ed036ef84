"""Small detectors for drawn shapes: a package as anybody may write it, whose models train in minutes on one core."""

from functools import partial
from typing import Any

from torch import nn

from zoo_core.building import builder
from zoo_core.layers import ConvNormActivation
from zoo_detection import (
    SSD,
    AnchorGenerator,
    BackboneWithFPN,
    DefaultBoxGenerator,
    FasterRCNN,
    FastRCNNPredictor,
    KeypointRCNN,
    KeypointRCNNHeads,
    KeypointRCNNPredictor,
    MaskRCNN,
    MaskRCNNHeads,
    MaskRCNNPredictor,
    SSDLiteHead,
    TwoMLPHead,
)

from .catalogue.shapes import (
    FasterRCNN_Shapes_Weights,
    KeypointRCNN_Shapes_Weights,
    MaskRCNN_Shapes_Weights,
    SSDLite_Shapes_Weights,
)

CHANNELS = 48


def body(finest: int = 0) -> BackboneWithFPN:
    """Build strided convolutions with a pyramid on the stages from `finest` on."""
    unit = partial(ConvNormActivation, kernel_size=3)
    stages = nn.Sequential(
        nn.Sequential(unit(3, 16, stride=2), unit(16, 24, stride=2)),
        nn.Sequential(unit(24, 48, stride=2), unit(48, 48)),
        nn.Sequential(unit(48, 64, stride=2), unit(64, 64)),
    )
    returned = {str(stage): str(stage - finest) for stage in range(finest, 3)}
    return BackboneWithFPN(stages, returned, [24, 48, 64][finest:], CHANNELS)


def arguments(num_classes: int, size: int) -> dict[str, Any]:
    """Return what all of them are built with."""
    return {
        "min_size": size,
        "max_size": size,
        "rpn_anchor_generator": AnchorGenerator(((16,), (24,), (36,), (52,)), ((1.0,),) * 4),
        "rpn_pre_nms_top_n_train": 200,
        "rpn_post_nms_top_n_train": 100,
        "rpn_pre_nms_top_n_test": 100,
        "rpn_post_nms_top_n_test": 50,
        "box_head": TwoMLPHead(CHANNELS * 7**2, 128),
        "box_predictor": FastRCNNPredictor(128, num_classes),
        "box_batch_size_per_image": 32,
        "box_detections_per_img": 20,
    }


@builder(FasterRCNN_Shapes_Weights.V1, num_classes=4)
def fasterrcnn_shapes(num_classes: int = 4, size: int = 128) -> FasterRCNN:
    """Build a small Faster R-CNN."""
    return FasterRCNN(body(), **arguments(num_classes, size))


@builder(MaskRCNN_Shapes_Weights.V1, num_classes=4)
def maskrcnn_shapes(num_classes: int = 4, size: int = 128) -> MaskRCNN:
    """Build a small Mask R-CNN."""
    return MaskRCNN(
        body(),
        mask_head=MaskRCNNHeads(CHANNELS, (CHANNELS,) * 2),
        mask_predictor=MaskRCNNPredictor(CHANNELS, CHANNELS, num_classes),
        **arguments(num_classes, size),
    )


@builder(KeypointRCNN_Shapes_Weights.V1, num_classes=4)
def keypointrcnn_shapes(num_classes: int = 4, size: int = 128, num_keypoints: int = 3) -> KeypointRCNN:
    """Build a small Keypoint R-CNN."""
    return KeypointRCNN(
        body(),
        keypoint_head=KeypointRCNNHeads(CHANNELS, (CHANNELS,) * 2),
        keypoint_predictor=KeypointRCNNPredictor(CHANNELS, num_keypoints),
        **arguments(num_classes, size),
    )


@builder(SSDLite_Shapes_Weights.V1, num_classes=4)
def ssdlite_shapes(num_classes: int = 4, size: int = 128) -> SSD:
    """Build a small SSDlite."""
    anchors = DefaultBoxGenerator([[2]] * 3, scales=[0.16, 0.27, 0.4, 0.5])
    per_place = anchors.num_anchors_per_location()
    head = SSDLiteHead([CHANNELS] * 3, per_place, num_classes, nn.BatchNorm2d)
    return SSD(body(finest=1), anchors, (size, size), num_classes, head=head)
