"""SSD.

Wei Liu, Dragomir Anguelov, Dumitru Erhan, Christian Szegedy, Scott Reed, Cheng-Yang Fu, Alexander C. Berg: SSD: Single
Shot MultiBox Detector, 2015, arXiv:1512.02325.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_classification import VGG
from zoo_core.building import ChosenBackbone, builder, warn_caller
from zoo_core.layers import require_positive

from .backbones.vgg import VGG16, vgg_with_added_levels
from .boxes.anchors import DefaultBoxGenerator, by_anchor
from .boxes.coding import BoxCoder
from .boxes.matching import SSDMatcher, match_all, matched
from .catalogue.ssd import SSD300_VGG16_Weights
from .foundation.initialization import initialise_convolutions
from .foundation.levels import named_levels
from .foundation.precision import widen
from .inputs.transform import Target, imagenet_transform
from .one_stage.candidates import Detections, Limits, detections_of_classes
from .one_stage.detector import DenseDetector

_convolution = partial(nn.Conv2d, kernel_size=3, padding=1)


class SSDScoringHead(nn.Module):
    """Predicts at each place of each level with a module of the level's own.

    Args:
        module_list: For each level a module that turns its channels into those of its predictions.
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


def predictors(
    in_channels: Sequence[int],
    num_anchors: Sequence[int],
    num_columns: int,
    predictor: Callable[[int, int], nn.Module] = _convolution,
    fill: Callable[[Tensor], object] = nn.init.xavier_uniform_,
) -> nn.ModuleList:
    """Build what an `SSDScoringHead` predicts with.

    Args:
        in_channels: Channels of each level.
        num_anchors: Boxes at each place of each level.
        num_columns: Numbers that are predicted for each box.
        predictor: Called with the channels of a level and those of its predictions; a convolution if not given.
        fill: Initialises the weights of convolutions; as section 3 says if not given.

    Raises:
        ValueError: There are not as many `num_anchors` as `in_channels`.
    """
    if len(in_channels) != len(num_anchors):
        raise ValueError(
            f"num_anchors should be as many as in_channels, found {len(num_anchors)} and {len(in_channels)}"
        )
    modules = nn.ModuleList(
        predictor(channels, anchors * num_columns) for channels, anchors in zip(in_channels, num_anchors, strict=True)
    )
    initialise_convolutions(modules, fill)
    return modules


class SSDClassificationHead(SSDScoringHead):
    """Scores each default box for each class, the first being the background (section 2.1).

    Args:
        in_channels: Channels of each level.
        num_anchors: Boxes at each place of each level.
        num_classes: Classes, the background counted in.
    """

    def __init__(self, in_channels: Sequence[int], num_anchors: Sequence[int], num_classes: int) -> None:
        require_positive(num_classes=num_classes)
        super().__init__(predictors(in_channels, num_anchors, num_classes), num_classes)
        self.num_classes = num_classes


class SSDRegressionHead(SSDScoringHead):
    """Predicts how each default box becomes a box (section 2.1); its arguments are those of `SSDClassificationHead`."""

    def __init__(self, in_channels: Sequence[int], num_anchors: Sequence[int]) -> None:
        super().__init__(predictors(in_channels, num_anchors, 4), 4)


class SSDHead(nn.Module):
    """Both heads of SSD; its arguments are those of `SSDClassificationHead`.

    Example:
        >>> import torch
        >>> from zoo_detection import SSDHead
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
    """SSD on any backbone; see `forward` for inputs and outputs.

    Subclasses may override `compute_loss`, `postprocess_detections` and `eager_outputs`.

    Args:
        backbone: Makes of images `(N, C, H, W)` levels, the finest first: a dictionary, a list or tuple, or one tensor.
            Its attribute `out_channels` may list the channels of each; otherwise it is tried out.
        anchor_generator: Makes the default boxes of these levels.
        size: Width and height that images are resized to.
        num_classes: Classes, the background counted in, which is 0.
        head: As `SSDHead`, which it is if not given.
        iou_thresh: Least overlap of a default box with the box that it is trained for.
        topk_candidates: The best predictions of each class that are looked at.
        positive_fraction: Share of the predictions trained for classes that have a box (section 2.2, "Hard negative
            mining").
        **kwargs: These and the arguments that are not listed are those of `RetinaNet`.

    Raises:
        ValueError: The backbone has not as many levels as the generator.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from zoo_detection import DefaultBoxGenerator, SSD
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
        matched_idxs: Sequence[Tensor],
    ) -> dict[str, Tensor]:
        """Return the losses `bbox_regression` and `classification`, by the number of matched boxes (equation 1).

        Args:
            targets: What is true of each image, in the transform's coordinates.
            head_outputs: The head's, by name, `(N, A, ...)`.
            anchors: The default boxes of each image, `(A, 4)`.
            matched_idxs: For each image the true boxes that these are trained for, `(A,)`, -1 for background.
        """
        matches = torch.stack(list(matched_idxs))
        foreground = matches >= 0
        number = foreground.sum().clamp(min=1)
        regression = self._regression_loss(targets, head_outputs["bbox_regression"], anchors, matches)
        classification = self._classification_loss(targets, head_outputs["cls_logits"], matches)
        return {"bbox_regression": regression / number, "classification": classification / number}

    def _regression_loss(
        self, targets: Sequence[Target], codes: Tensor, anchors: Sequence[Tensor], matches: Tensor
    ) -> Tensor:
        foreground = matches >= 0
        expected = self.box_coder.encode_single(
            matched(targets, "boxes", matches), torch.stack(list(anchors))[foreground]
        )
        return F.smooth_l1_loss(widen(codes[foreground]), expected, reduction="sum")

    def _classification_loss(self, targets: Sequence[Target], logits: Tensor, matches: Tensor) -> Tensor:
        classes = torch.zeros_like(matches)
        classes[matches >= 0] = matched(targets, "labels", matches)
        losses = F.cross_entropy(logits.flatten(0, 1), classes.flatten(), reduction="none").view_as(classes)
        return losses[(matches >= 0) | self._hard_negatives(losses, matches >= 0)].sum()

    def _hard_negatives(self, losses: Tensor, foreground: Tensor) -> Tensor:
        """Mark, in each image, so many times as many negatives as positives: those of the greatest losses."""
        order = losses.detach().masked_fill(foreground, float("-inf")).argsort(dim=1, descending=True)
        ranks = order.argsort(dim=1)
        return ranks < self.neg_to_pos_ratio * foreground.sum(1, keepdim=True)

    def _losses(
        self, targets: Sequence[Target], outputs: dict[str, Tensor], anchors: Sequence[Tensor], sizes: Sequence[int]
    ) -> dict[str, Tensor]:
        return self.compute_loss(targets, outputs, anchors, match_all(self.proposal_matcher, targets, anchors))

    def _detections(
        self,
        outputs: dict[str, Tensor],
        anchors: Sequence[Tensor],
        image_shapes: Sequence[tuple[int, int]],
        sizes: Sequence[int],
    ) -> list[Detections]:
        return self.postprocess_detections(outputs, anchors, image_shapes)

    def postprocess_detections(
        self,
        head_outputs: Mapping[str, Tensor],
        image_anchors: Sequence[Tensor],
        image_shapes: Sequence[tuple[int, int]],
    ) -> list[Detections]:
        """Choose the detections of each image, in the transform's coordinates.

        Args:
            head_outputs: The head's, by name, `(N, A, ...)`.
            image_anchors: The default boxes of each image, `(A, 4)`.
            image_shapes: Height and width of each image.
        """
        parts = zip(
            head_outputs["cls_logits"], head_outputs["bbox_regression"], image_anchors, image_shapes, strict=True
        )
        return [
            detections_of_classes(
                logits.softmax(dim=-1), self.box_coder.decode_single(codes, anchors), shape, self.limits
            )
            for logits, codes, anchors, shape in parts
        ]


def level_channels(backbone: nn.Module, size: tuple[int, int]) -> list[int]:
    """Return the channels of each level of a backbone, which is run once, on zeros, if its `out_channels` is no list.

    It is then in evaluation mode; `size` is width and height of the image.
    """
    stated = getattr(backbone, "out_channels", None)
    if isinstance(stated, Sequence):
        return list(stated)
    training = backbone.training
    parameter = next(backbone.parameters(), torch.empty(0))
    with torch.no_grad():
        features = backbone.eval()(parameter.new_zeros(1, 3, size[1], size[0]))
    backbone.train(training)
    return [level.shape[1] for level in named_levels(features).values()]


@builder(SSD300_VGG16_Weights.COCO_V1, num_classes=91, backbone=VGG16)
def ssd300_vgg16(*, backbone: ChosenBackbone[VGG], **kwargs: Any) -> SSD:
    """SSD300 with a VGG-16.

    Example:
        >>> import torch
        >>> from zoo_detection import ssd300_vgg16
        >>> model = ssd300_vgg16(weights_backbone=None, num_classes=5).eval()
        >>> [sorted(found) for found in model([torch.rand(3, 64, 80)])]
        [['boxes', 'labels', 'scores']]
    """
    anchors = DefaultBoxGenerator(
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
        steps=[8, 16, 32, 64, 100, 300],
    )
    defaults = {"image_mean": [0.48235, 0.45882, 0.40784], "image_std": [1.0 / 255.0] * 3}
    arguments = defaults | without_size(kwargs)
    return SSD(vgg_with_added_levels(backbone), anchor_generator=anchors, size=(300, 300), **arguments)


def without_size(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a builder's arguments without `size`, which it has fixed, with a warning if it is there."""
    if "size" not in arguments:
        return arguments
    warn_caller("The size of the model is already fixed; ignoring the parameter.")
    return {name: value for name, value in arguments.items() if name != "size"}
