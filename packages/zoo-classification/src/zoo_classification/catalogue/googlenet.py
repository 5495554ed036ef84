"""Weights of the GoogLeNet model."""

from enum import auto

from zoo_core import WeightsEnum


class GoogLeNet_Weights(WeightsEnum):
    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1
