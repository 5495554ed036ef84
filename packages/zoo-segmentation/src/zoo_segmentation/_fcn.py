"""FCN, on a dilated ResNet.

Jonathan Long, Evan Shelhamer, Trevor Darrell: Fully Convolutional Networks for Semantic Segmentation, 2014,
arXiv:1411.4038.

Where the paper fuses several resolutions, the published weights have a backbone that stays at 1/8 of the image's
resolution, one classifier on top of it, and one in its middle for training.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from torch import nn

from zoo_classification import resnet50, resnet101
from zoo_classification.catalogue.resnet import ResNet50_Weights, ResNet101_Weights
from zoo_core.building import builder
from zoo_core.layers import ConvNormActivation

from ._backbones import RESNET_CHANNELS, dilated_resnet
from ._segmenter import Segmenter, build_segmenter, has_auxiliary
from .catalogue.fcn import FCN_ResNet50_Weights, FCN_ResNet101_Weights

M = TypeVar("M", bound=Segmenter)


class FCNHead(nn.Sequential):
    """Classifies each pixel by its neighbourhood of 3x3, as layers "0" to "4".

    Args:
        in_channels: Channels of the features; a quarter of them is in between.
        channels: Number of classes.

    Shape:
        `(N, in_channels, H, W)` to scores `(N, channels, H, W)`.

    Example:
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
            `"aux"`, each `(N, C, h, w)`: `zoo_core.layers.IntermediateLayers` makes one of many networks.
        classifier: From the features `"out"` to scores `(N, num_classes, h, w)`, as `FCNHead` does.
        aux_classifier: Likewise from `"aux"`; `None` for none.

    Shape:
        Images `(N, 3, H, W)` of any size to an ordered dictionary of scores `(N, num_classes, H, W)`: `"out"`, and
        `"aux"` where there is an auxiliary classifier.

    Example:
        >>> from zoo_classification import resnet18
        >>> from zoo_core.layers import IntermediateLayers
        >>> backbone = IntermediateLayers(resnet18(), {"layer4": "out"})
        >>> FCN(backbone, FCNHead(512, 5))(torch.zeros(2, 3, 64, 96))["out"].shape
        torch.Size([2, 5, 64, 96])
    """


def on_resnet(
    network: Callable[..., M],
    head: Callable[[int, int], nn.Module],
    resnet: Callable[..., nn.Module],
    *,
    num_classes: int,
    aux_loss: bool,
    weights_backbone: ResNet50_Weights | ResNet101_Weights | None,
    **kwargs: Any,
) -> M:
    """Put a head on a dilated ResNet, and, if it is asked for, an auxiliary one on its third stage.

    Args:
        network: Called with the backbone and the heads.
        head: Called with the channels of its features and `num_classes`.
        resnet: Builds the ResNet.
        num_classes: Number of classes.
        aux_loss: Whether there is an auxiliary head, which is an `FCNHead`.
        weights_backbone: Of the ResNet.
        **kwargs: Passed on to `resnet`.
    """
    return_layers = {"layer4": "out"} | ({"layer3": "aux"} if aux_loss else {})
    return network(
        dilated_resnet(resnet, return_layers=return_layers, weights=weights_backbone, **kwargs),
        head(RESNET_CHANNELS["layer4"], num_classes),
        FCNHead(RESNET_CHANNELS["layer3"], num_classes) if aux_loss else None,
    )


@builder(weights=FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1, weights_backbone=ResNet50_Weights.IMAGENET1K_V1)
def fcn_resnet50(
    *,
    weights: FCN_ResNet50_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: ResNet50_Weights | str | None = ResNet50_Weights.IMAGENET1K_V1,
    **kwargs: Any,
) -> FCN:
    """FCN on a ResNet-50 that stays at 1/8 of the image's resolution.

    Args:
        weights: A member of `FCN_ResNet50_Weights` or its name; `None` for none but those of the backbone.
        progress: Show a bar while downloading.
        num_classes: Number of classes with the background; 21, or that of the weights, if not given. Another number
            than the weights' gives fresh classifiers, and everything else from the file.
        aux_loss: Whether there is an auxiliary classifier, for training. With weights there is.
        weights_backbone: A member of `ResNet50_Weights` or its name; `None` to initialise the backbone at random. With
            `weights` it is not looked at.
        **kwargs: Passed on to the backbone, `zoo_classification.resnet50`.

    Raises:
        ValueError: `num_classes` is not positive, or `aux_loss` is false with weights.

    Example:
        >>> fcn_resnet50(weights_backbone=None, num_classes=5).eval()(torch.zeros(1, 3, 64, 96))["out"].shape
        torch.Size([1, 5, 64, 96])
    """
    return build_segmenter(
        partial(on_resnet, FCN, FCNHead, resnet50),
        weights=weights,
        progress=progress,
        num_classes=num_classes,
        aux_loss=has_auxiliary(weights, aux_loss),
        weights_backbone=weights_backbone,
        **kwargs,
    )


@builder(weights=FCN_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1, weights_backbone=ResNet101_Weights.IMAGENET1K_V1)
def fcn_resnet101(
    *,
    weights: FCN_ResNet101_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: ResNet101_Weights | str | None = ResNet101_Weights.IMAGENET1K_V1,
    **kwargs: Any,
) -> FCN:
    """FCN on a ResNet-101 that stays at 1/8 of the image's resolution.

    Args:
        weights: A member of `FCN_ResNet101_Weights` or its name; `None` for none but those of the backbone.
        progress: Show a bar while downloading.
        num_classes: Number of classes with the background; 21, or that of the weights, if not given. Another number
            than the weights' gives fresh classifiers, and everything else from the file.
        aux_loss: Whether there is an auxiliary classifier, for training. With weights there is.
        weights_backbone: A member of `ResNet101_Weights` or its name; `None` to initialise the backbone at random. With
            `weights` it is not looked at.
        **kwargs: Passed on to the backbone, `zoo_classification.resnet101`.

    Raises:
        ValueError: `num_classes` is not positive, or `aux_loss` is false with weights.

    Example:
        >>> fcn_resnet101(weights_backbone=None, num_classes=5).eval()(torch.zeros(1, 3, 64, 96))["out"].shape
        torch.Size([1, 5, 64, 96])
    """
    return build_segmenter(
        partial(on_resnet, FCN, FCNHead, resnet101),
        weights=weights,
        progress=progress,
        num_classes=num_classes,
        aux_loss=has_auxiliary(weights, aux_loss),
        weights_backbone=weights_backbone,
        **kwargs,
    )
