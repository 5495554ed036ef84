"""LR-ASPP, "Lite R-ASPP", on a dilated MobileNetV3.

Andrew Howard, Mark Sandler, Grace Chu, Liang-Chieh Chen, Bo Chen, Mingxing Tan, Weijun Wang, Yukun Zhu, Ruoming Pang,
Vijay Vasudevan, Quoc V. Le, Hartwig Adam: Searching for MobileNetV3, 2019, arXiv:1905.02244: section 6.4, figure 10.
"""

from collections import OrderedDict
from typing import Any, ClassVar

from torch import Tensor, nn

from zoo_classification import MobileNetV3
from zoo_core.building import ChosenBackbone, builder
from zoo_core.layers import ConvNormActivation, require_positive

from ._backbones import MOBILENET_V3_LARGE, dilated_mobilenet
from ._segmenter import NUM_CLASSES, upsample
from .catalogue.lraspp import LRASPP_MobileNet_V3_Large_Weights


class LRASPPHead(nn.Module):
    """Classifies each pixel by coarse features, weighted by the whole image's, and by fine ones (figure 10).

    Args:
        low_channels: Channels of the fine features.
        high_channels: Channels of the coarse features.
        num_classes: Number of classes, with the background.
        inter_channels: Channels in between.

    Shape:
        A mapping with the features `"low"`, `(N, low_channels, H, W)`, and `"high"`, `(N, high_channels, h, w)`, to
        scores `(N, num_classes, H, W)`.

    Example:
        >>> import torch
        >>> from zoo_segmentation import LRASPPHead
        >>> features = {"low": torch.zeros(2, 40, 8, 10), "high": torch.zeros(2, 960, 4, 5)}
        >>> LRASPPHead(40, 960, num_classes=5, inter_channels=128)(features).shape
        torch.Size([2, 5, 8, 10])
    """

    def __init__(self, low_channels: int, high_channels: int, num_classes: int, inter_channels: int) -> None:
        super().__init__()
        self.cbr = ConvNormActivation(high_channels, inter_channels, 1)
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(high_channels, inter_channels, 1, bias=False), nn.Sigmoid()
        )
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(inter_channels, num_classes, 1)

    def forward(self, input: dict[str, Tensor]) -> Tensor:  # noqa: A002 # the name that users know
        """Score the pixels of the fine features for each class."""
        low, high = input["low"], input["high"]
        coarse = self.high_classifier(self.cbr(high) * self.scale(high))
        # Each pixel is classified for itself: scores can be interpolated, which are fewer than the features.
        scores: Tensor = self.low_classifier(low) + upsample(coarse, low)
        return scores


class LRASPP(nn.Module):
    """An LR-ASPP for semantic segmentation.

    Args:
        backbone: From images `(N, 3, H, W)` to a mapping with the features `"low"`, `(N, low_channels, H', W')`, and
            `"high"`, `(N, high_channels, h, w)`: `zoo_core.layers.IntermediateLayerGetter` makes one of many networks.
        low_channels, high_channels, num_classes, inter_channels: As for `LRASPPHead`.

    Shape:
        Images `(N, 3, H, W)` of any size to an ordered dictionary of the scores `"out"`, `(N, num_classes, H, W)`.

    Example:
        >>> import torch
        >>> from zoo_segmentation import LRASPP
        >>> from zoo_classification import resnet18
        >>> from zoo_core.layers import IntermediateLayerGetter
        >>> backbone = IntermediateLayerGetter(resnet18(), {"layer2": "low", "layer4": "high"})
        >>> LRASPP(backbone, 128, 512, num_classes=5)(torch.zeros(2, 3, 64, 96))["out"].shape
        torch.Size([2, 5, 64, 96])
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.low_classifier", "classifier.high_classifier")

    def __init__(
        self, backbone: nn.Module, low_channels: int, high_channels: int, num_classes: int, inter_channels: int = 128
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = LRASPPHead(low_channels, high_channels, num_classes, inter_channels)

    def forward(self, input: Tensor) -> dict[str, Tensor]:  # noqa: A002 # the name that users know
        """Score the pixels of images `input`, `(N, 3, H, W)`, for each class, `(N, num_classes, H, W)`."""
        outputs: dict[str, Tensor] = OrderedDict()
        outputs["out"] = upsample(self.classifier(self.backbone(input)), input)
        return outputs


@builder(
    LRASPP_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1, num_classes=NUM_CLASSES, backbone=MOBILENET_V3_LARGE
)
def lraspp_mobilenet_v3_large(*, backbone: ChosenBackbone[MobileNetV3], num_classes: int, **kwargs: Any) -> LRASPP:
    """LR-ASPP on a MobileNetV3-Large that stays at 1/16 of the image's resolution.

    Args:
        **kwargs: Passed on to the backbone, `zoo_classification.mobilenet_v3_large`.

    Raises:
        ValueError: `num_classes` is not positive.
        NotImplementedError: `aux_loss` is asked for: this network has no auxiliary classifier.

    Example:
        >>> import torch
        >>> from zoo_segmentation import lraspp_mobilenet_v3_large
        >>> model = lraspp_mobilenet_v3_large(weights_backbone=None, num_classes=5).eval()
        >>> model(torch.zeros(1, 3, 64, 96))["out"].shape
        torch.Size([1, 5, 64, 96])
    """
    if kwargs.pop("aux_loss", False):
        raise NotImplementedError("This model does not use auxiliary loss: leave out aux_loss, or set it to False.")
    require_positive(num_classes=num_classes)
    features, channels = dilated_mobilenet(backbone, {"low": -4, "high": -1}, **kwargs)
    return LRASPP(features, channels["low"], channels["high"], num_classes)
