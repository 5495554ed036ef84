"""Layers that keep a projection as a method, with parameters of their own or of a child that is not called."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor, nn


@runtime_checkable
class HasLinearMethods(Protocol):
    """A module with methods that are linear layers: an attribute of the method's name may take its place."""

    def linear_methods(self) -> Mapping[str, tuple[Tensor, Tensor | None]]:
        """Return the weight and the bias that each of these methods uses, by its name."""


def linear_methods_of(module: nn.Module) -> Mapping[str, tuple[Tensor, Tensor | None]]:
    """Return those of any module; of most there are none."""
    return module.linear_methods() if isinstance(module, HasLinearMethods) else {}
