"""Mask R-CNN.

Kaiming He, Georgia Gkioxari, Piotr Dollár, Ross Girshick: Mask R-CNN, 2017, arXiv:1703.06870.
"""

from collections import OrderedDict
from collections.abc import Callable, MutableMapping, Sequence
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from zoo_classification import ResNet50_Weights
from zoo_core.building import builder
from zoo_core.layers import ConvNormActivation

from ._faster_rcnn import LEVELS, FasterRCNN, require_one_of, second_version
from ._initialization import initialise_for_relu
from ._on_backbones import build_on_resnet50, require_out_channels
from ._roi_heads import require_roi_pool
from .catalogue.mask_rcnn import MaskRCNN_ResNet50_FPN_V2_Weights, MaskRCNN_ResNet50_FPN_Weights
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
        channels = (in_channels, *layers[:-1])
        super().__init__(
            *(
                ConvNormActivation(before, after, dilation=dilation, norm_layer=norm_layer)
                for before, after in zip(channels, layers, strict=True)
            )
        )
        self.apply(initialise_for_relu)
        self.register_load_state_dict_pre_hook(_rename_older_keys)  # type: ignore[no-untyped-call]


def _rename_older_keys(heads: nn.Module, state: MutableMapping[str, Tensor], prefix: str, *_: object) -> None:
    """Rename `mask_fcn1.weight` to `0.0.weight` and so on."""
    for index, _layer in enumerate(heads.children()):
        for kind in ("weight", "bias"):
            older = f"{prefix}mask_fcn{index + 1}.{kind}"
            if older in state:
                state[f"{prefix}{index}.0.{kind}"] = state.pop(older)


class MaskRCNNPredictor(nn.Sequential):
    """Doubles the resolution, and predicts a mask for each class (figure 4, right).

    Args:
        in_channels: Channels of the features, C.
        dim_reduced: Channels in between.
        num_classes: Classes, the background included.

    Shape:
        `(P, C, M, M)` to logits `(P, num_classes, 2 * M, 2 * M)`.

    Example:
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
        self.apply(initialise_for_relu)


class MaskRCNN(FasterRCNN):
    """Finds objects and their masks. See `GeneralizedRCNN` for inputs and outputs.

    Args:
        backbone: As for `FasterRCNN`.
        num_classes: Classes, counting the background as 0; `None` if there are predictors.
        mask_roi_pool: Pools the features of boxes; `MultiScaleRoIAlign` to 14 x 14 if not given.
        mask_head: Turns them into features; `MaskRCNNHeads` of four layers if not given.
        mask_predictor: Turns these into logits `(P, num_classes, M, M)`; `MaskRCNNPredictor` if not given.
        **kwargs: All other arguments of `FasterRCNN`.

    Raises:
        ValueError: As for `FasterRCNN`; or both or none of `num_classes` and `mask_predictor` are given.
        TypeError: As for `FasterRCNN`; or `mask_roi_pool` is something else.

    Example:
        >>> import torch
        >>> from zoo_detection import AnchorGenerator
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
        require_roi_pool("mask_roi_pool", mask_roi_pool)
        require_one_of("num_classes", num_classes, "mask_predictor", mask_predictor)
        super().__init__(backbone, num_classes, *args, **kwargs)
        if mask_roi_pool is None:
            mask_roi_pool = MultiScaleRoIAlign(LEVELS, output_size=14, sampling_ratio=2)
        if mask_head is None:
            mask_head = MaskRCNNHeads(out_channels, (256,) * 4)
        if mask_predictor is None:
            mask_predictor = MaskRCNNPredictor(256, 256, num_classes or 0)
        self.roi_heads.mask_roi_pool = mask_roi_pool
        self.roi_heads.mask_head = mask_head
        self.roi_heads.mask_predictor = mask_predictor


@builder(weights=MaskRCNN_ResNet50_FPN_Weights.COCO_V1, weights_backbone=ResNet50_Weights.IMAGENET1K_V1)
def maskrcnn_resnet50_fpn(
    *,
    weights: MaskRCNN_ResNet50_FPN_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    weights_backbone: ResNet50_Weights | str | None = ResNet50_Weights.IMAGENET1K_V1,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> MaskRCNN:
    """Mask R-CNN on a ResNet-50 with a feature pyramid.

    Args:
        weights: A member of `MaskRCNN_ResNet50_FPN_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        num_classes: Classes, counting the background as 0; those of the weights, or 91, if not given.
        weights_backbone: Weights of the ResNet, where `weights` is `None`. With either, its batch norm is frozen.
        trainable_backbone_layers: How many of the ResNet's five layers train, from the last on; 3 if not given, and all
            without any weights.
        **kwargs: Passed on to `MaskRCNN`.

    Example:
        >>> import torch
        >>> model = maskrcnn_resnet50_fpn(weights_backbone=None, num_classes=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'masks', 'scores']]
    """
    return build_on_resnet50(
        MaskRCNN,
        weights=weights,
        progress=progress,
        num_classes=num_classes,
        weights_backbone=weights_backbone,
        trainable_backbone_layers=trainable_backbone_layers,
        without_epsilon=(MaskRCNN_ResNet50_FPN_Weights.COCO_V1,),
        **kwargs,
    )


@builder(weights=MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1, weights_backbone=ResNet50_Weights.IMAGENET1K_V1)
def maskrcnn_resnet50_fpn_v2(
    *,
    weights: MaskRCNN_ResNet50_FPN_V2_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    weights_backbone: ResNet50_Weights | str | None = None,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> MaskRCNN:
    """Mask R-CNN with batch norm in the pyramid and the heads, and more convolutions (arXiv:2111.11429).

    Args:
        weights: A member of `MaskRCNN_ResNet50_FPN_V2_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        num_classes: Classes, counting the background as 0; those of the weights, or 91, if not given.
        weights_backbone: Weights of the ResNet, where `weights` is `None`. Its batch norm is never frozen.
        trainable_backbone_layers: How many of the ResNet's five layers train, from the last on; 3 if not given, and all
            without any weights.
        **kwargs: Passed on to `MaskRCNN`.

    Example:
        >>> import torch
        >>> model = maskrcnn_resnet50_fpn_v2(num_classes=5, min_size=64).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'masks', 'scores']]
    """
    mask_head = partial(MaskRCNNHeads, 256, (256,) * 4, norm_layer=nn.BatchNorm2d)
    return build_on_resnet50(
        MaskRCNN,
        weights=weights,
        progress=progress,
        num_classes=num_classes,
        weights_backbone=weights_backbone,
        trainable_backbone_layers=trainable_backbone_layers,
        norm_layer=nn.BatchNorm2d,
        heads={**second_version(kwargs.get("rpn_anchor_generator")), "mask_head": mask_head},
        **kwargs,
    )
