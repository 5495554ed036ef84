"""What FCN and DeepLabV3 share: a backbone, a classifier of its pixels, and an auxiliary one for training."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn
from torch.nn.functional import interpolate

from zoo_core import WeightsEnum
from zoo_core.building import build
from zoo_core.layers import require_positive

NUM_CLASSES = 21
"""Of a model without weights: those of Pascal VOC, and the background."""

M = TypeVar("M", bound=nn.Module)


class Segmenter(nn.Module):
    """Scores each pixel of an image for each class.

    Args:
        backbone: From images `(N, 3, H, W)` to a mapping with the features `"out"` and, for the auxiliary classifier,
            `"aux"`, each `(N, C, h, w)`.
        classifier: From the features `"out"` to scores `(N, num_classes, h, w)`.
        aux_classifier: Likewise from `"aux"`; `None` for none.

    Shape:
        Images `(N, 3, H, W)` of any size to an ordered dictionary of scores `(N, num_classes, H, W)`: `"out"`, and
        `"aux"` where there is an auxiliary classifier.
    """

    classifiers: ClassVar[tuple[str, ...]] = ("classifier.4", "aux_classifier.4")

    def __init__(self, backbone: nn.Module, classifier: nn.Module, aux_classifier: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Score the pixels of images, `(N, 3, H, W)`, for each class, `(N, num_classes, H, W)`."""
        features = self.backbone(images)
        outputs: dict[str, Tensor] = OrderedDict()
        outputs["out"] = upsample(self.classifier(features["out"]), images)
        if self.aux_classifier is not None:
            outputs["aux"] = upsample(self.aux_classifier(features["aux"]), images)
        return outputs


def upsample(scores: Tensor, like: Tensor) -> Tensor:
    """Interpolate `scores`, `(N, C, h, w)`, bilinearly at the pixels of `like`, `(..., H, W)`."""
    return interpolate(scores, size=like.shape[-2:], mode="bilinear", align_corners=False)


def build_segmenter(
    network: Callable[..., M],
    *,
    weights: WeightsEnum | str | None,
    progress: bool,
    num_classes: int | None,
    weights_backbone: WeightsEnum | str | None,
    **kwargs: Any,
) -> M:
    """Build a segmentation network.

    Args:
        network: Called with `num_classes`, `weights_backbone`, `progress` and `kwargs`.
        weights: With them nothing else is loaded into the backbone.
        progress: Show a bar while downloading.
        num_classes: That of the weights, or `NUM_CLASSES`, if not given.
        weights_backbone: Of the backbone, for a network without weights.
        **kwargs: Passed on.

    Raises:
        ValueError: `num_classes` is not positive.
    """

    def with_progress(**arguments: Any) -> M:
        return network(progress=progress, **arguments)

    if num_classes is None and weights is None:
        num_classes = NUM_CLASSES
    if num_classes is not None:
        require_positive(num_classes=num_classes)
        kwargs["num_classes"] = num_classes
    backbone = weights_backbone if weights is None else None
    return build(with_progress, weights=weights, progress=progress, weights_backbone=backbone, **kwargs)


def has_auxiliary(weights: WeightsEnum | str | None, aux_loss: bool | None) -> bool:
    """Tell whether a network has an auxiliary classifier: as the weights have it, else only where it is asked for.

    Raises:
        ValueError: The weights have one, and it is not wanted.
    """
    if weights is None:
        return bool(aux_loss)
    if aux_loss is not None and not aux_loss:
        raise ValueError(
            f"The parameter 'aux_loss' expected value True but got {aux_loss} instead: {weights} has an auxiliary "
            "classifier. To do without it, set `model.aux_classifier = None` afterwards."
        )
    return True
