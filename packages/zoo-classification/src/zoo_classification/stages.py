"""The stages of networks that others are built on: what halves the resolution, or would if it did not dilate."""

from typing import NamedTuple

from torch import nn

import zoo_classification


class Stage(NamedTuple):
    """A part of a network between two resolutions."""

    name: str
    """Of the child that it begins with, and whose output has its resolution."""
    channels: int
    """Of what this child returns."""


def resnet_stages(network: "zoo_classification.ResNet") -> list[Stage]:
    """Return the five stages of a ResNet, the stem counted in.

    Args:
        network: Each of its stages is a child of its own.

    Example:
        >>> from zoo_classification import resnet18
        >>> from zoo_classification.stages import resnet_stages
        >>> [stage.channels for stage in resnet_stages(resnet18())]
        [64, 64, 128, 256, 512]
    """
    stem = Stage("conv1", network.conv1.out_channels)
    return [stem, *(Stage(f"layer{number}", network.inplanes // 2 ** (4 - number)) for number in range(1, 5))]


def mobilenet_stages(features: nn.Sequential) -> list[Stage]:
    """Return the stages of a MobileNetV2 or V3, the first and the last layer counted in.

    Args:
        features: The layers before its classifier.

    Example:
        >>> from zoo_classification import mobilenet_v3_large
        >>> from zoo_classification.stages import mobilenet_stages
        >>> [name for name, _ in mobilenet_stages(mobilenet_v3_large().features)]
        ['0', '2', '4', '7', '13', '16']
    """
    last = len(features) - 1
    starts = [index for index, layer in enumerate(features) if getattr(layer, "starts_stage", False)]
    return [Stage(str(index), _out_channels(features[index])) for index in (0, *starts, last)]


def _out_channels(layer: nn.Module) -> int:
    assert isinstance(layer.out_channels, int)
    return layer.out_channels
