"""Backbones of dense prediction: classification networks whose last stages dilate instead of halving the resolution."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from zoo_classification import (
    MobileNet_V3_Large_Weights,
    MobileNetV3,
    ResNet,
    ResNet50_Weights,
    ResNet101_Weights,
    mobilenet_v3_large,
    resnet50,
    resnet101,
)
from zoo_classification.stages import Stage, mobilenet_stages, resnet_stages
from zoo_core.building import Backbone, ChosenBackbone
from zoo_core.layers import IntermediateLayerGetter

RESNET50 = Backbone(build=resnet50, pretrained=ResNet50_Weights.IMAGENET1K_V1)
RESNET101 = Backbone(build=resnet101, pretrained=ResNet101_Weights.IMAGENET1K_V1)
MOBILENET_V3_LARGE = Backbone(build=mobilenet_v3_large, pretrained=MobileNet_V3_Large_Weights.IMAGENET1K_V1)


def dilated_resnet(
    backbone: ChosenBackbone[ResNet], wanted: Mapping[str, int], **kwargs: Any
) -> tuple[IntermediateLayerGetter, dict[str, int]]:
    """Build the ResNet that a call has chosen, whose last two stages stay at 1/8 of the image's resolution.

    It returns features by the names of `wanted`, each of the stage at an index, the last one's being -1. The channels
    of these are given, too.
    """
    network = backbone.build(replace_stride_with_dilation=(False, True, True), **kwargs)
    return _intermediate(network, resnet_stages(network), wanted)


def dilated_mobilenet(
    backbone: ChosenBackbone[MobileNetV3], wanted: Mapping[str, int], **kwargs: Any
) -> tuple[IntermediateLayerGetter, dict[str, int]]:
    """Build the layers of the MobileNet that a call has chosen, whose last stage stays at 1/16; see `dilated_resnet`.

    The first block of a stage stands for it, and the last layer for the last one.
    """
    layers = backbone.build(dilated=True, **kwargs).features
    return _intermediate(layers, mobilenet_stages(layers), wanted)


def _intermediate(
    network: nn.Module, stages: list[Stage], wanted: Mapping[str, int]
) -> tuple[IntermediateLayerGetter, dict[str, int]]:
    layers = IntermediateLayerGetter(network, {stages[index].name: name for name, index in wanted.items()})
    return layers, {name: stages[index].channels for name, index in wanted.items()}
