"""Colours changed at random."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .functional import adjust_brightness, adjust_contrast, adjust_hue, adjust_saturation

Range = float | Sequence[float]
Bounds = tuple[float, float] | None


class ColorJitter(nn.Module):
    """Brightness, contrast, saturation and hue changed at random, in a random order.

    Args:
        brightness: By what factor at most: a number x for [max(0, 1 - x), 1 + x], or the range itself.
        contrast: Likewise.
        saturation: Likewise.
        hue: By how much of the circle of colours: a number x up to 0.5 for [-x, x], or the range itself.

    Raises:
        ValueError: A number is negative, or a range out of order or out of bounds.
    """

    def __init__(self, brightness: Range = 0, contrast: Range = 0, saturation: Range = 0, hue: Range = 0) -> None:
        super().__init__()
        self.brightness = _bounds("brightness", brightness)
        self.contrast = _bounds("contrast", contrast)
        self.saturation = _bounds("saturation", saturation)
        self.hue = _bounds("hue", hue, centre=0.0, lowest=-0.5, highest=0.5)

    @staticmethod
    def get_params(
        brightness: Bounds, contrast: Bounds, saturation: Bounds, hue: Bounds
    ) -> tuple[Tensor, float | None, float | None, float | None, float | None]:
        """Draw the order and the four factors; `None` where nothing is to be changed."""
        order = torch.randperm(4)
        drawn = [
            None if bounds is None else float(torch.empty(1).uniform_(bounds[0], bounds[1]))
            for bounds in (brightness, contrast, saturation, hue)
        ]
        return order, drawn[0], drawn[1], drawn[2], drawn[3]

    def forward(self, img: Any) -> Any:
        """Return the changed image."""
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        steps = (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue)
        for place in order.tolist():
            factor = factors[place]
            if factor is not None:
                img = steps[place](img, factor)
        return img

    def extra_repr(self) -> str:
        """Return the arguments."""
        names = ("brightness", "contrast", "saturation", "hue")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


def _bounds(
    name: str, value: Range, *, centre: float = 1.0, lowest: float = 0.0, highest: float = float("inf")
) -> Bounds:
    """Return the range that an argument stands for, `None` where it changes nothing."""
    if isinstance(value, int | float):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be non negative; found {value}.")
        low, high = centre - value, centre + value
        low = max(low, 0.0) if lowest == 0 else low
    else:
        low, high = map(float, value)
    if not lowest <= low <= high <= highest:
        raise ValueError(f"{name} values should be between {lowest} and {highest}, but got {(low, high)}.")
    return None if low == high == centre else (low, high)
