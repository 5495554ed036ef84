"""SSD.

Wei Liu, Dragomir Anguelov, Dumitru Erhan, Christian Szegedy, Scott Reed, Cheng-Yang Fu, Alexander C. Berg: SSD: Single
Shot MultiBox Detector, 2015, arXiv:1512.02325.
"""

import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_classification import VGG, VGG16_Weights, vgg16
from zoo_core.building import build, builder
from zoo_core.layers import require_positive

from ._anchors import DefaultBoxGenerator, by_anchor
from ._backbones import freeze_blocks, trainable_layers_or_default
from ._box_coding import BoxCoder
from ._dense import (
    DenseDetector,
    Detections,
    Limits,
    detections_of_classes,
    match_all,
)
from ._matching import SSDMatcher
from ._on_backbones import given
from ._transform import Target, imagenet_transform
from .catalogue.ssd import SSD300_VGG16_Weights
from .ops._boxes import widen


class SSDScoringHead(nn.Module):
    """Predicts at each place of each level with a module of the level's own.

    Args:
        module_list: A module for each level, that makes `(N, A * num_columns, h, w)` of it.
        num_columns: Numbers that are predicted for each box.
    """

    def __init__(self, module_list: nn.ModuleList, num_columns: int) -> None:
        super().__init__()
        self.module_list = module_list
        self.num_columns = num_columns

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Predict `(N, A, num_columns)` for the boxes of all levels."""
        maps = [module(level) for module, level in zip(self.module_list, x, strict=True)]
        return torch.cat([by_anchor(predictions, self.num_columns) for predictions in maps], dim=1)


def _convolutions(in_channels: Sequence[int], num_anchors: Sequence[int], num_columns: int) -> nn.ModuleList:
    if len(in_channels) != len(num_anchors):
        raise ValueError(
            f"num_anchors should be as many as in_channels, found {len(num_anchors)} and {len(in_channels)}"
        )
    modules = nn.ModuleList(
        nn.Conv2d(channels, anchors * num_columns, 3, padding=1)
        for channels, anchors in zip(in_channels, num_anchors, strict=True)
    )
    return modules.apply(initialise_xavier)


def initialise_xavier(module: nn.Module) -> None:
    """Initialise a convolution as section 3 says, for `Module.apply`."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class SSDClassificationHead(SSDScoringHead):
    """Scores each default box for each class, the first being the background (section 2.1).

    Args:
        in_channels: Channels of each level.
        num_anchors: Boxes at each place of each level.
        num_classes: Classes, the background counted in.
    """

    def __init__(self, in_channels: Sequence[int], num_anchors: Sequence[int], num_classes: int) -> None:
        require_positive(num_classes=num_classes)
        super().__init__(_convolutions(in_channels, num_anchors, num_classes), num_classes)
        self.num_classes = num_classes


class SSDRegressionHead(SSDScoringHead):
    """Predicts how each default box becomes a box (section 2.1).

    Args:
        in_channels: Channels of each level.
        num_anchors: Boxes at each place of each level.
    """

    def __init__(self, in_channels: Sequence[int], num_anchors: Sequence[int]) -> None:
        super().__init__(_convolutions(in_channels, num_anchors, 4), 4)


class SSDHead(nn.Module):
    """Both heads of SSD.

    Args:
        in_channels: Channels of each level.
        num_anchors: Boxes at each place of each level.
        num_classes: Classes, the background counted in.

    Example:
        >>> outputs = SSDHead([16, 8], [4, 6], num_classes=5)([torch.zeros(1, 16, 4, 4), torch.zeros(1, 8, 2, 2)])
        >>> {name: tuple(output.shape) for name, output in outputs.items()}
        {'bbox_regression': (1, 88, 4), 'cls_logits': (1, 88, 5)}
    """

    def __init__(self, in_channels: Sequence[int], num_anchors: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.classification_head: nn.Module = SSDClassificationHead(in_channels, num_anchors, num_classes)
        self.regression_head: nn.Module = SSDRegressionHead(in_channels, num_anchors)

    def forward(self, x: Sequence[Tensor]) -> dict[str, Tensor]:
        """Predict `bbox_regression` `(N, A, 4)` and `cls_logits` `(N, A, num_classes)` from all levels."""
        return {"bbox_regression": self.regression_head(x), "cls_logits": self.classification_head(x)}


class SSD(DenseDetector):
    """SSD on any backbone.

    Args:
        backbone: Makes of images `(N, C, H, W)` an ordered dictionary of levels, the finest first. Its attribute
            `out_channels` may list the channels of each; otherwise it is tried out.
        anchor_generator: Makes the default boxes of these levels.
        size: Width and height that images are resized to.
        num_classes: Classes, the background counted in, which is 0.
        image_mean: A value for each channel, subtracted from images; that of ImageNet if not given.
        image_std: A value for each channel, by which the difference is divided; that of ImageNet if not given.
        head: As `SSDHead`, which it is if not given.
        score_thresh: Scores of detections are above it.
        nms_thresh: Overlap that detections of one class may have.
        detections_per_img: The best detections of an image that are returned.
        iou_thresh: Least overlap of a default box with the box that it is trained for.
        topk_candidates: The best predictions of each class that are looked at.
        positive_fraction: Share of the predictions trained for classes that have a box (section 2.2, "Hard negative
            mining").
        **kwargs: Passed on to `GeneralizedRCNNTransform`.

    Shape:
        A list of images `(C, H, W)` in [0, 1], and in training a list of targets, to a dictionary of losses in
        training, and a list of dictionaries with `boxes` `(D, 4)`, `scores` and `labels` in evaluation.

    Raises:
        ValueError: The backbone has not as many levels as the generator.

    Example:
        >>> backbone = nn.Conv2d(3, 8, 3, stride=16, padding=1)
        >>> model = SSD(backbone, DefaultBoxGenerator([[2]]), (64, 64), num_classes=3).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 50, 70)])]
        [['boxes', 'labels', 'scores']]
    """

    least_label = 1
    classifiers: ClassVar[tuple[str, ...]] = ("head.classification_head.module_list",)

    def __init__(
        self,
        backbone: nn.Module,
        anchor_generator: DefaultBoxGenerator,
        size: tuple[int, int],
        num_classes: int,
        image_mean: Sequence[float] | None = None,
        image_std: Sequence[float] | None = None,
        head: nn.Module | None = None,
        score_thresh: float = 0.01,
        nms_thresh: float = 0.45,
        detections_per_img: int = 200,
        iou_thresh: float = 0.5,
        topk_candidates: int = 400,
        positive_fraction: float = 0.25,
        **kwargs: Any,
    ) -> None:
        if head is None:
            channels, per_location = level_channels(backbone, size), anchor_generator.num_anchors_per_location()
            if len(channels) != len(per_location):
                raise ValueError(
                    f"The length of the output channels from the backbone ({len(channels)}) do not match the length of "
                    f"the anchor generator aspect ratios ({len(per_location)})"
                )
            head = SSDHead(channels, per_location, num_classes)
        transform = imagenet_transform(
            min(size), max(size), image_mean, image_std, **{"size_divisible": 1, "fixed_size": size, **kwargs}
        )
        limits = Limits(score_thresh, nms_thresh, detections_per_img, topk_candidates)
        super().__init__(backbone, anchor_generator, head, transform, limits)
        self.box_coder = BoxCoder((10.0, 10.0, 5.0, 5.0))
        self.proposal_matcher = SSDMatcher(iou_thresh)
        self.neg_to_pos_ratio = (1.0 - positive_fraction) / positive_fraction

    def compute_loss(
        self,
        targets: Sequence[Target],
        head_outputs: Mapping[str, Tensor],
        anchors: Sequence[Tensor],
        num_anchors_per_level: Sequence[int] = (),
    ) -> dict[str, Tensor]:
        """Return the losses `bbox_regression` and `classification`, by the number of matched boxes (equation 1)."""
        matches = torch.stack(match_all(self.proposal_matcher, targets, anchors))
        foreground = matches >= 0
        number = foreground.sum().clamp(min=1)
        regression = self._regression_loss(targets, head_outputs["bbox_regression"], anchors, matches)
        classification = self._classification_loss(targets, head_outputs["cls_logits"], matches)
        return {
            "bbox_regression": regression / number,
            "classification": classification / number,
        }

    def _regression_loss(
        self, targets: Sequence[Target], codes: Tensor, anchors: Sequence[Tensor], matches: Tensor
    ) -> Tensor:
        boxes = torch.cat([target["boxes"][found[found >= 0]] for target, found in zip(targets, matches, strict=True)])
        foreground = matches >= 0
        expected = self.box_coder.encode_single(boxes, torch.stack(list(anchors))[foreground])
        return F.smooth_l1_loss(widen(codes[foreground]), expected, reduction="sum")

    def _classification_loss(self, targets: Sequence[Target], logits: Tensor, matches: Tensor) -> Tensor:
        classes = torch.zeros_like(matches)
        for row, target, found in zip(classes, targets, matches, strict=True):
            row[found >= 0] = target["labels"][found[found >= 0]]
        losses = F.cross_entropy(logits.flatten(0, 1), classes.flatten(), reduction="none").view_as(classes)
        return losses[(matches >= 0) | self._hard_negatives(losses, matches >= 0)].sum()

    def _hard_negatives(self, losses: Tensor, foreground: Tensor) -> Tensor:
        """Mark, in each image, so many times as many negatives as positives: those of the greatest losses."""
        order = losses.detach().masked_fill(foreground, float("-inf")).argsort(dim=1, descending=True)
        ranks = order.argsort(dim=1)
        return ranks < self.neg_to_pos_ratio * foreground.sum(1, keepdim=True)

    def postprocess_detections(
        self,
        head_outputs: Mapping[str, Tensor],
        anchors: Sequence[Tensor],
        image_shapes: Sequence[tuple[int, int]],
        num_anchors_per_level: Sequence[int] = (),
    ) -> list[Detections]:
        """Choose the detections of each image, in the transform's coordinates."""
        probabilities = head_outputs["cls_logits"].softmax(dim=-1)
        return [
            detections_of_classes(scores, self.box_coder.decode_single(codes, boxes), shape, self.limits)
            for scores, codes, boxes, shape in zip(
                probabilities, head_outputs["bbox_regression"], anchors, image_shapes, strict=True
            )
        ]


def level_channels(backbone: nn.Module, size: tuple[int, int]) -> list[int]:
    """Return the channels of each level of a backbone: what it says, or what it does with an image of zeros.

    Args:
        backbone: If its `out_channels` is no list, it is run once, in evaluation mode.
        size: Width and height of images.
    """
    stated = getattr(backbone, "out_channels", None)
    if isinstance(stated, Sequence):
        return list(stated)
    training = backbone.training
    parameter = next(backbone.parameters(), torch.empty(0))
    with torch.no_grad():
        features = backbone.eval()(parameter.new_zeros(1, 3, size[1], size[0]))
    backbone.train(training)
    levels = [features] if isinstance(features, Tensor) else features.values()
    return [level.shape[1] for level in levels]


class SSDFeatureExtractorVGG(nn.Module):
    """The convolutions of a VGG, with the levels that SSD adds (figure 2).

    Args:
        backbone: The layers of a VGG before its classifier; they are taken over.
        highres: One more level, for images of 512 x 512 pixels.

    Shape:
        Images `(N, 3, H, W)` to an ordered dictionary of levels of 512, 1024, 512, 256, 256, 256 channels.
    """

    def __init__(self, backbone: nn.Sequential, highres: bool = False) -> None:
        super().__init__()
        poolings = [index for index, layer in enumerate(backbone) if isinstance(layer, nn.MaxPool2d)]
        _, _, third, fourth, fifth = poolings
        _pooling(backbone[third]).ceil_mode = True  # 38 x 38, not 37 x 37, for images of 300 x 300
        self.scale_weight = nn.Parameter(torch.empty(512))
        nn.init.constant_(self.scale_weight, 20.0)
        self.features = nn.Sequential(*list(backbone)[:fourth])
        added = [_converted_classifier(), *_added_levels(highres)]
        for level in added:
            level.apply(initialise_xavier)
        fifth_block = nn.Sequential(*list(backbone)[fourth:fifth], added[0])
        self.extra = nn.ModuleList([fifth_block, *added[1:]])
        self.out_channels = [512, 1024, 512, *([256] * (4 if highres else 3))]

    def forward(self, images: Tensor) -> "OrderedDict[str, Tensor]":
        """Compute all levels, the finest first."""
        features = self.features(images)
        levels = [self.scale_weight[:, None, None] * F.normalize(features)]
        for layer in self.extra:
            features = layer(features)
            levels.append(features)
        return OrderedDict((str(index), level) for index, level in enumerate(levels))


def _pooling(layer: nn.Module) -> nn.MaxPool2d:
    assert isinstance(layer, nn.MaxPool2d)
    return layer


def _converted_classifier() -> nn.Sequential:
    """Build the convolutions that take the place of VGG's first two fully connected layers (section 3)."""
    return nn.Sequential(
        nn.MaxPool2d(3, stride=1, padding=1),
        nn.Conv2d(512, 1024, 3, padding=6, dilation=6),
        nn.ReLU(inplace=True),
        nn.Conv2d(1024, 1024, 1),
        nn.ReLU(inplace=True),
    )


def _added_levels(highres: bool) -> list[nn.Sequential]:
    levels = [_added(1024, 512, stride=2), _added(512, 256, stride=2), _added(256, 256), _added(256, 256)]
    return [*levels, _added(256, 256, kernel_size=4)] if highres else levels


def _added(inputs: int, outputs: int, *, stride: int = 1, kernel_size: int = 3) -> nn.Sequential:
    """Build a level of half the resolution, or one that is smaller by what the kernel overhangs."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs // 2, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs // 2, outputs, kernel_size, stride, padding=stride - 1),
        nn.ReLU(inplace=True),
    )


def ssd_backbone_of_vgg(network: VGG, trainable_layers: int) -> SSDFeatureExtractorVGG:
    """Make a backbone of a VGG's convolutions.

    Args:
        network: Its layers are taken over.
        trainable_layers: How many of its five blocks train, from the last on.
    """
    blocks = network.features
    assert isinstance(blocks, nn.Sequential)
    poolings = [index for index, layer in enumerate(blocks) if isinstance(layer, nn.MaxPool2d)]
    freeze_blocks(blocks, [0, *poolings[:-1]], trainable_layers)
    return SSDFeatureExtractorVGG(blocks)


@builder(weights=SSD300_VGG16_Weights.COCO_V1, weights_backbone=VGG16_Weights.IMAGENET1K_FEATURES)
def ssd300_vgg16(
    *,
    weights: SSD300_VGG16_Weights | str | None = None,
    progress: bool = True,
    num_classes: int | None = None,
    weights_backbone: VGG16_Weights | str | None = VGG16_Weights.IMAGENET1K_FEATURES,
    trainable_backbone_layers: int | None = None,
    **kwargs: Any,
) -> SSD:
    """SSD300 with a VGG-16.

    Args:
        weights: A member of `SSD300_VGG16_Weights` or its name; `None` to initialise at random.
        progress: Show a bar while downloading.
        num_classes: Classes, the background counted in; those of the weights, else 91, if not given.
        weights_backbone: Of the VGG, where `weights` is `None`.
        trainable_backbone_layers: How many of the VGG's five blocks train: 4 if not given, all without any weights.
        **kwargs: Passed on to `SSD`.

    Example:
        >>> model = ssd300_vgg16(weights_backbone=None, num_classes=5).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """
    kwargs = without_size(kwargs)

    def network(num_classes: int = 91, **kwargs: Any) -> SSD:
        is_trained = weights is not None or weights_backbone is not None
        trainable = trainable_layers_or_default(
            trainable_backbone_layers, is_trained=is_trained, max_value=5, default_value=4
        )
        vgg = vgg16(weights=weights_backbone if weights is None else None, progress=progress)
        anchors = DefaultBoxGenerator(
            [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
            scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
            steps=[8, 16, 32, 64, 100, 300],
        )
        defaults = {"image_mean": [0.48235, 0.45882, 0.40784], "image_std": [1.0 / 255.0] * 3}
        return SSD(ssd_backbone_of_vgg(vgg, trainable), anchors, (300, 300), num_classes, **{**defaults, **kwargs})

    return build(network, weights=weights, progress=progress, **given(num_classes=num_classes), **kwargs)


def without_size(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a builder's arguments without `size`, which it has fixed, with a warning if it is there."""
    if "size" not in arguments:
        return arguments
    warnings.warn("The size of the model is already fixed; ignoring the parameter.", UserWarning, stacklevel=4)
    return {name: value for name, value in arguments.items() if name != "size"}
