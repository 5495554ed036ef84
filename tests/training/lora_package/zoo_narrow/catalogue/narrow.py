"""Weights entries of the narrow transformers; nobody has published files for them."""

from enum import auto

from zoo_core import WeightsEnum


class ViT_Narrow_Weights(WeightsEnum):  # as enums of weights are called
    V1 = auto()
    DEFAULT = V1


class Swin_Narrow_Weights(WeightsEnum):
    V1 = auto()
    DEFAULT = V1


class Swin_V2_Narrow_Weights(WeightsEnum):
    V1 = auto()
    DEFAULT = V1
