"""Mask R-CNN.

Kaiming He, Georgia Gkioxari, Piotr Dollár, Ross Girshick: Mask R-CNN, 2017, arXiv:1703.06870.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar

from torch import nn

from zoo_classification import ResNet
from zoo_core.building import ChosenBackbone, builder
from zoo_core.layers import ConvNormActivation, rename_older_keys

from ._faster_rcnn import LEVELS, FasterRCNN, require_one_of, second_version
from .backbones.networks import frozen_if_trained
from .backbones.pyramid import require_out_channels
from .backbones.resnet import RESNET50, RESNET50_FROM_SCRATCH, resnet_pyramid
from .catalogue.mask_rcnn import MaskRCNN_ResNet50_FPN_V2_Weights, MaskRCNN_ResNet50_FPN_Weights
from .foundation.checks import require_type
from .foundation.initialization import initialise_for_relu
from .ops import MultiScaleRoIAlign


class MaskRCNNHeads(nn.Sequential):
    """Convolutions that keep the size (figure 4, right).

    Files with the older names of its layers (`mask_fcn1.weight`) load, too.

    Args:
        in_channels: Channels of pooled features, C.
        layers: Channels of each convolution, F the last.
        dilation: Of the convolutions.
        norm_layer: Normalisation, called with a number of channels; none if not given.

    Shape:
        `(P, C, M, M)` to `(P, F, M, M)`.

    Example:
        >>> from zoo_detection import MaskRCNNHeads
        >>> import torch
        >>> MaskRCNNHeads(8, [16, 16], dilation=1)(torch.zeros(2, 8, 14, 14)).shape
        torch.Size([2, 16, 14, 14])
    """

    def __init__(
        self,
        in_channels: int,
        layers: Sequence[int],
        dilation: int = 1,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        unit = partial(ConvNormActivation, dilation=dilation, norm_layer=norm_layer)
        super().__init__(*(unit(before, after) for before, after in pairwise((in_channels, *layers))))
        initialise_for_relu(self)
        rename_older_keys(self, {f"mask_fcn{index + 1}": f"{index}.0" for index in range(len(layers))})


class MaskRCNNPredictor(nn.Sequential):
    """Doubles the resolution, and predicts a mask for each class (figure 4, right).

    Args:
        in_channels: Channels of the features, C.
        dim_reduced: Channels in between.
        num_classes: Classes, the background included.

    Shape:
        `(P, C, M, M)` to logits `(P, num_classes, 2 * M, 2 * M)`.

    Example:
        >>> from zoo_detection import MaskRCNNPredictor
        >>> import torch
        >>> MaskRCNNPredictor(16, 8, num_classes=3)(torch.zeros(2, 16, 14, 14)).shape
        torch.Size([2, 3, 28, 28])
    """

    def __init__(self, in_channels: int, dim_reduced: int, num_classes: int) -> None:
        super().__init__(
            OrderedDict(
                conv5_mask=nn.ConvTranspose2d(in_channels, dim_reduced, 2, 2),
                relu=nn.ReLU(inplace=True),
                mask_fcn_logits=nn.Conv2d(dim_reduced, num_classes, 1),
            )
        )
        initialise_for_relu(self)


class MaskRCNN(FasterRCNN):
    """Finds objects and their masks. See `GeneralizedRCNN` for inputs and outputs.

    Args:
        backbone: As for `FasterRCNN`.
        num_classes: Classes, counting the background as 0; `None` if there are predictors.
        mask_roi_pool: As the next two, of `RoIHeads`; `MultiScaleRoIAlign` to 14 x 14 if not given.
        mask_head: `MaskRCNNHeads` of four layers if not given.
        mask_predictor: `MaskRCNNPredictor` if not given.
        **kwargs: All other arguments of `FasterRCNN`.

    Raises:
        ValueError: As for `FasterRCNN`; or both or none of `num_classes` and `mask_predictor` are given.
        TypeError: As for `FasterRCNN`; or `mask_roi_pool` is something else.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from zoo_detection import AnchorGenerator, MaskRCNN
        >>> from zoo_detection.ops import MultiScaleRoIAlign
        >>> backbone = nn.Conv2d(3, 8, 16, stride=16)
        >>> anchors = AnchorGenerator(sizes=((16, 32),), aspect_ratios=((0.5, 1.0, 2.0),))
        >>> pools = {name: MultiScaleRoIAlign(["0"], 7, 2) for name in ("box_roi_pool", "mask_roi_pool")}
        >>> model = MaskRCNN(backbone, 3, min_size=64, rpn_anchor_generator=anchors, **pools).eval()
        >>> (found,) = model([torch.rand(3, 60, 80)])
        >>> found["masks"].shape[1:]
        torch.Size([1, 60, 80])
    """

    classifiers: ClassVar[tuple[str, ...]] = (*FasterRCNN.classifiers, "roi_heads.mask_predictor")

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int | None = None,
        *args: Any,
        mask_roi_pool: nn.Module | None = None,
        mask_head: nn.Module | None = None,
        mask_predictor: nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        out_channels = require_out_channels(backbone)
        require_type("mask_roi_pool", mask_roi_pool, MultiScaleRoIAlign)
        require_one_of("num_classes", num_classes, "mask_predictor", mask_predictor)
        super().__init__(backbone, num_classes, *args, **kwargs)
        heads = self.roi_heads
        if mask_roi_pool is None:
            mask_roi_pool = MultiScaleRoIAlign(LEVELS, output_size=14, sampling_ratio=2)
        heads.mask_roi_pool = mask_roi_pool
        heads.mask_head = MaskRCNNHeads(out_channels, (256,) * 4) if mask_head is None else mask_head
        predictor = MaskRCNNPredictor(256, 256, num_classes or 0) if mask_predictor is None else mask_predictor
        heads.mask_predictor = predictor


@builder(MaskRCNN_ResNet50_FPN_Weights.COCO_V1, num_classes=91, backbone=RESNET50)
def maskrcnn_resnet50_fpn(
    *, weights: MaskRCNN_ResNet50_FPN_Weights | None, backbone: ChosenBackbone[ResNet], **kwargs: Any
) -> MaskRCNN:
    """Mask R-CNN on a ResNet-50 with a feature pyramid. With any weights, its batch norm is frozen.

    Example:
        >>> import torch
        >>> from zoo_detection import maskrcnn_resnet50_fpn
        >>> model = maskrcnn_resnet50_fpn(weights_backbone=None, num_classes=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'masks', 'scores']]
    """
    norm_layer = frozen_if_trained(backbone, without_epsilon=weights is MaskRCNN_ResNet50_FPN_Weights.COCO_V1)
    return MaskRCNN(resnet_pyramid(backbone, norm_layer), **kwargs)


@builder(MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1, num_classes=91, backbone=RESNET50_FROM_SCRATCH)
def maskrcnn_resnet50_fpn_v2(*, backbone: ChosenBackbone[ResNet], **kwargs: Any) -> MaskRCNN:
    """Mask R-CNN with batch norm in the pyramid and the heads, and more convolutions (arXiv:2111.11429).

    The ResNet's batch norm is never frozen.
    """
    pyramid = resnet_pyramid(backbone, nn.BatchNorm2d, norm_layer=nn.BatchNorm2d)
    mask_head = partial(MaskRCNNHeads, 256, (256,) * 4, norm_layer=nn.BatchNorm2d)
    return MaskRCNN(pyramid, **second_version(kwargs, mask_head=mask_head))
