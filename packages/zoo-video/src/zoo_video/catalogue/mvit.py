"""Weights of the MViT models."""

from enum import auto

from zoo_core import WeightsEnum


class MViT_V1_B_Weights(WeightsEnum):
    KINETICS400_V1 = auto()
    DEFAULT = KINETICS400_V1


class MViT_V2_S_Weights(WeightsEnum):
    KINETICS400_V1 = auto()
    DEFAULT = KINETICS400_V1
