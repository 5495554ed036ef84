"""FCN, on a dilated ResNet.

Jonathan Long, Evan Shelhamer, Trevor Darrell: Fully Convolutional Networks for Semantic Segmentation, 2014,
arXiv:1411.4038.

Where the paper fuses several resolutions, the published weights have a backbone that stays at 1/8 of the image's
resolution, one classifier on top of it, and one in its middle for training.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from torch import nn

from zoo_classification import ResNet
from zoo_core import WeightsEnum
from zoo_core.building import ChosenBackbone, builder
from zoo_core.layers import ConvNormActivation, IntermediateLayerGetter, require_positive

from ._backbones import RESNET50, RESNET101, dilated_resnet
from ._segmenter import NUM_CLASSES, Segmenter
from .catalogue.fcn import FCN_ResNet50_Weights, FCN_ResNet101_Weights

M = TypeVar("M", bound=Segmenter)


class FCNHead(nn.Sequential):
    """Classifies each pixel by its neighbourhood of 3x3, as layers "0" to "4".

    Args:
        in_channels: Channels of the features; a quarter of them is in between.
        channels: Number of classes, with the background.

    Shape:
        `(N, in_channels, H, W)` to scores `(N, channels, H, W)`.

    Example:
        >>> import torch
        >>> from zoo_segmentation import FCNHead
        >>> FCNHead(2048, 21)(torch.zeros(2, 2048, 4, 5)).shape
        torch.Size([2, 21, 4, 5])
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        hidden = in_channels // 4
        super().__init__(*ConvNormActivation(in_channels, hidden), nn.Dropout(0.1), nn.Conv2d(hidden, channels, 1))


class FCN(Segmenter):
    """A fully convolutional network for semantic segmentation.

    Args:
        backbone: From images `(N, 3, H, W)` to a mapping with the features `"out"` and, for the auxiliary classifier,
            `"aux"`, each `(N, C, h, w)`: `zoo_core.layers.IntermediateLayerGetter` makes one of many networks.
        classifier: From the features `"out"` to scores `(N, num_classes, h, w)`, as `FCNHead` does.
        aux_classifier: Likewise from `"aux"`; `None` for none.

    Shape:
        Images `(N, 3, H, W)` of any size to an ordered dictionary of scores `(N, num_classes, H, W)`: `"out"`, and
        `"aux"` where there is an auxiliary classifier.

    Example:
        >>> import torch
        >>> from zoo_segmentation import FCN, FCNHead
        >>> from zoo_classification import resnet18
        >>> from zoo_core.layers import IntermediateLayerGetter
        >>> backbone = IntermediateLayerGetter(resnet18(), {"layer4": "out"})
        >>> FCN(backbone, FCNHead(512, 5))(torch.zeros(2, 3, 64, 96))["out"].shape
        torch.Size([2, 5, 64, 96])
    """


def on_dilated(
    network: Callable[..., M],
    head: Callable[[int, int], nn.Module],
    dilated: Callable[..., tuple[IntermediateLayerGetter, dict[str, int]]],
    backbone: ChosenBackbone[Any],
    *,
    aux_stage: int = -2,
    weights: WeightsEnum | None,
    aux_loss: bool | None,
    num_classes: int,
    **kwargs: Any,
) -> M:
    """Put a head on a dilated backbone, and with weights, or if it is asked for, an auxiliary `FCNHead` on a stage.

    Raises:
        ValueError: `num_classes` is not positive, or the weights have an auxiliary head that is not wanted.
    """
    if weights is not None and aux_loss is not None and not aux_loss:
        raise ValueError(
            f"The parameter 'aux_loss' expected value True but got {aux_loss} instead: {weights} has an auxiliary "
            "classifier. To do without it, set `model.aux_classifier = None` afterwards."
        )
    require_positive(num_classes=num_classes)
    has_auxiliary = weights is not None or aux_loss
    layers, channels = dilated(backbone, {"out": -1} | ({"aux": aux_stage} if has_auxiliary else {}), **kwargs)
    classifier = head(channels["out"], num_classes)
    return network(layers, classifier, FCNHead(channels["aux"], num_classes) if has_auxiliary else None)


@builder(FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1, num_classes=NUM_CLASSES, backbone=RESNET50)
def fcn_resnet50(
    *, weights: WeightsEnum | None, aux_loss: bool | None = None, backbone: ChosenBackbone[ResNet], **kwargs: Any
) -> FCN:
    """FCN on a ResNet-50 that stays at 1/8 of the image's resolution.

    Args:
        aux_loss: Whether there is an auxiliary classifier, for training. With weights there is.
        **kwargs: Passed on to the backbone, `zoo_classification.resnet50`.

    Raises:
        ValueError: `num_classes` is not positive, or `aux_loss` is false with weights.

    Example:
        >>> import torch
        >>> from zoo_segmentation import fcn_resnet50
        >>> fcn_resnet50(weights_backbone=None, num_classes=5).eval()(torch.zeros(1, 3, 64, 96))["out"].shape
        torch.Size([1, 5, 64, 96])
    """
    return on_dilated(FCN, FCNHead, dilated_resnet, backbone, weights=weights, aux_loss=aux_loss, **kwargs)


@builder(FCN_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1, num_classes=NUM_CLASSES, backbone=RESNET101)
def fcn_resnet101(
    *, weights: WeightsEnum | None, aux_loss: bool | None = None, backbone: ChosenBackbone[ResNet], **kwargs: Any
) -> FCN:
    """FCN on a ResNet-101 that stays at 1/8 of the image's resolution.

    Args:
        aux_loss: As for `fcn_resnet50`.
        **kwargs: Passed on to the backbone, `zoo_classification.resnet101`.
    """
    return on_dilated(FCN, FCNHead, dilated_resnet, backbone, weights=weights, aux_loss=aux_loss, **kwargs)
