"""Weights of the FCOS model."""

from enum import auto

from zoo_core import WeightsEnum


class FCOS_ResNet50_FPN_Weights(WeightsEnum):
    COCO_V1 = auto()
    DEFAULT = COCO_V1
