"""Weights of the Keypoint R-CNN model."""

from enum import auto

from zoo_core import WeightsEnum


class KeypointRCNN_ResNet50_FPN_Weights(WeightsEnum):
    COCO_LEGACY = auto()
    COCO_V1 = auto()
    DEFAULT = COCO_V1
