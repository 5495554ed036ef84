"""Checks of what networks are constructed and called with."""

from collections.abc import Sequence
from typing import TypeVar

from torch import Tensor

from zoo_core.errors import InputError

from ._symbols import is_symbol

C = TypeVar("C")


def require_positive(**numbers: int) -> None:
    """Check hyperparameters, given by name.

    Raises:
        ValueError: One of them is not positive.

    Example:
        >>> from zoo_core.layers import require_positive
        >>> require_positive(num_classes=0)
        Traceback (most recent call last):
        ValueError: num_classes should be a positive integer, found 0
    """
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} should be a positive integer, found {number}")


def require_settings(name: str, settings: object, *kinds: type[C]) -> Sequence[C]:
    """Return the stages that a network is to have.

    Args:
        name: What the argument is called.
        settings: Its value.
        kinds: What a stage may be.

    Raises:
        TypeError: It is no sequence, or something in it is of none of these kinds.
        ValueError: It is empty.

    Example:
        >>> from zoo_core.layers import require_settings
        >>> require_settings("stages", [], int)
        Traceback (most recent call last):
        ValueError: The stages should not be empty
    """
    if not isinstance(settings, Sequence) or not all(isinstance(row, kinds) for row in settings):
        raise TypeError(f"The {name} should be List[{kinds[0].__name__}], found {settings!r}")
    if not settings:
        raise ValueError(f"The {name} should not be empty")
    return settings


def require_image_size(images: Tensor, smallest: int) -> None:
    """Check that images are not smaller than a network can take; compiled, scripted and exported programs do, too.

    Args:
        images: `(..., H, W)`; symbols of `torch.fx` pass, since nobody knows their size.
        smallest: Least height and width in pixels.

    Raises:
        InputError: The images are smaller.

    Example:
        >>> import torch
        >>> from zoo_core.layers import require_image_size
        >>> require_image_size(torch.zeros(1, 3, 32, 20), 32)
        Traceback (most recent call last):
        zoo_core.errors.InputError: images should be at least 32 x 32 pixels, found 32 x 20
    """
    if is_symbol(images):
        return
    height, width = images.shape[-2], images.shape[-1]
    if height < smallest or width < smallest:
        raise InputError(f"images should be at least {smallest} x {smallest} pixels, found {height} x {width}")
