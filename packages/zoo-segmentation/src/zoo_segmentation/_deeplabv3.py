"""DeepLabV3.

Liang-Chieh Chen, George Papandreou, Florian Schroff, Hartwig Adam: Rethinking Atrous Convolution for Semantic Image
Segmentation, 2017, arXiv:1706.05587.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from zoo_classification import resnet50, resnet101
from zoo_classification.catalogue.mobilenetv3 import MobileNet_V3_Large_Weights
from zoo_classification.catalogue.resnet import ResNet50_Weights, ResNet101_Weights
from zoo_core.building import builder
from zoo_core.layers import ConvNormActivation

from ._backbones import dilated_mobilenet
from ._fcn import FCNHead, on_resnet
from ._segmenter import Segmenter, build_segmenter, has_auxiliary
from .catalogue.deeplabv3 import (
    DeepLabV3_MobileNet_V3_Large_Weights,
    DeepLabV3_ResNet50_Weights,
    DeepLabV3_ResNet101_Weights,
)


class ASPPConv(ConvNormActivation):
    """A 3x3 convolution whose samples are `dilation` pixels apart, batch norm, ReLU.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        dilation: The atrous rate.

    Shape:
        `(N, in_channels, H, W)` to `(N, out_channels, H, W)`.
    """

    def __init__(self, in_channels: int, out_channels: int, dilation: int) -> None:
        super().__init__(in_channels, out_channels, dilation=dilation)


class ASPPPooling(nn.Sequential):
    """What is in the whole image: the mean of all pixels, a 1x1 convolution, batch norm, ReLU; the same everywhere.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.

    Shape:
        `(N, in_channels, H, W)` to `(N, out_channels, H, W)`. In training N must be above 1, for batch norm.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), *ConvNormActivation(in_channels, out_channels, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Describe `features`, `(N, in_channels, H, W)`, as a whole."""
        whole = features
        for layer in self:
            whole = layer(whole)
        return whole.expand(-1, -1, features.shape[-2], features.shape[-1])


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: neighbourhoods of several sizes side by side (section 3.3, figure 5).

    Args:
        in_channels: Channels of the input.
        atrous_rates: Of a 3x3 convolution each.
        out_channels: Channels of each branch, and of the output.

    Shape:
        `(N, in_channels, H, W)` to `(N, out_channels, H, W)`. In training N must be above 1, for batch norm.

    Example:
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

    def forward(self, features: Tensor) -> Tensor:
        """Describe each pixel of `features`, `(N, in_channels, H, W)`, by its neighbourhoods."""
        pyramid = torch.cat([conv(features) for conv in self.convs], dim=1)
        projected: Tensor = self.project(pyramid)
        return projected


class DeepLabHead(nn.Sequential):
    """Classifies each pixel by its neighbourhoods of several sizes, as layers "0" to "4".

    Args:
        in_channels: Channels of the features.
        num_classes: Number of classes.
        atrous_rates: Of the pyramid's convolutions.

    Shape:
        `(N, in_channels, H, W)` to scores `(N, num_classes, H, W)`. In training N must be above 1, for batch norm.

    Example:
        >>> DeepLabHead(512, 5)(torch.zeros(2, 512, 4, 5)).shape
        torch.Size([2, 5, 4, 5])
    """

    def __init__(self, in_channels: int, num_classes: int, atrous_rates: Sequence[int] = (12, 24, 36)) -> None:
        super().__init__(ASPP(in_channels, atrous_rates), *ConvNormActivation(256, 256), nn.Conv2d(256, num_classes, 1))


class DeepLabV3(Segmenter):
    """A DeepLabV3 for semantic segmentation.

    Args:
        backbone: From images `(N, 3, H, W)` to a mapping with the features `"out"` and, for the auxiliary classifier,
            `"aux"`, each `(N, C, h, w)`: `zoo_core.layers.IntermediateLayers` makes one of many networks.
        classifier: From the features `"out"` to scores `(N, num_classes, h, w)`, as `DeepLabHead` does.
        aux_classifier: Likewise from `"aux"`, as `FCNHead` does; `None` for none.

    Shape:
        Images `(N, 3, H, W)` of any size to an ordered dictionary of scores `(N, num_classes, H, W)`: `"out"`, and
        `"aux"` where there is an auxiliary classifier.

    Example:
        >>> from zoo_classification import resnet18
        >>> from zoo_core.layers import IntermediateLayers
        >>> backbone = IntermediateLayers(resnet18(), {"layer4": "out"})
        >>> DeepLabV3(backbone, DeepLabHead(512, 5))(torch.zeros(2, 3, 64, 96))["out"].shape
        torch.Size([2, 5, 64, 96])
    """


def _on_mobilenet(
    *, num_classes: int, aux_loss: bool, weights_backbone: MobileNet_V3_Large_Weights | None, **kwargs: Any
) -> DeepLabV3:
    return_stages = {-1: "out"} | ({-4: "aux"} if aux_loss else {})
    backbone, channels = dilated_mobilenet(return_stages=return_stages, weights=weights_backbone, **kwargs)
    aux_classifier = FCNHead(channels["aux"], num_classes) if aux_loss else None
    return DeepLabV3(backbone, DeepLabHead(channels["out"], num_classes), aux_classifier)


@builder(
    weights=DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1,
    weights_backbone=ResNet50_Weights.IMAGENET1K_V1,
)
def deeplabv3_resnet50(
    *,
    weights: DeepLabV3_ResNet50_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: ResNet50_Weights | str | None = ResNet50_Weights.IMAGENET1K_V1,
    **kwargs: Any,
) -> DeepLabV3:
    """DeepLabV3 on a ResNet-50 that stays at 1/8 of the image's resolution.

    Args:
        weights: A member of `DeepLabV3_ResNet50_Weights` or its name; `None` for none but those of the
            backbone.
        progress: Show a bar while downloading.
        num_classes: Number of classes with the background; 21, or that of the weights, if not given. Another number
            than the weights' gives fresh classifiers, and everything else from the file.
        aux_loss: Whether there is an auxiliary classifier, for training. With weights there is.
        weights_backbone: A member of `ResNet50_Weights` or its name; `None` to initialise the backbone at random.
            With `weights` it is not looked at.
        **kwargs: Passed on to the backbone, `zoo_classification.resnet50`.

    Raises:
        ValueError: `num_classes` is not positive, or `aux_loss` is false with weights.

    Example:
        >>> model = deeplabv3_resnet50(weights_backbone=None, num_classes=5).eval()
        >>> model(torch.zeros(1, 3, 64, 96))["out"].shape
        torch.Size([1, 5, 64, 96])
    """
    return build_segmenter(
        partial(on_resnet, DeepLabV3, DeepLabHead, resnet50),
        weights=weights,
        progress=progress,
        num_classes=num_classes,
        aux_loss=has_auxiliary(weights, aux_loss),
        weights_backbone=weights_backbone,
        **kwargs,
    )


@builder(
    weights=DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1,
    weights_backbone=ResNet101_Weights.IMAGENET1K_V1,
)
def deeplabv3_resnet101(
    *,
    weights: DeepLabV3_ResNet101_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: ResNet101_Weights | str | None = ResNet101_Weights.IMAGENET1K_V1,
    **kwargs: Any,
) -> DeepLabV3:
    """DeepLabV3 on a ResNet-101 that stays at 1/8 of the image's resolution.

    Args:
        weights: A member of `DeepLabV3_ResNet101_Weights` or its name; `None` for none but those of the
            backbone.
        progress: Show a bar while downloading.
        num_classes: Number of classes with the background; 21, or that of the weights, if not given. Another number
            than the weights' gives fresh classifiers, and everything else from the file.
        aux_loss: Whether there is an auxiliary classifier, for training. With weights there is.
        weights_backbone: A member of `ResNet101_Weights` or its name; `None` to initialise the backbone at random.
            With `weights` it is not looked at.
        **kwargs: Passed on to the backbone, `zoo_classification.resnet101`.

    Raises:
        ValueError: `num_classes` is not positive, or `aux_loss` is false with weights.

    Example:
        >>> model = deeplabv3_resnet101(weights_backbone=None, num_classes=5).eval()
        >>> model(torch.zeros(1, 3, 64, 96))["out"].shape
        torch.Size([1, 5, 64, 96])
    """
    return build_segmenter(
        partial(on_resnet, DeepLabV3, DeepLabHead, resnet101),
        weights=weights,
        progress=progress,
        num_classes=num_classes,
        aux_loss=has_auxiliary(weights, aux_loss),
        weights_backbone=weights_backbone,
        **kwargs,
    )


@builder(
    weights=DeepLabV3_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1,
    weights_backbone=MobileNet_V3_Large_Weights.IMAGENET1K_V1,
)
def deeplabv3_mobilenet_v3_large(
    *,
    weights: DeepLabV3_MobileNet_V3_Large_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: MobileNet_V3_Large_Weights | str | None = MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    **kwargs: Any,
) -> DeepLabV3:
    """DeepLabV3 on a MobileNetV3-Large that stays at 1/16 of the image's resolution.

    Args:
        weights: A member of `DeepLabV3_MobileNet_V3_Large_Weights` or its name; `None` for none but those of the
            backbone.
        progress: Show a bar while downloading.
        num_classes: Number of classes with the background; 21, or that of the weights, if not given. Another number
            than the weights' gives fresh classifiers, and everything else from the file.
        aux_loss: Whether there is an auxiliary classifier, for training. With weights there is.
        weights_backbone: A member of `MobileNet_V3_Large_Weights` or its name; `None` to initialise the backbone at
            random. With `weights` it is not looked at.
        **kwargs: Passed on to the backbone, `zoo_classification.mobilenet_v3_large`.

    Raises:
        ValueError: `num_classes` is not positive, or `aux_loss` is false with weights.

    Example:
        >>> model = deeplabv3_mobilenet_v3_large(weights_backbone=None, num_classes=5).eval()
        >>> model(torch.zeros(1, 3, 64, 96))["out"].shape
        torch.Size([1, 5, 64, 96])
    """
    return build_segmenter(
        _on_mobilenet,
        weights=weights,
        progress=progress,
        num_classes=num_classes,
        aux_loss=has_auxiliary(weights, aux_loss),
        weights_backbone=weights_backbone,
        **kwargs,
    )
