"""Weights entries of the small detectors; nobody has published files for them."""

from enum import auto

from zoo_core import WeightsEnum


class FasterRCNN_Shapes_Weights(WeightsEnum):  # as enums of weights are called
    V1 = auto()
    DEFAULT = V1


class SSDLite_Shapes_Weights(WeightsEnum):
    V1 = auto()
    DEFAULT = V1


class MaskRCNN_Shapes_Weights(WeightsEnum):
    V1 = auto()
    DEFAULT = V1


class KeypointRCNN_Shapes_Weights(WeightsEnum):
    V1 = auto()
    DEFAULT = V1
