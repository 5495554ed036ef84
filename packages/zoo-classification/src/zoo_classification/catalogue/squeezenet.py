"""Weights of the SqueezeNet models."""

from enum import auto

from zoo_core import WeightsEnum


class SqueezeNet1_0_Weights(WeightsEnum):
    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1


class SqueezeNet1_1_Weights(WeightsEnum):
    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1
