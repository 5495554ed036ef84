"""Weights of the MobileNetV2 model."""

from enum import auto

from zoo_core import WeightsEnum


class MobileNet_V2_Weights(WeightsEnum):
    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    DEFAULT = IMAGENET1K_V2
