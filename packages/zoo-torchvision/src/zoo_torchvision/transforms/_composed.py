"""Transforms made of transforms."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

Transform = Callable[[Any], Any]


class _Listed:
    """Transforms, shown one a line."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        if not isinstance(transforms, Sequence | nn.ModuleList):
            raise TypeError("Argument transforms should be a sequence")
        self.transforms = transforms

    def __repr__(self) -> str:
        lines = [f"    {transform}" for transform in self.transforms]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


class Compose(_Listed):
    """One transform after the other."""

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        """Return what the last one makes of it."""
        for transform in self.transforms:
            img = transform(img)
        return img


class Lambda:
    """A function as a transform."""

    def __init__(self, lambd: Callable[[Any], Any]) -> None:
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img: Any) -> Any:
        """Return what the function makes of it."""
        return self.lambd(img)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class RandomApply(nn.Module):
    """All transforms, or none.

    Args:
        transforms: A sequence, or an `nn.ModuleList`.
        p: The probability of all.
    """

    def __init__(self, transforms: Sequence[Transform], p: float = 0.5) -> None:
        super().__init__()
        self.transforms = transforms
        self.p = p

    def forward(self, img: Any) -> Any:
        """Return the image, transformed or as it is."""
        if torch.rand(1).item() < self.p:
            for transform in self.transforms:
                img = transform(img)
        return img

    def __repr__(self) -> str:
        lines = [f"    {transform}" for transform in self.transforms]
        return "\n".join([f"{type(self).__name__}(", f"    p={self.p}", *lines, ")"])


class RandomOrder(_Listed):
    """All transforms, in an order of their own each time."""

    def __call__(self, img: Any) -> Any:
        """Return what the last one makes of it."""
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for place in order:
            img = self.transforms[place](img)
        return img


class RandomChoice(_Listed):
    """One of the transforms each time.

    Args:
        transforms: What may be chosen.
        p: How likely each is, next to the others; all are by default.
    """

    def __init__(self, transforms: Sequence[Transform], p: Sequence[float] | None = None) -> None:
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise TypeError("Argument p should be a sequence")
        self.p = p

    def __call__(self, img: Any) -> Any:
        """Return what the chosen one makes of it."""
        return random.choices(self.transforms, weights=self.p)[0](img)  # noqa: S311 # no secret

    def __repr__(self) -> str:
        return f"{super().__repr__()}(p={self.p})"
