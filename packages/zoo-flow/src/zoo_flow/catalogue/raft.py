"""Weights of the RAFT models.

The letters say what they were trained on, in turn: C is FlyingChairs, T FlyingThings3D, SKHT a mix of Sintel, KITTI,
HD1K and FlyingThings3D, K KITTI alone. V1 are the paper's own, V2 were trained by TorchVision.
"""

from enum import auto

from zoo_core import WeightsEnum


class Raft_Large_Weights(WeightsEnum):
    C_T_V1 = auto()
    C_T_V2 = auto()
    C_T_SKHT_V1 = auto()
    C_T_SKHT_V2 = auto()
    C_T_SKHT_K_V1 = auto()
    C_T_SKHT_K_V2 = auto()
    DEFAULT = C_T_SKHT_V2


class Raft_Small_Weights(WeightsEnum):
    C_T_V1 = auto()
    C_T_V2 = auto()
    DEFAULT = C_T_V2
