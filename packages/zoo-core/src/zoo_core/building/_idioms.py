"""Arguments that builders of classification networks have in common, under the names that timm made usual."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ._classification_network import ClassificationNetwork
from ._origin import origin_of, remember_origin

RATES = {"drop_rate": ("dropout", "dropout"), "drop_path_rate": ("stochastic_depth_prob", "stochastic depth")}
"""Arguments, those of networks that they stand for, and what the networks have."""

IDIOMS = ("in_chans", *RATES)


@dataclass(frozen=True)
class Idioms:
    """What a builder of classification networks does beyond calling its function.

    Args:
        name: Of the builder.
        parameters: Of the network.
    """

    name: str
    parameters: frozenset[str]

    def rates(self) -> dict[str, str]:
        """Return which rates the network has under other names, and these names."""
        return {rate: own for rate, (own, _) in RATES.items() if rate not in self.parameters and own in self.parameters}

    def take(self, arguments: dict[str, Any]) -> "Wanted":
        """Take what the network does not know out of a call's arguments, and give rates the names that it has for them.

        Raises:
            TypeError: The network has no such rate, or it is given under both names.
            ValueError: `in_chans` is not a positive integer.
        """
        self._name_rates(arguments)
        in_chans = arguments.pop("in_chans", 3)
        if not isinstance(in_chans, int) or isinstance(in_chans, bool) or in_chans < 1:
            raise ValueError(f"in_chans should be a positive integer, found {in_chans!r}")
        has_classifier = arguments.get("num_classes") != 0
        if not has_classifier:
            del arguments["num_classes"]
        return Wanted(in_chans, has_classifier)

    def _name_rates(self, arguments: dict[str, Any]) -> None:
        for rate, (own, what) in RATES.items():
            if rate in self.parameters or (value := arguments.pop(rate, None)) is None:
                continue
            if own not in self.parameters:
                raise TypeError(f"{self.name}() takes no {rate}=: the network has no {what}.")
            if own in arguments:
                raise TypeError(f"{self.name}() got {rate}= and {own}=, which are the same: give one of them.")
            arguments[own] = value


@dataclass(frozen=True)
class Wanted:
    """What a call wants that is done to a network when it is made."""

    in_chans: int = 3
    has_classifier: bool = True

    def bring_about(self, network: nn.Module, *, is_loaded: bool) -> None:
        """Change a network as wanted, and its origin with it; `is_loaded`: whether it has weights."""
        if self.in_chans != 3:
            take_channels(network, self.in_chans, is_loaded=is_loaded)
            origin = origin_of(network)
            if origin is not None:
                remember_origin(network, origin.given(in_chans=self.in_chans))
        if not self.has_classifier:
            assert isinstance(network, ClassificationNetwork)
            network.reset_classifier(0)


def idioms_of(function: Callable[..., Any]) -> Idioms | None:
    """Return the idioms of a function that returns a classification network, by its annotation; `None` for others."""
    network = inspect.signature(function).return_annotation
    if not (isinstance(network, type) and issubclass(network, ClassificationNetwork)):
        return None
    return Idioms(function.__name__, frozenset(_constructor_parameters(network)))


def _constructor_parameters(network: type) -> set[str]:
    """Return what a class is built from, with what it passes on to the class that it is based on."""
    names: set[str] = set()
    for base in network.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(vars(base)["__init__"]).parameters.values()
        names.update(parameter.name for parameter in parameters)
        if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
            break
    return names


def take_channels(network: nn.Module, in_chans: int, *, is_loaded: bool) -> None:
    """Let a network for images of three channels take images of `in_chans` channels, in place.

    Its first convolution changes. With weights, these are adapted (`adapt_channels`). Without, new ones are drawn that
    keep the variance of what the convolution gives.

    Args:
        network: Its first convolution, in the order of definition, is what images come to.
        in_chans: Channels of the images.
        is_loaded: Whether the network has weights.

    Raises:
        ValueError: The network has no such convolution, as int8 networks, or changes the colours of images itself.
    """
    if getattr(network, "transform_input", False):
        raise ValueError(
            f"transform_input=True changes the colours of images of 3 channels, found in_chans={in_chans}: give "
            "transform_input=False, and bring images into the range [-1, 1] by the preprocessing (mean and std of 0.5)."
        )
    convolutions = (module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Conv3d))
    first = next(convolutions, None)
    if first is None or first.in_channels != 3 or getattr(network, "engine", None) is not None:
        raise ValueError(
            f"{type(network).__name__} has no convolution that in_chans={in_chans} could change. An int8 network is as "
            "its file is."
        )
    old = first.weight.detach()
    new = adapt_channels(old, in_chans) if is_loaded else _drawn_like(old, in_chans)
    first.weight = nn.Parameter(new, requires_grad=first.weight.requires_grad)
    first.in_channels = in_chans


def adapt_channels(weight: Tensor, in_chans: int) -> Tensor:
    """Adapt the weight of a convolution of colour images to another number of channels.

    For one channel it is summed over the colours, so that a grey image gives what it gave with three equal channels.
    For more, the colours are repeated, and scaled by `3 / in_chans`.

    Args:
        weight: `(K, 3, ...)`.
        in_chans: Channels of the images.

    Returns:
        `(K, in_chans, ...)`.

    Example:
        >>> import torch
        >>> from zoo_core.building import adapt_channels
        >>> adapt_channels(torch.ones(1, 3, 1, 1), 1).flatten(), adapt_channels(torch.ones(1, 3, 1, 1), 4).flatten()
        (tensor([3.]), tensor([0.7500, 0.7500, 0.7500, 0.7500]))
    """
    if in_chans == 1:
        return weight.sum(dim=1, keepdim=True)
    times = [1] * weight.ndim
    times[1] = math.ceil(in_chans / weight.shape[1])
    return weight.repeat(times)[:, :in_chans] * (weight.shape[1] / in_chans)


def _drawn_like(weight: Tensor, in_chans: int) -> Tensor:
    shape = (weight.shape[0], in_chans, *weight.shape[2:])
    drawn = torch.randn(shape, dtype=weight.dtype, device=weight.device)
    return drawn * (weight.std() * math.sqrt(weight.shape[1] / in_chans))
