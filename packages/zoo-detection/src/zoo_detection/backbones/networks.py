"""The networks in backbones: how they are named, and what of them learns."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from torch import nn

from zoo_core import WeightsEnum, get_model_builder, get_model_weights
from zoo_core.building import ChosenBackbone
from zoo_detection.ops import FrozenBatchNorm2d

from .pyramid import NormLayer

N = TypeVar("N", bound=nn.Module)


def named_network(backbone_name: str, *families: type[N], **kwargs: Any) -> N:
    """Build a registered network by its name.

    Raises:
        ValueError: There is no such model, or it is of none of the families.
    """
    network = get_model_builder(backbone_name)(**kwargs)
    if not isinstance(network, families):
        expected = " or ".join(family.__name__ for family in families)
        raise ValueError(
            f"backbone_name should be that of a {expected}, found {backbone_name!r}, a {type(network).__name__}"
        )
    return network


def weights_of_old(arguments: Mapping[str, Any]) -> WeightsEnum | type[WeightsEnum]:
    """Return what `pretrained=True` stands for in a call that names a `backbone_name`."""
    if "backbone_name" not in arguments:
        raise TypeError("missing 1 required keyword-only argument: 'backbone_name'")
    return get_model_weights(arguments["backbone_name"])["IMAGENET1K_V1"]


def freeze(network: nn.Module, layers: Sequence[str], trainable: int) -> None:
    """Freeze all children of a network but those of the last `trainable` layers; `layers` names each one's first."""
    first = layers[-trainable] if trainable else None
    for name, child in network.named_children():
        if name == first:
            return
        child.requires_grad_(requires_grad=False)


def frozen_if_trained(backbone: ChosenBackbone[Any], *, without_epsilon: bool = False) -> NormLayer:
    """Return the batch norm of a backbone: frozen if it has any weights.

    `without_epsilon` it divides by the plain deviation, as the first files were trained.
    """
    if not backbone.is_trained:
        return nn.BatchNorm2d
    return partial(FrozenBatchNorm2d, eps=0.0) if without_epsilon else FrozenBatchNorm2d
