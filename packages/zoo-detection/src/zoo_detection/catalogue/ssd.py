"""Weights of the SSD model."""

from enum import auto

from zoo_core import WeightsEnum


class SSD300_VGG16_Weights(WeightsEnum):
    COCO_V1 = auto()
    DEFAULT = COCO_V1
