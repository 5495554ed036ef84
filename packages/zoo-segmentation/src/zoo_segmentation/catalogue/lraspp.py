"""Weights of the LR-ASPP model."""

from enum import auto

from zoo_core import WeightsEnum


class LRASPP_MobileNet_V3_Large_Weights(WeightsEnum):
    COCO_WITH_VOC_LABELS_V1 = auto()
    DEFAULT = COCO_WITH_VOC_LABELS_V1
