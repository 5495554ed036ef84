"""Weights of the MaxViT models."""

from enum import auto

from zoo_core import WeightsEnum


class MaxVit_T_Weights(WeightsEnum):
    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1
