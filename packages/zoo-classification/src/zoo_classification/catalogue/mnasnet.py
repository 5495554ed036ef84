"""Weights of the MNASNet models."""

from enum import auto

from zoo_core import WeightsEnum


class MNASNet0_5_Weights(WeightsEnum):
    """Weights of `mnasnet0_5`."""

    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1


class MNASNet0_75_Weights(WeightsEnum):
    """Weights of `mnasnet0_75`."""

    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1


class MNASNet1_0_Weights(WeightsEnum):
    """Weights of `mnasnet1_0`."""

    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1


class MNASNet1_3_Weights(WeightsEnum):
    """Weights of `mnasnet1_3`."""

    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1
