"""Weights of the Inception v3 model."""

from enum import auto

from zoo_core import WeightsEnum


class Inception_V3_Weights(WeightsEnum):
    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1
