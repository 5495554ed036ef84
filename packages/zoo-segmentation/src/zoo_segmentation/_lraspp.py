"""LR-ASPP, "Lite R-ASPP", on a dilated MobileNetV3.

Andrew Howard, Mark Sandler, Grace Chu, Liang-Chieh Chen, Bo Chen, Mingxing Tan, Weijun Wang, Yukun Zhu, Ruoming Pang,
Vijay Vasudevan, Quoc V. Le, Hartwig Adam: Searching for MobileNetV3, 2019, arXiv:1905.02244: section 6.4, figure 10.
"""

from collections import OrderedDict
from typing import Any, ClassVar

from torch import Tensor, nn

from zoo_classification.catalogue.mobilenetv3 import MobileNet_V3_Large_Weights
from zoo_core.building import builder
from zoo_core.layers import ConvNormActivation

from ._backbones import dilated_mobilenet
from ._segmenter import build_segmenter, upsample
from .catalogue.lraspp import LRASPP_MobileNet_V3_Large_Weights


class LRASPPHead(nn.Module):
    """Classifies each pixel by coarse features, weighted by the whole image's, and by fine ones (figure 10).

    Args:
        low_channels: Channels of the fine features.
        high_channels: Channels of the coarse features.
        num_classes: Number of classes.
        inter_channels: Channels in between.

    Shape:
        A mapping with the features `"low"`, `(N, low_channels, H, W)`, and `"high"`, `(N, high_channels, h, w)`, to
        scores `(N, num_classes, H, W)`.

    Example:
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

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        """Score the pixels of the fine features for each class."""
        low, high = features["low"], features["high"]
        coarse = self.high_classifier(self.cbr(high) * self.scale(high))
        # Each pixel is classified for itself: scores can be interpolated, which are fewer than the features.
        scores: Tensor = self.low_classifier(low) + upsample(coarse, low)
        return scores


class LRASPP(nn.Module):
    """An LR-ASPP for semantic segmentation.

    Args:
        backbone: From images `(N, 3, H, W)` to a mapping with the features `"low"`, `(N, low_channels, H', W')`, and
            `"high"`, `(N, high_channels, h, w)`: `zoo_core.layers.IntermediateLayers` makes one of many networks.
        low_channels: Channels of the fine features.
        high_channels: Channels of the coarse features.
        num_classes: Number of classes.
        inter_channels: Channels in between.

    Shape:
        Images `(N, 3, H, W)` of any size to an ordered dictionary of the scores `"out"`, `(N, num_classes, H, W)`.

    Example:
        >>> from zoo_classification import resnet18
        >>> from zoo_core.layers import IntermediateLayers
        >>> backbone = IntermediateLayers(resnet18(), {"layer2": "low", "layer4": "high"})
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

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Score the pixels of images, `(N, 3, H, W)`, for each class, `(N, num_classes, H, W)`."""
        outputs: dict[str, Tensor] = OrderedDict()
        outputs["out"] = upsample(self.classifier(self.backbone(images)), images)
        return outputs


def _on_mobilenet(*, num_classes: int, weights_backbone: MobileNet_V3_Large_Weights | None, **kwargs: Any) -> LRASPP:
    backbone, channels = dilated_mobilenet(return_stages={-4: "low", -1: "high"}, weights=weights_backbone, **kwargs)
    return LRASPP(backbone, channels["low"], channels["high"], num_classes)


@builder(
    weights=LRASPP_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1,
    weights_backbone=MobileNet_V3_Large_Weights.IMAGENET1K_V1,
)
def lraspp_mobilenet_v3_large(
    *,
    weights: LRASPP_MobileNet_V3_Large_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    weights_backbone: MobileNet_V3_Large_Weights | str | None = MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    **kwargs: Any,
) -> LRASPP:
    """LR-ASPP on a MobileNetV3-Large that stays at 1/16 of the image's resolution.

    Args:
        weights: A member of `LRASPP_MobileNet_V3_Large_Weights` or its name; `None` for none but those of the backbone.
        progress: Show a bar while downloading.
        num_classes: Number of classes with the background; 21, or that of the weights, if not given. Another number
            than the weights' gives fresh classifiers, and everything else from the file.
        weights_backbone: A member of `MobileNet_V3_Large_Weights` or its name; `None` to initialise the backbone at
            random. With `weights` it is not looked at.
        **kwargs: Passed on to the backbone, `zoo_classification.mobilenet_v3_large`.

    Raises:
        ValueError: `num_classes` is not positive.
        NotImplementedError: `aux_loss` is asked for: this network has no auxiliary classifier.

    Example:
        >>> model = lraspp_mobilenet_v3_large(weights_backbone=None, num_classes=5).eval()
        >>> model(torch.zeros(1, 3, 64, 96))["out"].shape
        torch.Size([1, 5, 64, 96])
    """
    if kwargs.pop("aux_loss", False):
        raise NotImplementedError("This model does not use auxiliary loss: leave out aux_loss, or set it to False.")
    return build_segmenter(
        _on_mobilenet,
        weights=weights,
        progress=progress,
        num_classes=num_classes,
        weights_backbone=weights_backbone,
        **kwargs,
    )
