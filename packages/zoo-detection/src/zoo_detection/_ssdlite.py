"""SSDlite with MobileNetV3.

Mark Sandler, Andrew Howard, Menglong Zhu, Andrey Zhmoginov, Liang-Chieh Chen: MobileNetV2: Inverted Residuals and
Linear Bottlenecks, 2018, arXiv:1801.04381, section 6.2; Andrew Howard et al.: Searching for MobileNetV3, 2019,
arXiv:1905.02244, section 6.3.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from zoo_classification import MobileNetV3
from zoo_classification.stages import mobilenet_stages
from zoo_core.building import ChosenBackbone, builder
from zoo_core.layers import ConvNormActivation

from ._ssd import SSD, SSDScoringHead, level_channels, predictors, without_size
from .backbones.mobilenet import MOBILENET_V3_LARGE
from .backbones.networks import freeze
from .backbones.pyramid import NormLayer
from .boxes.anchors import DefaultBoxGenerator
from .catalogue.ssdlite import SSDLite320_MobileNet_V3_Large_Weights
from .foundation.initialization import initialise_convolutions

_NORM_LAYER = partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)
_fill = partial(nn.init.normal_, std=0.03)


def _predictor(in_channels: int, out_channels: int, norm_layer: NormLayer) -> nn.Sequential:
    """Build a depthwise convolution of 3 x 3 and a convolution of 1 x 1, in the place of one of 3 x 3."""
    depthwise = ConvNormActivation(
        in_channels, in_channels, 3, groups=in_channels, norm_layer=norm_layer, activation_layer=nn.ReLU6
    )
    return nn.Sequential(depthwise, nn.Conv2d(in_channels, out_channels, 1))


def _added(in_channels: int, out_channels: int, norm_layer: NormLayer) -> nn.Sequential:
    """Build a level of half the resolution."""
    unit = partial(ConvNormActivation, norm_layer=norm_layer, activation_layer=nn.ReLU6)
    between = out_channels // 2
    return nn.Sequential(
        unit(in_channels, between, 1),
        unit(between, between, 3, 2, groups=between),
        unit(between, out_channels, 1),
    )


class SSDLiteClassificationHead(SSDScoringHead):
    """Scores each default box for each class, the first being the background.

    Args:
        in_channels: Channels of each level.
        num_anchors: Boxes at each place of each level.
        num_classes: Classes, the background counted in.
        norm_layer: Called with a number of channels.
    """

    def __init__(
        self, in_channels: Sequence[int], num_anchors: Sequence[int], num_classes: int, norm_layer: NormLayer
    ) -> None:
        predictor = partial(_predictor, norm_layer=norm_layer)
        super().__init__(predictors(in_channels, num_anchors, num_classes, predictor, _fill), num_classes)
        self.num_classes = num_classes


class SSDLiteRegressionHead(SSDScoringHead):
    """Predicts how each default box becomes a box; its arguments are those of `SSDLiteClassificationHead`."""

    def __init__(self, in_channels: Sequence[int], num_anchors: Sequence[int], norm_layer: NormLayer) -> None:
        predictor = partial(_predictor, norm_layer=norm_layer)
        super().__init__(predictors(in_channels, num_anchors, 4, predictor, _fill), 4)


class SSDLiteHead(nn.Module):
    """Both heads of SSDlite; its arguments are those of `SSDLiteClassificationHead`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from zoo_detection import SSDLiteHead
        >>> head = SSDLiteHead([16, 8], [6, 6], num_classes=5, norm_layer=nn.BatchNorm2d)
        >>> outputs = head([torch.zeros(1, 16, 4, 4), torch.zeros(1, 8, 2, 2)])
        >>> {name: tuple(output.shape) for name, output in outputs.items()}
        {'bbox_regression': (1, 120, 4), 'cls_logits': (1, 120, 5)}
    """

    def __init__(
        self, in_channels: Sequence[int], num_anchors: Sequence[int], num_classes: int, norm_layer: NormLayer
    ) -> None:
        super().__init__()
        self.classification_head = SSDLiteClassificationHead(in_channels, num_anchors, num_classes, norm_layer)
        self.regression_head = SSDLiteRegressionHead(in_channels, num_anchors, norm_layer)

    def forward(self, x: Sequence[Tensor]) -> dict[str, Tensor]:
        """Predict `bbox_regression` `(N, A, 4)` and `cls_logits` `(N, A, num_classes)` from all levels."""
        return {"bbox_regression": self.regression_head(x), "cls_logits": self.classification_head(x)}


class SSDLiteFeatureExtractorMobileNet(nn.Module):
    """The blocks of a MobileNet, with the levels that SSD adds.

    Args:
        backbone: The blocks of a MobileNet before its classifier; they are taken over.
        c4_pos: Index of the block that halves the resolution for the last time: the first level is what it expands.
        norm_layer: Called with a number of channels.
        width_mult: Scales the channels of the added levels.
        min_depth: The fewest channels that they have.

    Shape:
        Images `(N, 3, H, W)` to an ordered dictionary of six levels, the first of 1/16 of the resolution.

    Raises:
        ValueError: The block at `c4_pos` is none without a shortcut, so that it cannot halve the resolution.
    """

    def __init__(
        self, backbone: nn.Sequential, c4_pos: int, norm_layer: NormLayer, width_mult: float = 1.0, min_depth: int = 16
    ) -> None:
        super().__init__()
        divided = backbone[c4_pos]
        layers = getattr(divided, "block", None)
        if not isinstance(layers, nn.Sequential) or getattr(divided, "use_res_connect", False):
            raise ValueError(
                f"The block at c4_pos should be an inverted residual without a shortcut, block {c4_pos} is none"
            )
        blocks = list(backbone)
        self.features = nn.Sequential(
            nn.Sequential(*blocks[:c4_pos], layers[0]), nn.Sequential(layers[1:], *blocks[c4_pos + 1 :])
        )
        depths = [max(min_depth, int(depth * width_mult)) for depth in (512, 256, 256, 128)]
        inputs = [blocks[-1].out_channels, *depths[:-1]]
        self.extra = nn.ModuleList(map(partial(_added, norm_layer=norm_layer), inputs, depths))
        initialise_convolutions(self.extra, _fill)
        self.out_channels = [layers[0].out_channels, blocks[-1].out_channels, *depths]

    def forward(self, x: Tensor) -> "OrderedDict[str, Tensor]":
        """Compute all levels, the finest first."""
        levels = [x]
        for layer in (*self.features, *self.extra):
            levels.append(layer(levels[-1]))
        return OrderedDict((str(index), level) for index, level in enumerate(levels[1:]))


class SSDLite(SSD):
    """SSD of which a file's classifiers are the last convolutions of its heads; see `SSD`."""

    classifiers: ClassVar[tuple[str, ...]] = tuple(
        f"head.classification_head.module_list.{index}.1" for index in range(6)
    )


@builder(
    SSDLite320_MobileNet_V3_Large_Weights.COCO_V1, num_classes=91, backbone=replace(MOBILENET_V3_LARGE, trainable=6)
)
def ssdlite320_mobilenet_v3_large(
    *, backbone: ChosenBackbone[MobileNetV3], norm_layer: NormLayer | None = None, **kwargs: Any
) -> SSD:
    """SSDlite320 with a MobileNetV3-Large, whose last stage has half the channels unless it is pretrained itself.

    Args:
        norm_layer: Called with a number of channels; batch norm with eps 0.001 and momentum 0.03 if not given.

    Example:
        >>> import torch
        >>> from zoo_detection import ssdlite320_mobilenet_v3_large
        >>> model = ssdlite320_mobilenet_v3_large(weights_backbone=None, num_classes=5).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """
    norm_layer = norm_layer or _NORM_LAYER
    mobilenet = _with_added_levels(backbone, norm_layer)
    return _on_backbone(mobilenet, norm_layer, **without_size(kwargs))


def _with_added_levels(
    backbone: ChosenBackbone[MobileNetV3], norm_layer: NormLayer
) -> SSDLiteFeatureExtractorMobileNet:
    """Build the MobileNet that a call has chosen, its stages frozen before those that train, with SSD's levels."""
    mobilenet = backbone.build(norm_layer=norm_layer, reduced_tail=backbone.weights is None)
    if backbone.weights is None:
        initialise_convolutions(mobilenet, _fill)
    starts = [stage.name for stage in mobilenet_stages(mobilenet.features)]
    freeze(mobilenet.features, starts, backbone.trainable_layers)
    return SSDLiteFeatureExtractorMobileNet(mobilenet.features, int(starts[-2]), norm_layer)


def _on_backbone(backbone: nn.Module, norm_layer: NormLayer, num_classes: int, **kwargs: Any) -> SSDLite:
    size = (320, 320)
    anchors = DefaultBoxGenerator([[2, 3] for _ in range(6)], min_ratio=0.2, max_ratio=0.95)
    defaults: dict[str, Any] = {
        "head": SSDLiteHead(
            in_channels=level_channels(backbone, size),
            num_anchors=anchors.num_anchors_per_location(),
            num_classes=num_classes,
            norm_layer=norm_layer,
        ),
        "score_thresh": 0.001,
        "nms_thresh": 0.55,
        "detections_per_img": 300,
        "topk_candidates": 300,
        # Rescales to [-1, 1].
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    return SSDLite(backbone, anchors, size, num_classes, **(defaults | kwargs))
