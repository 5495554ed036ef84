"""Weights of the int8 Inception models."""

from enum import auto

from zoo_core import WeightsEnum


class Inception_V3_QuantizedWeights(WeightsEnum):
    IMAGENET1K_FBGEMM_V1 = auto()
    DEFAULT = IMAGENET1K_FBGEMM_V1
