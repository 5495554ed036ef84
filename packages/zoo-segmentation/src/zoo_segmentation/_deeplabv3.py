"""DeepLabV3.

Liang-Chieh Chen, George Papandreou, Florian Schroff, Hartwig Adam: Rethinking Atrous Convolution for Semantic Image
Segmentation, 2017, arXiv:1706.05587.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from zoo_classification import MobileNetV3, ResNet
from zoo_core import WeightsEnum
from zoo_core.building import ChosenBackbone, builder
from zoo_core.layers import ConvNormActivation

from ._backbones import MOBILENET_V3_LARGE, RESNET50, RESNET101, dilated_mobilenet, dilated_resnet
from ._fcn import on_dilated
from ._segmenter import NUM_CLASSES, Segmenter
from .catalogue.deeplabv3 import (
    DeepLabV3_MobileNet_V3_Large_Weights,
    DeepLabV3_ResNet50_Weights,
    DeepLabV3_ResNet101_Weights,
)


class ASPPConv(ConvNormActivation):
    """A 3x3 convolution whose samples are `dilation` pixels apart, batch norm, ReLU.

    Shape:
        `(N, in_channels, H, W)` to `(N, out_channels, H, W)`.
    """

    is_one_node = False  # its layers have names in torchvision's graphs

    def __init__(self, in_channels: int, out_channels: int, dilation: int) -> None:
        super().__init__(in_channels, out_channels, dilation=dilation)


class ASPPPooling(nn.Sequential):
    """What is in the whole image: the mean of all pixels, a 1x1 convolution, batch norm, ReLU; the same everywhere.

    Shape:
        `(N, in_channels, H, W)` to `(N, out_channels, H, W)`. In training N must be above 1, for batch norm.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), *ConvNormActivation(in_channels, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Describe `x`, `(N, in_channels, H, W)`, as a whole."""
        whole = x
        for layer in self:
            whole = layer(whole)
        return whole.expand(-1, -1, x.shape[-2], x.shape[-1])


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: neighbourhoods of several sizes side by side (section 3.3, figure 5).

    Args:
        in_channels: Channels of the input.
        atrous_rates: Of a 3x3 convolution each.
        out_channels: Channels of each branch, and of the output.

    Shape:
        `(N, in_channels, H, W)` to `(N, out_channels, H, W)`. In training N must be above 1, for batch norm.

    Example:
        >>> import torch
        >>> from zoo_segmentation import ASPP
        >>> ASPP(512, (6, 12), out_channels=64)(torch.zeros(2, 512, 4, 5)).shape
        torch.Size([2, 64, 4, 5])
    """

    def __init__(self, in_channels: int, atrous_rates: Sequence[int], out_channels: int = 256) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            [
                ConvNormActivation(in_channels, out_channels, 1),
                *(ASPPConv(in_channels, out_channels, rate) for rate in atrous_rates),
                ASPPPooling(in_channels, out_channels),
            ]
        )
        self.project = nn.Sequential(
            *ConvNormActivation(len(self.convs) * out_channels, out_channels, 1), nn.Dropout(0.5)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Describe each pixel of `x`, `(N, in_channels, H, W)`, by its neighbourhoods."""
        pyramid = torch.cat([conv(x) for conv in self.convs], dim=1)
        projected: Tensor = self.project(pyramid)
        return projected


class DeepLabHead(nn.Sequential):
    """Classifies each pixel by its neighbourhoods of several sizes, as layers "0" to "4".

    Args:
        in_channels: Channels of the features.
        num_classes: Number of classes, with the background.
        atrous_rates: Of the pyramid's convolutions.

    Shape:
        `(N, in_channels, H, W)` to scores `(N, num_classes, H, W)`. In training N must be above 1, for batch norm.

    Example:
        >>> import torch
        >>> from zoo_segmentation import DeepLabHead
        >>> DeepLabHead(512, 5)(torch.zeros(2, 512, 4, 5)).shape
        torch.Size([2, 5, 4, 5])
    """

    def __init__(self, in_channels: int, num_classes: int, atrous_rates: Sequence[int] = (12, 24, 36)) -> None:
        super().__init__(ASPP(in_channels, atrous_rates), *ConvNormActivation(256, 256), nn.Conv2d(256, num_classes, 1))


class DeepLabV3(Segmenter):
    """A DeepLabV3 for semantic segmentation: as `FCN`, but the classifier is a `DeepLabHead`, or does as it does.

    Example:
        >>> import torch
        >>> from zoo_segmentation import DeepLabHead, DeepLabV3
        >>> from zoo_classification import resnet18
        >>> from zoo_core.layers import IntermediateLayerGetter
        >>> backbone = IntermediateLayerGetter(resnet18(), {"layer4": "out"})
        >>> DeepLabV3(backbone, DeepLabHead(512, 5))(torch.zeros(2, 3, 64, 96))["out"].shape
        torch.Size([2, 5, 64, 96])
    """


@builder(DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1, num_classes=NUM_CLASSES, backbone=RESNET50)
def deeplabv3_resnet50(
    *, weights: WeightsEnum | None, aux_loss: bool | None = None, backbone: ChosenBackbone[ResNet], **kwargs: Any
) -> DeepLabV3:
    """DeepLabV3 on a ResNet-50 that stays at 1/8 of the image's resolution.

    Args:
        aux_loss: Whether there is an auxiliary classifier, for training. With weights there is.
        **kwargs: Passed on to the backbone, `zoo_classification.resnet50`.

    Raises:
        ValueError: `num_classes` is not positive, or `aux_loss` is false with weights.

    Example:
        >>> import torch
        >>> from zoo_segmentation import deeplabv3_resnet50
        >>> model = deeplabv3_resnet50(weights_backbone=None, num_classes=5).eval()
        >>> model(torch.zeros(1, 3, 64, 96))["out"].shape
        torch.Size([1, 5, 64, 96])
    """
    return on_dilated(DeepLabV3, DeepLabHead, dilated_resnet, backbone, weights=weights, aux_loss=aux_loss, **kwargs)


@builder(DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1, num_classes=NUM_CLASSES, backbone=RESNET101)
def deeplabv3_resnet101(
    *, weights: WeightsEnum | None, aux_loss: bool | None = None, backbone: ChosenBackbone[ResNet], **kwargs: Any
) -> DeepLabV3:
    """DeepLabV3 on a ResNet-101 that stays at 1/8 of the image's resolution.

    Args:
        aux_loss: As for `deeplabv3_resnet50`.
        **kwargs: Passed on to the backbone, `zoo_classification.resnet101`.
    """
    return on_dilated(DeepLabV3, DeepLabHead, dilated_resnet, backbone, weights=weights, aux_loss=aux_loss, **kwargs)


@builder(
    DeepLabV3_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1, num_classes=NUM_CLASSES, backbone=MOBILENET_V3_LARGE
)
def deeplabv3_mobilenet_v3_large(
    *, weights: WeightsEnum | None, aux_loss: bool | None = None, backbone: ChosenBackbone[MobileNetV3], **kwargs: Any
) -> DeepLabV3:
    """DeepLabV3 on a MobileNetV3-Large that stays at 1/16 of the image's resolution.

    Args:
        aux_loss: As for `deeplabv3_resnet50`.
        **kwargs: Passed on to the backbone, `zoo_classification.mobilenet_v3_large`.
    """
    return on_dilated(
        DeepLabV3, DeepLabHead, dilated_mobilenet, backbone, aux_stage=-4, weights=weights, aux_loss=aux_loss, **kwargs
    )
