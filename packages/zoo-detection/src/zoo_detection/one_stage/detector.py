"""The course of every detector of one stage."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from zoo_core.layers import NotScriptable
from zoo_detection.boxes.anchors import AnchorGenerator, DefaultBoxGenerator, require_prediction_for_each_anchor
from zoo_detection.foundation.levels import named_levels
from zoo_detection.foundation.tracing import is_tracing
from zoo_detection.inputs.targets import check_labels, check_targets
from zoo_detection.inputs.transform import GeneralizedRCNNTransform, Target

from .candidates import Detections, Limits


class DenseDetector(NotScriptable, nn.Module, ABC):
    """The course of every one-stage detector: transform, backbone, head, anchors, then losses or detections.

    Args:
        backbone: Makes of images `(N, C, H, W)` levels, the finest first: a dictionary, a list or tuple, or one tensor.
        anchor_generator: Makes the anchors of a batch of images and its levels.
        head: Makes of the list of levels a dictionary of predictions, among them `cls_logits`.
        transform: Prepares images and targets, and undoes that in detections.
        limits: Which predictions become detections. They become attributes that may be changed.
    """

    least_label = 0
    """The lowest label that a box may have in training."""

    def __init__(
        self,
        backbone: nn.Module,
        anchor_generator: AnchorGenerator | DefaultBoxGenerator,
        head: nn.Module,
        transform: GeneralizedRCNNTransform,
        limits: Limits,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.anchor_generator: AnchorGenerator | DefaultBoxGenerator = anchor_generator
        self.head = head
        self.transform = transform
        self.score_thresh, self.nms_thresh, self.detections_per_img, self.topk_candidates = limits

    @property
    def limits(self) -> Limits:
        """Which predictions become detections; from attributes that may be changed."""
        return Limits(self.score_thresh, self.nms_thresh, self.detections_per_img, self.topk_candidates)

    def forward(
        self, images: Sequence[Tensor], targets: Sequence[Target] | None = None, *, compute_losses: bool = False
    ) -> dict[str, Tensor] | list[Detections] | tuple[dict[str, Tensor], list[Detections]]:
        """Detect objects, or compute the losses.

        Args:
            images: Each `(C, H, W)` in [0, 1], of any size.
            targets: In training, for each image `boxes` `(N, 4)` as x1, y1, x2, y2 in pixels, and `labels` `(N,)`.
            compute_losses: In evaluation, compute the losses, too; it needs `targets`. Training always does.

        Returns:
            In training the losses by name; in evaluation, for each image, `boxes` `(D, 4)`, `scores` and `labels`, the
            best first; both, losses and detections, if evaluation is to `compute_losses`.

        Raises:
            TargetError: With losses: a target is not as described; the message says where.
            ValueError: An image is not as described; or the head predicts for more or fewer anchors than there are.
        """
        targets = self._checked(images, targets) if self.training or compute_losses else None
        original_sizes = [(image.shape[-2], image.shape[-1]) for image in images]
        batch, resized_targets = self.transform(images, targets)
        features = list(named_levels(self.backbone(batch.tensors)).values())
        outputs = self.head(features)
        anchors = self.anchor_generator(batch, features)
        sizes = self._anchors_per_level(features)
        if not is_tracing():
            require_prediction_for_each_anchor(outputs["cls_logits"].shape[1], sum(sizes))
        losses: dict[str, Tensor] = {}
        if resized_targets is not None:
            losses = self._losses(resized_targets, outputs, anchors, sizes)
        detections: list[Detections] = []
        if not self.training:
            detections = self._detections(outputs, anchors, batch.image_sizes, sizes)
            detections = self.transform.postprocess(detections, batch.image_sizes, original_sizes)
        return (losses, detections) if compute_losses and not self.training else self.eager_outputs(losses, detections)

    def eager_outputs(
        self, losses: dict[str, Tensor], detections: list[Detections]
    ) -> dict[str, Tensor] | list[Detections]:
        """Return of both what `forward` returns: the losses in training, the detections in evaluation."""
        return losses if self.training else detections

    @abstractmethod
    def _losses(
        self,
        targets: Sequence[Target],
        outputs: dict[str, Tensor],
        anchors: Sequence[Tensor],
        sizes: Sequence[int],
    ) -> dict[str, Tensor]:
        """Return the losses by name, by `compute_loss`, for targets in the transform's coordinates.

        `outputs` are the head's for the `anchors` `(A, 4)` of each image, of which each level has so many as `sizes`
        tells.
        """

    @abstractmethod
    def _detections(
        self,
        outputs: dict[str, Tensor],
        anchors: Sequence[Tensor],
        image_shapes: Sequence[tuple[int, int]],
        sizes: Sequence[int],
    ) -> list[Detections]:
        """Choose the detections of each image, by `postprocess_detections`, in the transform's coordinates."""

    def _checked(self, images: Sequence[Tensor], targets: Sequence[Target] | None) -> list[Target]:
        checked = check_targets(targets, images)
        num_classes = getattr(getattr(self.head, "classification_head", None), "num_classes", None)
        if checked and num_classes is not None:  # a head of the user's own may not tell
            check_labels([target["labels"] for target in checked], num_classes, least=self.least_label)
        return checked

    def _anchors_per_level(self, features: Sequence[Tensor]) -> list[int]:
        per_location = self.anchor_generator.num_anchors_per_location()
        return [
            level.shape[-2] * level.shape[-1] * number for level, number in zip(features, per_location, strict=True)
        ]


class PyramidDetector(DenseDetector):
    """A detector that looks at the levels of a pyramid one by one, as RetinaNet and FCOS do."""

    def _detections(
        self,
        outputs: dict[str, Tensor],
        anchors: Sequence[Tensor],
        image_shapes: Sequence[tuple[int, int]],
        sizes: Sequence[int],
    ) -> list[Detections]:
        levels = {name: list(torch.split(output, list(sizes), dim=1)) for name, output in outputs.items()}
        places = [list(torch.split(boxes, list(sizes))) for boxes in anchors]
        return self.postprocess_detections(levels, places, image_shapes)

    def postprocess_detections(
        self,
        head_outputs: Mapping[str, Sequence[Tensor]],
        anchors: Sequence[Sequence[Tensor]],
        image_shapes: Sequence[tuple[int, int]],
    ) -> list[Detections]:
        """Choose the detections of each image, in the transform's coordinates.

        Args:
            head_outputs: The head's, by name, `(N, A_l, ...)` for each level.
            anchors: For each image those of each level, `(A_l, 4)`.
            image_shapes: Height and width of each image.
        """
        return [
            self._detect_in_image(
                {name: [level[index] for level in output] for name, output in head_outputs.items()}, places, shape
            )
            for index, (places, shape) in enumerate(zip(anchors, image_shapes, strict=True))
        ]

    @abstractmethod
    def _detect_in_image(
        self, outputs: Mapping[str, Sequence[Tensor]], anchors: Sequence[Tensor], shape: tuple[int, int]
    ) -> Detections:
        """Choose the detections of one image, in the transform's coordinates.

        Args:
            outputs: The head's, `(A_l, ...)` for each level.
            anchors: Those of each level, `(A_l, 4)`.
            shape: Height and width of the image.
        """
