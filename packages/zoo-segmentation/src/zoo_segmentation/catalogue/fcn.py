"""Weights of the FCN models."""

from enum import auto

from zoo_core import WeightsEnum


class FCN_ResNet50_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = auto()
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class FCN_ResNet101_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = auto()
    DEFAULT = COCO_WITH_VOC_LABELS_V1
