"""Weights of the SSDlite model."""

from enum import auto

from zoo_core import WeightsEnum


class SSDLite320_MobileNet_V3_Large_Weights(WeightsEnum):
    COCO_V1 = auto()
    DEFAULT = COCO_V1
