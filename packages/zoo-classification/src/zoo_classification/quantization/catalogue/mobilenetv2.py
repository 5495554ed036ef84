"""Weights of the int8 MobileNetV2 models."""

from enum import auto

from zoo_core import WeightsEnum


class MobileNet_V2_QuantizedWeights(WeightsEnum):
    IMAGENET1K_QNNPACK_V1 = auto()
    DEFAULT = IMAGENET1K_QNNPACK_V1
