"""Backbones of dense prediction: classification networks whose last stages dilate instead of halving the resolution."""

from collections.abc import Callable
from typing import Any

from torch import nn

from zoo_classification import mobilenet_v3_large
from zoo_classification.catalogue.mobilenetv3 import MobileNet_V3_Large_Weights
from zoo_core import WeightsEnum
from zoo_core.layers import IntermediateLayers

RESNET_CHANNELS = {"layer3": 1024, "layer4": 2048}
"""Channels of the stages that a `dilated_resnet` of bottlenecks gives."""


def dilated_resnet(
    builder: Callable[..., nn.Module], *, return_layers: dict[str, str], weights: WeightsEnum | None, **kwargs: Any
) -> IntermediateLayers:
    """Build a ResNet whose third and fourth stage stay at 1/8 of the image's resolution.

    Args:
        builder: Of the ResNet.
        return_layers: The stages that are wanted, with the names to return them by.
        weights: Of the ResNet; `None` to initialise at random.
        **kwargs: Passed on to the builder.
    """
    network = builder(weights=weights, replace_stride_with_dilation=(False, True, True), **kwargs)
    return IntermediateLayers(network, return_layers)


def dilated_mobilenet(
    *, return_stages: dict[int, str], weights: MobileNet_V3_Large_Weights | None, **kwargs: Any
) -> tuple[IntermediateLayers, dict[str, int]]:
    """Build the layers of a MobileNetV3-Large whose last stage stays at 1/16 of the image's resolution.

    Args:
        return_stages: The stages that are wanted, with the names to return them by. A stage begins where the resolution
            is halved, or would be if it did not dilate; its first block stands for it. -1 is the last layer.
        weights: Of the MobileNet; `None` to initialise at random.
        **kwargs: Passed on to its builder.

    Returns:
        The backbone, and the channels of what it returns.
    """
    layers = mobilenet_v3_large(weights=weights, dilated=True, **kwargs).features
    starts = [index for index, layer in enumerate(layers) if getattr(layer, "starts_stage", False)]
    stages = [0, *starts, len(layers) - 1]
    wanted = {stages[stage]: name for stage, name in return_stages.items()}
    channels = {name: _out_channels(layers[index]) for index, name in wanted.items()}
    return IntermediateLayers(layers, {str(index): name for index, name in wanted.items()}), channels


def _out_channels(layer: nn.Module) -> int:
    assert isinstance(layer.out_channels, int)
    return layer.out_channels
