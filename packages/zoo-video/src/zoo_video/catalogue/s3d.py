"""Weights of S3D."""

from enum import auto

from zoo_core import WeightsEnum


class S3D_Weights(WeightsEnum):
    """Weights of `s3d`."""

    KINETICS400_V1 = auto()
    DEFAULT = KINETICS400_V1
