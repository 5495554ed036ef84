"""SSDlite with MobileNetV3.

Mark Sandler, Andrew Howard, Menglong Zhu, Andrey Zhmoginov, Liang-Chieh Chen: MobileNetV2: Inverted Residuals and
Linear Bottlenecks, 2018, arXiv:1801.04381, section 6.2; Andrew Howard et al.: Searching for MobileNetV3, 2019,
arXiv:1905.02244, section 6.3.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from zoo_classification import MobileNet_V3_Large_Weights, MobileNetV3, mobilenet_v3_large
from zoo_core.building import build, builder
from zoo_core.layers import ConvNormActivation

from ._anchors import DefaultBoxGenerator
from ._backbones import NormLayer, freeze_blocks, stage_indices, trainable_layers_or_default
from ._on_backbones import given
from ._ssd import SSD, SSDScoringHead, level_channels, without_size
from .catalogue.ssdlite import SSDLite320_MobileNet_V3_Large_Weights

_NORM_LAYER = partial(nn.BatchNorm2d, eps=0.001, momentum=0.03)


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


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, std=0.03)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _predictors(
    in_channels: Sequence[int], num_anchors: Sequence[int], num_columns: int, norm_layer: NormLayer
) -> nn.ModuleList:
    modules = nn.ModuleList(
        _predictor(channels, anchors * num_columns, norm_layer)
        for channels, anchors in zip(in_channels, num_anchors, strict=True)
    )
    return modules.apply(_initialise)


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
        super().__init__(_predictors(in_channels, num_anchors, num_classes, norm_layer), num_classes)
        self.num_classes = num_classes


class SSDLiteRegressionHead(SSDScoringHead):
    """Predicts how each default box becomes a box.

    Args:
        in_channels: Channels of each level.
        num_anchors: Boxes at each place of each level.
        norm_layer: Called with a number of channels.
    """

    def __init__(self, in_channels: Sequence[int], num_anchors: Sequence[int], norm_layer: NormLayer) -> None:
        super().__init__(_predictors(in_channels, num_anchors, 4, norm_layer), 4)


class SSDLiteHead(nn.Module):
    """Both heads of SSDlite.

    Args:
        in_channels: Channels of each level.
        num_anchors: Boxes at each place of each level.
        num_classes: Classes, the background counted in.
        norm_layer: Called with a number of channels.

    Example:
        >>> import torch
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
        self.extra = nn.ModuleList(map(partial(_added, norm_layer=norm_layer), inputs, depths)).apply(_initialise)
        self.out_channels = [layers[0].out_channels, blocks[-1].out_channels, *depths]

    def forward(self, images: Tensor) -> "OrderedDict[str, Tensor]":
        """Compute all levels, the finest first."""
        levels = [images]
        for layer in (*self.features, *self.extra):
            levels.append(layer(levels[-1]))
        return OrderedDict((str(index), level) for index, level in enumerate(levels[1:]))


class SSDLite(SSD):
    """SSD of which a file's classifiers are the last convolutions of its heads; see `SSD`."""

    classifiers: ClassVar[tuple[str, ...]] = tuple(
        f"head.classification_head.module_list.{index}.1" for index in range(6)
    )


def ssdlite_backbone_of_mobilenet(
    network: MobileNetV3, trainable_layers: int, norm_layer: NormLayer
) -> SSDLiteFeatureExtractorMobileNet:
    """Make a backbone of a MobileNetV3.

    Args:
        network: Its blocks are taken over.
        trainable_layers: How many of its stages train, from the last on.
        norm_layer: For the added levels, called with a number of channels.
    """
    blocks: nn.Sequential = network.features
    stages = stage_indices(blocks)
    freeze_blocks(blocks, stages, trainable_layers)
    return SSDLiteFeatureExtractorMobileNet(blocks, stages[-2], norm_layer)


@builder(
    weights=SSDLite320_MobileNet_V3_Large_Weights.COCO_V1, weights_backbone=MobileNet_V3_Large_Weights.IMAGENET1K_V1
)
def ssdlite320_mobilenet_v3_large(
    *,
    weights: SSDLite320_MobileNet_V3_Large_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    weights_backbone: MobileNet_V3_Large_Weights | str | None = MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    trainable_backbone_layers: int | None = None,
    norm_layer: NormLayer | None = None,
    **kwargs: Any,
) -> SSD:
    """SSDlite320 with a MobileNetV3-Large, whose last stage has half the channels unless it is pretrained itself.

    Args:
        weights: A member of `SSDLite320_MobileNet_V3_Large_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        num_classes: Classes, the background counted in; those of the weights, else 91, if not given.
        weights_backbone: Of the MobileNet, where `weights` is `None`.
        trainable_backbone_layers: How many of the MobileNet's six stages train: all if not given.
        norm_layer: Called with a number of channels; batch norm with eps 0.001 and momentum 0.03 if not given.
        **kwargs: Passed on to `SSD`.

    Example:
        >>> import torch
        >>> model = ssdlite320_mobilenet_v3_large(weights_backbone=None, num_classes=5).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """
    kwargs, norm = without_size(kwargs), norm_layer or _NORM_LAYER

    def network(num_classes: int = 91, **kwargs: Any) -> SSD:
        backbone_weights = weights_backbone if weights is None else None
        trainable = trainable_layers_or_default(
            trainable_backbone_layers,
            is_trained=weights is not None or weights_backbone is not None,
            max_value=6,
            default_value=6,
        )
        mobilenet = mobilenet_v3_large(
            weights=backbone_weights, progress=progress, norm_layer=norm, reduced_tail=backbone_weights is None
        )
        if backbone_weights is None:
            mobilenet.apply(_initialise)
        backbone = ssdlite_backbone_of_mobilenet(mobilenet, trainable, norm)
        return _on_backbone(backbone, norm, num_classes, **kwargs)

    return build(network, weights=weights, progress=progress, **given(num_classes=num_classes), **kwargs)


def _on_backbone(backbone: nn.Module, norm_layer: NormLayer, num_classes: int, **kwargs: Any) -> SSDLite:
    size = (320, 320)
    anchors = DefaultBoxGenerator([[2, 3] for _ in range(6)], min_ratio=0.2, max_ratio=0.95)
    head = SSDLiteHead(level_channels(backbone, size), anchors.num_anchors_per_location(), num_classes, norm_layer)
    defaults = {
        "head": head,
        "score_thresh": 0.001,
        "nms_thresh": 0.55,
        "detections_per_img": 300,
        "topk_candidates": 300,
        # Rescales to [-1, 1].
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    return SSDLite(backbone, anchors, size, num_classes, **{**defaults, **kwargs})
