"""ResNets as backbones, with a feature pyramid."""

from collections.abc import Sequence
from dataclasses import replace

from zoo_classification import ResNet, ResNet50_Weights, resnet50
from zoo_classification.stages import resnet_stages
from zoo_core import WeightsEnum
from zoo_core.building import Backbone, ChosenBackbone, require_layers, takes_older_calls
from zoo_detection.ops import ExtraFPNBlock, FrozenBatchNorm2d, LastLevelP6P7

from .networks import freeze, named_network, weights_of_old
from .pyramid import BackboneWithFPN, NormLayer, pyramid_on

RESNET50 = Backbone(build=resnet50, pretrained=ResNet50_Weights.IMAGENET1K_V1, layers=5, trainable=3)
RESNET50_FROM_SCRATCH = replace(RESNET50, from_scratch=True)


@takes_older_calls(weights_of_old)
def resnet_fpn_backbone(
    *,
    backbone_name: str,
    weights: WeightsEnum | str | None,
    norm_layer: NormLayer = FrozenBatchNorm2d,
    trainable_layers: int = 3,
    returned_layers: Sequence[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> BackboneWithFPN:
    """Build a ResNet with a feature pyramid of 256 channels.

    Args:
        backbone_name: A registered ResNet, such as `"resnet50"`.
        weights: Its weights, a member or its name; `None` to initialise at random.
        norm_layer: Normalisation in the ResNet, called with a number of channels.
        trainable_layers: How many of its five layers train, from the last on; the others are frozen.
        returned_layers: Which of `layer1` to `layer4` the pyramid stands on; all if not given.
        extra_blocks: Adds coarser levels; one, `"pool"`, if not given.

    Raises:
        ValueError: One of the numbers is out of range, or there is no such model.

    Example:
        >>> import torch
        >>> from zoo_detection import resnet_fpn_backbone
        >>> levels = resnet_fpn_backbone(backbone_name="resnet18", weights=None)(torch.zeros(1, 3, 64, 64))
        >>> {name: tuple(level.shape) for name, level in levels.items()}  # doctest: +NORMALIZE_WHITESPACE
        {'0': (1, 256, 16, 16), '1': (1, 256, 8, 8), '2': (1, 256, 4, 4), '3': (1, 256, 2, 2), 'pool': (1, 256, 1, 1)}
    """
    network = named_network(backbone_name, ResNet, weights=weights, norm_layer=norm_layer)
    return resnet_fpn_extractor(network, trainable_layers, returned_layers, extra_blocks)


def resnet_fpn_extractor(
    network: ResNet,
    trainable_layers: int,
    returned_layers: Sequence[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
    norm_layer: NormLayer | None = None,
) -> BackboneWithFPN:
    """Make a backbone of the layers of a ResNet; see `resnet_fpn_backbone`. `norm_layer` is that of the pyramid."""
    require_layers("Trainable layers", trainable_layers, 5)
    stages = resnet_stages(network)
    freeze(network, [stage.name for stage in stages], trainable_layers)
    returned = [1, 2, 3, 4] if returned_layers is None else list(returned_layers)
    if min(returned) <= 0 or max(returned) >= 5:
        raise ValueError(f"Each returned layer should be in the range [1,4]. Got {returned}")
    return pyramid_on(network, [stages[number] for number in returned], extra_blocks, norm_layer)


def resnet_pyramid(
    backbone: ChosenBackbone[ResNet], body_norm: NormLayer, norm_layer: NormLayer | None = None
) -> BackboneWithFPN:
    """Build the ResNet that a call has chosen, with a pyramid on all of its layers."""
    return resnet_fpn_extractor(backbone.build(norm_layer=body_norm), backbone.trainable_layers, norm_layer=norm_layer)


def resnet_p3_to_p7(backbone: ChosenBackbone[ResNet], body_norm: NormLayer, p6_from: int = 256) -> BackboneWithFPN:
    """Build the ResNet that a call has chosen, with levels P3 to P7 (RetinaNet, arXiv:1708.02002, section 4).

    P6 is computed from P5 if `p6_from` is its number of channels, 256, and from C5 with 2048.
    """
    network = backbone.build(norm_layer=body_norm)
    return resnet_fpn_extractor(network, backbone.trainable_layers, [2, 3, 4], LastLevelP6P7(p6_from, 256))
