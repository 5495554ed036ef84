"""Weights of S3D."""

from enum import auto

from zoo_core import WeightsEnum


class S3D_Weights(WeightsEnum):
    KINETICS400_V1 = auto()
    DEFAULT = KINETICS400_V1
