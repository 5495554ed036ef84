"""MobileNets as backbones, with and without a feature pyramid."""

from collections.abc import Sequence

from torch import nn

from zoo_classification import MobileNet_V3_Large_Weights, MobileNetV2, MobileNetV3, mobilenet_v3_large
from zoo_classification.stages import mobilenet_stages
from zoo_core import WeightsEnum
from zoo_core.building import Backbone, require_layers, takes_older_calls
from zoo_detection.ops import ExtraFPNBlock, FrozenBatchNorm2d

from .networks import freeze, named_network, weights_of_old
from .pyramid import NormLayer, pyramid_on

MOBILENET_V3_LARGE = Backbone(
    build=mobilenet_v3_large, pretrained=MobileNet_V3_Large_Weights.IMAGENET1K_V1, layers=6, trainable=3
)


@takes_older_calls(weights_of_old)
def mobilenet_backbone(
    *,
    backbone_name: str,
    weights: WeightsEnum | str | None,
    fpn: bool,
    norm_layer: NormLayer = FrozenBatchNorm2d,
    trainable_layers: int = 2,
    returned_layers: Sequence[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> nn.Module:
    """Build a MobileNetV2 or V3 as a backbone of 256 channels.

    Args:
        backbone_name: A registered MobileNet, such as `"mobilenet_v3_large"`.
        weights: Its weights, a member or its name; `None` to initialise at random.
        fpn: With a feature pyramid, else the last layer's features alone.
        norm_layer: Normalisation in the MobileNet, called with a number of channels.
        trainable_layers: How many of its stages train, from the last on; the others are frozen.
        returned_layers: Which stages, counted from 0, the pyramid stands on; the last two if not given.
        extra_blocks: Adds coarser levels to the pyramid; one, `"pool"`, if not given.

    Raises:
        ValueError: One of the numbers is out of range, or there is no such model.

    Example:
        >>> import torch
        >>> from zoo_detection import mobilenet_backbone
        >>> backbone = mobilenet_backbone(backbone_name="mobilenet_v3_small", weights=None, fpn=False)
        >>> backbone(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 256, 2, 2])
    """
    families: tuple[type[MobileNetV2 | MobileNetV3], ...] = (MobileNetV2, MobileNetV3)
    network = named_network(backbone_name, *families, weights=weights, norm_layer=norm_layer)
    return mobilenet_extractor(network, fpn, trainable_layers, returned_layers, extra_blocks)


def mobilenet_extractor(
    network: MobileNetV2 | MobileNetV3,
    fpn: bool,
    trainable_layers: int,
    returned_layers: Sequence[int] | None = None,
    extra_blocks: ExtraFPNBlock | None = None,
) -> nn.Module:
    """Make a backbone of the layers of a MobileNet; see `mobilenet_backbone`."""
    stages = mobilenet_stages(network.features)
    require_layers("Trainable layers", trainable_layers, len(stages))
    freeze(network.features, [stage.name for stage in stages], trainable_layers)
    if not fpn:
        return _WithoutPyramid(network.features, stages[-1].channels, 256)
    returned = [len(stages) - 2, len(stages) - 1] if returned_layers is None else list(returned_layers)
    if min(returned) < 0 or max(returned) >= len(stages):
        raise ValueError(f"Each returned layer should be in the range [0,{len(stages) - 1}], got {returned}")
    return pyramid_on(network.features, [stages[number] for number in returned], extra_blocks)


class _WithoutPyramid(nn.Sequential):
    """All blocks of a network, and a convolution to another number of channels."""

    def __init__(self, blocks: nn.Sequential, in_channels: int, out_channels: int) -> None:
        super().__init__(blocks, nn.Conv2d(in_channels, out_channels, 1))
        self.out_channels = out_channels
