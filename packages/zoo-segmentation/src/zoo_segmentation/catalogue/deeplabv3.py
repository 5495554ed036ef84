"""Weights of the DeepLabV3 models."""

from enum import auto

from zoo_core import WeightsEnum


class DeepLabV3_MobileNet_V3_Large_Weights(WeightsEnum):
    """Weights of `deeplabv3_mobilenet_v3_large`."""

    COCO_WITH_VOC_LABELS_V1 = auto()
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class DeepLabV3_ResNet50_Weights(WeightsEnum):
    """Weights of `deeplabv3_resnet50`."""

    COCO_WITH_VOC_LABELS_V1 = auto()
    DEFAULT = COCO_WITH_VOC_LABELS_V1


class DeepLabV3_ResNet101_Weights(WeightsEnum):
    """Weights of `deeplabv3_resnet101`."""

    COCO_WITH_VOC_LABELS_V1 = auto()
    DEFAULT = COCO_WITH_VOC_LABELS_V1
