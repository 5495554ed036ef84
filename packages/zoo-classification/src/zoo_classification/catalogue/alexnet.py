"""Weights of the AlexNet model."""

from enum import auto

from zoo_core import WeightsEnum


class AlexNet_Weights(WeightsEnum):
    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1
