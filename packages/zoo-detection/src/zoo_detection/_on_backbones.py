"""Building detectors on pretrained backbones, and checks of what they are built from."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from torch import nn

from zoo_classification import (
    MobileNet_V3_Large_Weights,
    ResNet50_Weights,
    mobilenet_v3_large,
    resnet50,
)
from zoo_core import WeightsEnum
from zoo_core.building import build

from ._anchors import AnchorGenerator
from ._backbones import (
    BackboneWithFPN,
    mobilenet_extractor,
    resnet_fpn_extractor,
    trainable_layers_or_default,
    zero_epsilon,
)
from .ops import FrozenBatchNorm2d, LastLevelP6P7

M = TypeVar("M", bound=nn.Module)


def build_on_resnet50(
    detector: Callable[..., M],
    *,
    weights: WeightsEnum | str | None,
    progress: bool,
    weights_backbone: ResNet50_Weights | str | None,
    trainable_backbone_layers: int | None,
    without_epsilon: Sequence[WeightsEnum] = (),
    norm_layer: Callable[..., nn.Module] | None = None,
    heads: Mapping[str, Callable[[], nn.Module]] | None = None,
    num_classes: int | None = None,
    **kwargs: Any,
) -> M:
    """Build a detector on a ResNet-50 with a feature pyramid.

    Args:
        detector: Called with the backbone, `num_classes`, and `kwargs`.
        weights: Of the detector.
        progress: Show a bar while downloading.
        weights_backbone: Of the ResNet, where the detector has none.
        trainable_backbone_layers: How many of the ResNet's five layers train; the default if `None`.
        without_epsilon: The weights that were trained with frozen batch norm that adds nothing to the variance.
        norm_layer: Normalisation in the ResNet and the pyramid. If not given, none in the pyramid, and in the ResNet
            batch norm, which is frozen if there are any weights.
        heads: Makes arguments for `detector`, by name; `kwargs` go first.
        num_classes: Those of the weights, or 91, if `None`.
        **kwargs: Passed on.
    """
    is_trained = weights is not None or weights_backbone is not None
    trainable = trainable_layers_or_default(
        trainable_backbone_layers, is_trained=is_trained, max_value=5, default_value=3
    )
    body_norm = norm_layer or (FrozenBatchNorm2d if is_trained else nn.BatchNorm2d)

    def network(num_classes: int = 91, **kwargs: Any) -> M:
        body = resnet50(
            weights=None if weights is not None else weights_backbone,
            progress=progress,
            norm_layer=body_norm,
        )
        backbone = resnet_fpn_extractor(body, trainable, norm_layer=norm_layer)
        made = {name: make() for name, make in (heads or {}).items() if name not in kwargs}
        return detector(backbone, num_classes=num_classes, **made, **kwargs)

    model = build(network, weights=weights, progress=progress, **given(num_classes=num_classes), **kwargs)
    if weights in without_epsilon:
        zero_epsilon(model)
    return model


def build_on_mobilenet(
    detector: Callable[..., M],
    *,
    weights: WeightsEnum | str | None,
    progress: bool,
    weights_backbone: MobileNet_V3_Large_Weights | str | None,
    trainable_backbone_layers: int | None,
    num_classes: int | None = None,
    **kwargs: Any,
) -> M:
    """Build a detector on a MobileNetV3-Large with a feature pyramid; see `build_on_resnet50`."""
    is_trained = weights is not None or weights_backbone is not None
    trainable = trainable_layers_or_default(
        trainable_backbone_layers, is_trained=is_trained, max_value=6, default_value=3
    )

    def network(num_classes: int = 91, **kwargs: Any) -> M:
        body = mobilenet_v3_large(
            weights=None if weights is not None else weights_backbone,
            progress=progress,
            norm_layer=FrozenBatchNorm2d if is_trained else nn.BatchNorm2d,
        )
        return detector(
            mobilenet_extractor(body, fpn=True, trainable_layers=trainable), num_classes=num_classes, **kwargs
        )

    return build(network, weights=weights, progress=progress, **given(num_classes=num_classes), **kwargs)


def pyramid_of_resnet50(
    weights: object,
    weights_backbone: ResNet50_Weights | str | None,
    trainable_backbone_layers: int | None,
    *,
    frozen: bool = True,
    p6_from: int = 256,
    progress: bool = True,
) -> BackboneWithFPN:
    """Build a ResNet-50 with levels P3 to P7 (RetinaNet, arXiv:1708.02002, section 4).

    Args:
        weights: Of the detector that it is for; they hold the backbone's.
        weights_backbone: Of the ResNet, where the detector has none.
        trainable_backbone_layers: How many of its five layers train: 3 if `None`, all without any weights.
        frozen: Whether a trained ResNet's batch norm is frozen.
        p6_from: Channels that P6 is computed from: 256 for P5, 2048 for C5.
        progress: Show a bar while downloading.
    """
    is_trained = weights is not None or weights_backbone is not None
    trainable = trainable_layers_or_default(
        trainable_backbone_layers, is_trained=is_trained, max_value=5, default_value=3
    )
    network = resnet50(
        weights=weights_backbone if weights is None else None,
        progress=progress,
        norm_layer=FrozenBatchNorm2d if is_trained and frozen else nn.BatchNorm2d,
    )
    return resnet_fpn_extractor(network, trainable, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(p6_from, 256))


def given(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that are not `None`: the others take the defaults of what they are passed on to."""
    return {name: value for name, value in arguments.items() if value is not None}


def require_out_channels(backbone: nn.Module) -> int:
    """Return the channels of every level of a backbone.

    Raises:
        ValueError: The backbone does not tell.
    """
    channels = getattr(backbone, "out_channels", None)
    if not isinstance(channels, int):
        raise ValueError(
            "backbone should contain an attribute out_channels specifying the number of output channels (assumed to be "
            f"the same for all the levels): found {channels} in {type(backbone).__name__}"
        )
    return channels


def require_anchors(name: str, generator: object) -> None:
    """Check that an anchor generator is one, or `None`.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(generator, (AnchorGenerator, type(None))):
        raise TypeError(f"{name} should be of type AnchorGenerator or None instead of {type(generator)}")
