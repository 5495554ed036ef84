"""Weights of the int8 ResNet and ResNeXt models."""

from enum import auto

from zoo_core import WeightsEnum


class ResNet18_QuantizedWeights(WeightsEnum):
    """Weights of `resnet18` as int8."""

    IMAGENET1K_FBGEMM_V1 = auto()
    DEFAULT = IMAGENET1K_FBGEMM_V1


class ResNet50_QuantizedWeights(WeightsEnum):
    """Weights of `resnet50` as int8."""

    IMAGENET1K_FBGEMM_V1 = auto()
    IMAGENET1K_FBGEMM_V2 = auto()
    DEFAULT = IMAGENET1K_FBGEMM_V2


class ResNeXt101_32X8D_QuantizedWeights(WeightsEnum):
    """Weights of `resnext101_32x8d` as int8."""

    IMAGENET1K_FBGEMM_V1 = auto()
    IMAGENET1K_FBGEMM_V2 = auto()
    DEFAULT = IMAGENET1K_FBGEMM_V2


class ResNeXt101_64X4D_QuantizedWeights(WeightsEnum):
    """Weights of `resnext101_64x4d` as int8."""

    IMAGENET1K_FBGEMM_V1 = auto()
    DEFAULT = IMAGENET1K_FBGEMM_V1
