"""Weights of the Vision Transformer models."""

from enum import auto

from zoo_core import WeightsEnum


class ViT_B_16_Weights(WeightsEnum):
    """Weights of `vit_b_16`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_SWAG_E2E_V1 = auto()
    IMAGENET1K_SWAG_LINEAR_V1 = auto()
    DEFAULT = IMAGENET1K_V1


class ViT_B_32_Weights(WeightsEnum):
    """Weights of `vit_b_32`."""

    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1


class ViT_L_16_Weights(WeightsEnum):
    """Weights of `vit_l_16`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_SWAG_E2E_V1 = auto()
    IMAGENET1K_SWAG_LINEAR_V1 = auto()
    DEFAULT = IMAGENET1K_V1


class ViT_L_32_Weights(WeightsEnum):
    """Weights of `vit_l_32`."""

    IMAGENET1K_V1 = auto()
    DEFAULT = IMAGENET1K_V1


class ViT_H_14_Weights(WeightsEnum):
    """Weights of `vit_h_14`."""

    IMAGENET1K_SWAG_E2E_V1 = auto()
    IMAGENET1K_SWAG_LINEAR_V1 = auto()
    DEFAULT = IMAGENET1K_SWAG_E2E_V1
