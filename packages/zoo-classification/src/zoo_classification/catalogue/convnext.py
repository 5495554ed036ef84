"""Weights of the ConvNeXt models."""

from enum import auto

from zoo_core import WeightsEnum


class ConvNeXt_Tiny_Weights(WeightsEnum):
    """Weights of `convnext_tiny`."""

    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Small_Weights(WeightsEnum):
    """Weights of `convnext_small`."""

    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Base_Weights(WeightsEnum):
    """Weights of `convnext_base`."""

    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1


class ConvNeXt_Large_Weights(WeightsEnum):
    """Weights of `convnext_large`."""

    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1
