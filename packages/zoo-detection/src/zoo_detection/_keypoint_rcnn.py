"""Keypoint R-CNN.

Kaiming He, Georgia Gkioxari, Piotr Dollár, Ross Girshick: Mask R-CNN, 2017, arXiv:1703.06870, section 5.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from zoo_classification import ResNet
from zoo_core.building import ChosenBackbone, DependentWeights, builder

from ._faster_rcnn import LEVELS, FasterRCNN
from .backbones.networks import frozen_if_trained
from .backbones.pyramid import require_out_channels
from .backbones.resnet import RESNET50, resnet_pyramid
from .catalogue.keypoint_rcnn import KeypointRCNN_ResNet50_FPN_Weights
from .foundation.checks import require_type
from .foundation.initialization import initialise_for_relu
from .ops import MultiScaleRoIAlign

_SIZES = (640, 672, 704, 736, 768, 800)
"""What the shorter side of images is resized to in training, one drawn for each image."""


class KeypointRCNNHeads(nn.Sequential):
    """Convolutions that keep the size (section 5).

    Args:
        in_channels: Channels of pooled features, C.
        layers: Channels of each convolution, F the last.

    Shape:
        `(P, C, M, M)` to `(P, F, M, M)`.

    Example:
        >>> from zoo_detection import KeypointRCNNHeads
        >>> import torch
        >>> KeypointRCNNHeads(8, [16, 16])(torch.zeros(2, 8, 14, 14)).shape
        torch.Size([2, 16, 14, 14])
    """

    def __init__(self, in_channels: int, layers: Sequence[int]) -> None:
        super().__init__()
        for before, after in pairwise((in_channels, *layers)):
            self.extend((nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True)))
        initialise_for_relu(self)


class KeypointRCNNPredictor(nn.Module):
    """Quadruples the resolution, and predicts a heatmap for each keypoint (section 5).

    Args:
        in_channels: Channels of the features, C.
        num_keypoints: Keypoints, K.

    Shape:
        `(P, C, M, M)` to logits `(P, K, 4 * M, 4 * M)`.

    Example:
        >>> from zoo_detection import KeypointRCNNPredictor
        >>> import torch
        >>> KeypointRCNNPredictor(16, 17)(torch.zeros(2, 16, 14, 14)).shape
        torch.Size([2, 17, 56, 56])
    """

    def __init__(self, in_channels: int, num_keypoints: int) -> None:
        super().__init__()
        self.kps_score_lowres = nn.ConvTranspose2d(in_channels, num_keypoints, 4, stride=2, padding=1)
        initialise_for_relu(self)
        self.out_channels = num_keypoints

    def forward(self, x: Tensor) -> Tensor:
        """Predict heatmaps."""
        return F.interpolate(self.kps_score_lowres(x), scale_factor=2.0, mode="bilinear", align_corners=False)


class KeypointRCNN(FasterRCNN):
    """Finds objects and their keypoints. See `GeneralizedRCNN` for inputs and outputs.

    Args:
        backbone: As for `FasterRCNN`.
        num_classes: Classes, counting the background as 0; `None` if there is a `box_predictor`.
        min_size: As for `FasterRCNN`; from 640 to 800 in training and 800 in evaluation if not given.
        keypoint_roi_pool: As the next two, of `RoIHeads`; `MultiScaleRoIAlign` to 14 x 14 if not given.
        keypoint_head: `KeypointRCNNHeads` of eight layers if not given.
        keypoint_predictor: `KeypointRCNNPredictor` if not given.
        num_keypoints: Keypoints of each object, K; 17 if not given.
        **kwargs: All other arguments of `FasterRCNN`.

    Raises:
        ValueError: As for `FasterRCNN`; or both `num_keypoints` and `keypoint_predictor` are given.
        TypeError: As for `FasterRCNN`; or `keypoint_roi_pool` is something else.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from zoo_detection import AnchorGenerator, KeypointRCNN
        >>> from zoo_detection.ops import MultiScaleRoIAlign
        >>> backbone = nn.Conv2d(3, 8, 16, stride=16)
        >>> anchors = AnchorGenerator(sizes=((16, 32),), aspect_ratios=((0.5, 1.0, 2.0),))
        >>> pools = {name: MultiScaleRoIAlign(["0"], 7, 2) for name in ("box_roi_pool", "keypoint_roi_pool")}
        >>> model = KeypointRCNN(backbone, 2, min_size=64, rpn_anchor_generator=anchors, **pools).eval()
        >>> (found,) = model([torch.rand(3, 60, 80)])
        >>> found["keypoints"].shape[1:]
        torch.Size([17, 3])
    """

    classifiers: ClassVar[tuple[str, ...]] = (*FasterRCNN.classifiers, "roi_heads.keypoint_predictor")

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int | None = None,
        min_size: int | Sequence[int] | None = None,
        *args: Any,
        keypoint_roi_pool: nn.Module | None = None,
        keypoint_head: nn.Module | None = None,
        keypoint_predictor: nn.Module | None = None,
        num_keypoints: int | None = None,
        **kwargs: Any,
    ) -> None:
        out_channels = require_out_channels(backbone)
        require_type("keypoint_roi_pool", keypoint_roi_pool, MultiScaleRoIAlign)
        if keypoint_predictor is not None and num_keypoints is not None:
            raise ValueError(
                f"num_keypoints should be None when keypoint_predictor is specified, found {num_keypoints}"
            )
        super().__init__(backbone, num_classes, _SIZES if min_size is None else min_size, *args, **kwargs)
        if keypoint_roi_pool is None:
            keypoint_roi_pool = MultiScaleRoIAlign(LEVELS, output_size=14, sampling_ratio=2)
        if keypoint_head is None:
            keypoint_head = KeypointRCNNHeads(out_channels, (512,) * 8)
        if keypoint_predictor is None:
            keypoint_predictor = KeypointRCNNPredictor(512, 17 if num_keypoints is None else num_keypoints)
        self.roi_heads.keypoint_roi_pool = keypoint_roi_pool
        self.roi_heads.keypoint_head = keypoint_head
        self.roi_heads.keypoint_predictor = keypoint_predictor


@builder(
    DependentWeights(
        (KeypointRCNN_ResNet50_FPN_Weights,),
        lambda given: KeypointRCNN_ResNet50_FPN_Weights[
            "COCO_LEGACY" if given.get("pretrained") == "legacy" else "COCO_V1"
        ],
    ),
    num_classes=2,
    backbone=RESNET50,
)
def keypointrcnn_resnet50_fpn(
    *,
    weights: KeypointRCNN_ResNet50_FPN_Weights | None,
    num_keypoints: int | None = None,
    backbone: ChosenBackbone[ResNet],
    **kwargs: Any,
) -> KeypointRCNN:
    """Keypoint R-CNN on a ResNet-50 with a feature pyramid. With any weights, its batch norm is frozen.

    Args:
        num_keypoints: Keypoints of each object; those of the weights, or 17, if not given.

    Example:
        >>> import torch
        >>> from zoo_detection import keypointrcnn_resnet50_fpn
        >>> model = keypointrcnn_resnet50_fpn(weights_backbone=None, num_keypoints=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'keypoints', 'keypoints_scores', 'labels', 'scores']]
    """
    norm_layer = frozen_if_trained(backbone, without_epsilon=weights is KeypointRCNN_ResNet50_FPN_Weights.COCO_V1)
    return KeypointRCNN(resnet_pyramid(backbone, norm_layer), num_keypoints=num_keypoints, **kwargs)
