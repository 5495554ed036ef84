"""Weights of the AlexNet model."""

from enum import auto

from zoo_core import WeightsEnum


class AlexNet_Weights(WeightsEnum):
    """Weights of `alexnet`."""

    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1
