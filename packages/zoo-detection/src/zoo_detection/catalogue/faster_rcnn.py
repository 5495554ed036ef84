"""Weights of the Faster R-CNN models."""

from enum import auto

from zoo_core import WeightsEnum


class FasterRCNN_ResNet50_FPN_Weights(WeightsEnum):
    COCO_V1 = auto()
    DEFAULT = COCO_V1


class FasterRCNN_ResNet50_FPN_V2_Weights(WeightsEnum):
    COCO_V1 = auto()
    DEFAULT = COCO_V1


class FasterRCNN_MobileNet_V3_Large_FPN_Weights(WeightsEnum):
    COCO_V1 = auto()
    DEFAULT = COCO_V1


class FasterRCNN_MobileNet_V3_Large_320_FPN_Weights(WeightsEnum):
    COCO_V1 = auto()
    DEFAULT = COCO_V1
