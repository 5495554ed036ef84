"""Weights of the Mask R-CNN models."""

from enum import auto

from zoo_core import WeightsEnum


class MaskRCNN_ResNet50_FPN_Weights(WeightsEnum):
    COCO_V1 = auto()
    DEFAULT = COCO_V1


class MaskRCNN_ResNet50_FPN_V2_Weights(WeightsEnum):
    COCO_V1 = auto()
    DEFAULT = COCO_V1
