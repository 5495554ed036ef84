"""Weights of the int8 GoogLeNet models."""

from enum import auto

from zoo_core import WeightsEnum


class GoogLeNet_QuantizedWeights(WeightsEnum):
    IMAGENET1K_FBGEMM_V1 = auto()
    DEFAULT = IMAGENET1K_FBGEMM_V1
