"""Weights of the RegNet models."""

from enum import auto

from zoo_core import WeightsEnum


class RegNet_X_400MF_Weights(WeightsEnum):
    """Weights of `regnet_x_400mf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_X_800MF_Weights(WeightsEnum):
    """Weights of `regnet_x_800mf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_X_1_6GF_Weights(WeightsEnum):
    """Weights of `regnet_x_1_6gf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_X_3_2GF_Weights(WeightsEnum):
    """Weights of `regnet_x_3_2gf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_X_8GF_Weights(WeightsEnum):
    """Weights of `regnet_x_8gf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_X_16GF_Weights(WeightsEnum):
    """Weights of `regnet_x_16gf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_X_32GF_Weights(WeightsEnum):
    """Weights of `regnet_x_32gf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_400MF_Weights(WeightsEnum):
    """Weights of `regnet_y_400mf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_800MF_Weights(WeightsEnum):
    """Weights of `regnet_y_800mf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_1_6GF_Weights(WeightsEnum):
    """Weights of `regnet_y_1_6gf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_3_2GF_Weights(WeightsEnum):
    """Weights of `regnet_y_3_2gf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_8GF_Weights(WeightsEnum):
    """Weights of `regnet_y_8gf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_16GF_Weights(WeightsEnum):
    """Weights of `regnet_y_16gf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    IMAGENET1K_SWAG_E2E_V1 = auto()
    IMAGENET1K_SWAG_LINEAR_V1 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_32GF_Weights(WeightsEnum):
    """Weights of `regnet_y_32gf`."""

    IMAGENET1K_V1 = auto()
    IMAGENET1K_V2 = auto()
    IMAGENET1K_SWAG_E2E_V1 = auto()
    IMAGENET1K_SWAG_LINEAR_V1 = auto()
    DEFAULT = IMAGENET1K_V2


class RegNet_Y_128GF_Weights(WeightsEnum):
    """Weights of `regnet_y_128gf`."""

    IMAGENET1K_SWAG_E2E_V1 = auto()
    IMAGENET1K_SWAG_LINEAR_V1 = auto()
    DEFAULT = IMAGENET1K_SWAG_E2E_V1
