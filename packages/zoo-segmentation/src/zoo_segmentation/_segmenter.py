"""What FCN and DeepLabV3 share: a backbone, a classifier of its pixels, and an auxiliary one for training."""

from collections import OrderedDict
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import interpolate

NUM_CLASSES = 21
"""Of a model without weights: those of Pascal VOC, and the background."""


class Segmenter(nn.Module):
    """Scores each pixel of an image for each class; see `FCN` for its arguments and shapes."""

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.4", "aux_classifier.4")

    def __init__(self, backbone: nn.Module, classifier: nn.Module, aux_classifier: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Score the pixels of images `x`, `(N, 3, H, W)`, for each class, `(N, num_classes, H, W)`."""
        features = self.backbone(x)
        outputs: dict[str, Tensor] = OrderedDict()
        outputs["out"] = upsample(self.classifier(features["out"]), x)
        if self.aux_classifier is not None:
            outputs["aux"] = upsample(self.aux_classifier(features["aux"]), x)
        return outputs


def upsample(scores: Tensor, like: Tensor) -> Tensor:
    """Interpolate `scores`, `(N, C, h, w)`, bilinearly at the pixels of `like`, `(..., H, W)`."""
    return interpolate(scores, size=like.shape[-2:], mode="bilinear", align_corners=False)
