"""Weights of the Video Swin Transformer models."""

from enum import auto

from zoo_core import WeightsEnum


class Swin3D_T_Weights(WeightsEnum):
    KINETICS400_V1 = auto()
    DEFAULT = KINETICS400_V1


class Swin3D_S_Weights(WeightsEnum):
    KINETICS400_V1 = auto()
    DEFAULT = KINETICS400_V1


class Swin3D_B_Weights(WeightsEnum):
    KINETICS400_V1 = auto()
    KINETICS400_IMAGENET22K_V1 = auto()
    DEFAULT = KINETICS400_V1
