"""Small networks of all tasks, with weights entries whose pictures are small, and what programs make of both."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from detection.one_stage.test_dense_detectors import TwoLevels, fcos, retinanet, ssd
from zoo_core import Weights, WeightsEnum
from zoo_core.transforms import (
    ImageClassification,
    ObjectDetection,
    OpticalFlow,
    SemanticSegmentation,
    VideoClassification,
)
from zoo_detection import (
    AnchorGenerator,
    FastRCNNPredictor,
    KeypointRCNN,
    KeypointRCNNHeads,
    KeypointRCNNPredictor,
    MaskRCNN,
    MaskRCNNHeads,
    MaskRCNNPredictor,
    TwoMLPHead,
)
from zoo_detection.foundation.tracing import TELLS_EXPORT_APART
from zoo_detection.ops import MultiScaleRoIAlign
from zoo_export import Program
from zoo_export.programs.classification import ClassificationProgram
from zoo_export.programs.detection import DetectionProgram
from zoo_export.programs.flow import FlowProgram
from zoo_export.programs.segmentation import SegmentationProgram
from zoo_export.programs.video import VideoProgram
from zoo_flow import (
    RAFT,
    BottleneckBlock,
    CorrBlock,
    FeatureEncoder,
    FlowHead,
    MotionEncoder,
    RecurrentBlock,
    UpdateBlock,
)
from zoo_segmentation import FCN

needs_new_torch = pytest.mark.skipif(not TELLS_EXPORT_APART, reason="detectors are exported from PyTorch 2.13 on")
CATEGORIES = ["background", "circle", "square", "star"]
KEYPOINTS = ["head", "foot"]


class TinyWeights(WeightsEnum):
    """Entries of no file, one a task."""

    CLASSIFICATION = Weights("", partial(ImageClassification, crop_size=20, resize_size=24), {"categories": CATEGORIES})
    SEGMENTATION = Weights("", partial(SemanticSegmentation, resize_size=40), {"categories": CATEGORIES})
    DETECTION = Weights("", ObjectDetection, {"categories": CATEGORIES, "keypoint_names": KEYPOINTS})
    VIDEO = Weights(
        "",
        partial(VideoClassification, crop_size=(20, 20), resize_size=(24, 30)),
        {"categories": CATEGORIES, "clip_len": 4, "frame_rate": 15.0, "min_temporal_size": 2},
    )
    FLOW = Weights("", OpticalFlow, {"min_size": (32, 32)})


class _Features(nn.Sequential):
    """Features of pictures at a quarter of their size."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"out": super().forward(images)}


class Clips(nn.Module):
    """A convolution over clips, and a classifier."""

    def __init__(self, classes: int = len(CATEGORIES)) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 3, stride=2)
        self.head = nn.Linear(4, classes)

    def forward(self, clips: Tensor) -> Tensor:
        scores: Tensor = self.head(self.conv(clips).relu().mean((2, 3, 4)))
        return scores


def classifier() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 4))


def segmenter() -> nn.Module:
    features = _Features(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, padding=1))
    return FCN(features, nn.Conv2d(8, len(CATEGORIES), 1))


def wide_segmenter(least_width: int = 600) -> nn.Module:
    """Return a segmenter for images that are wider than `least_width`."""
    features = _Features(nn.Conv2d(3, 8, (1, 2), stride=4, dilation=(1, least_width)))
    return FCN(features, nn.Conv2d(8, len(CATEGORIES), 1))


def _two_stages(classes: int) -> dict[str, Any]:
    return {
        "backbone": TwoLevels(),
        "min_size": 64,
        "max_size": 120,
        "rpn_anchor_generator": AnchorGenerator(((16,), (32,)), ((0.5, 1.0, 2.0),) * 2),
        "box_roi_pool": MultiScaleRoIAlign(["fine", "coarse"], 3, 2),
        "box_head": TwoMLPHead(TwoLevels.out_channels * 3 * 3, 16),
        "box_predictor": FastRCNNPredictor(16, classes),
        "box_score_thresh": 0.0,
        "rpn_post_nms_top_n_test": 20,
        "box_detections_per_img": 12,
    }


def mask_rcnn() -> nn.Module:
    return MaskRCNN(
        **_two_stages(len(CATEGORIES)),
        mask_roi_pool=MultiScaleRoIAlign(["fine", "coarse"], 5, 2),
        mask_head=MaskRCNNHeads(TwoLevels.out_channels, (8,)),
        mask_predictor=MaskRCNNPredictor(8, 8, len(CATEGORIES)),
    )


def keypoint_rcnn(keypoints: int = len(KEYPOINTS)) -> nn.Module:
    return KeypointRCNN(
        **_two_stages(2),
        keypoint_roi_pool=MultiScaleRoIAlign(["fine", "coarse"], 5, 2),
        keypoint_head=KeypointRCNNHeads(TwoLevels.out_channels, (8,)),
        keypoint_predictor=KeypointRCNNPredictor(8, keypoints),
    )


def raft() -> nn.Module:
    """Return a RAFT for images of at least 32 x 32 pixels."""
    correlation = CorrBlock(num_levels=2, radius=1)
    encoder = partial(FeatureEncoder, block=BottleneckBlock, layers=(4, 4, 8, 8, 16))
    motion = MotionEncoder(
        in_channels_corr=correlation.out_channels, corr_layers=(8,), flow_layers=(8, 8), out_channels=10
    )
    return RAFT(
        feature_encoder=encoder(),
        context_encoder=encoder(norm_layer=None),
        corr_block=correlation,
        update_block=UpdateBlock(
            motion_encoder=motion,
            recurrent_block=RecurrentBlock(input_size=18, hidden_size=8, kernel_size=((3, 3),)),
            flow_head=FlowHead(in_channels=8, hidden_size=8),
        ),
    )


TINY: dict[str, tuple[type[Program], Callable[[], nn.Module], TinyWeights]] = {
    "classification": (ClassificationProgram, classifier, TinyWeights.CLASSIFICATION),
    "segmentation": (SegmentationProgram, segmenter, TinyWeights.SEGMENTATION),
    "video": (VideoProgram, Clips, TinyWeights.VIDEO),
    "flow": (FlowProgram, raft, TinyWeights.FLOW),
    "retinanet": (DetectionProgram, partial(retinanet, detections_per_img=20), TinyWeights.DETECTION),
    "fcos": (DetectionProgram, partial(fcos, detections_per_img=20), TinyWeights.DETECTION),
    "ssd": (DetectionProgram, partial(ssd, detections_per_img=20), TinyWeights.DETECTION),
    "maskrcnn": (DetectionProgram, mask_rcnn, TinyWeights.DETECTION),
    "keypointrcnn": (DetectionProgram, keypoint_rcnn, TinyWeights.DETECTION),
}
"""The program, the network and the entry of each."""


def program_of(name: str, **options: Any) -> Program:
    """Return the program of a small network whose scores differ by more than rounding."""
    kind, network, weights = TINY[name]
    options = {"num_flow_updates": 2} | options if name == "flow" else options
    return kind(spread(network), weights, **options)


def spread(network: Callable[[], nn.Module]) -> nn.Module:
    """Build a small network, in evaluation mode, whose scores differ by more than rounding."""
    torch.manual_seed(0)
    model = network()
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
    return model.eval()
