"""The weights entries of the digit model; their facts are in `digits.json`."""

from enum import auto

from zoo_core import WeightsEnum


class ShuffleNet_V2_X0_5_Digits_Weights(WeightsEnum):
    DIGITS_V1 = auto()
    DEFAULT = DIGITS_V1
