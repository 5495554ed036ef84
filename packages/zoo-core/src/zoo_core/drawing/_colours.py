"""Colours that are told apart."""

import colorsys
from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]
"""Red, green and blue, from 0 to 255."""

_GOLDEN_RATIO = 0.618033988749895
_TONES = ((0.95, 1.0), (0.75, 0.7), (0.5, 1.0))
"""Saturation and value, in turn."""
_PERIOD = 21
"""After which hues come close to the first ones: the tones take another turn then."""


def colour_of(index: int) -> Colour:
    """Return the colour of a class, the same wherever it is drawn.

    Args:
        index: The class, not below 0. Hues are a golden section of the circle apart, so that any number of them is
            spread evenly, and three tones take turns; 21 classes are told apart at a glance.

    Raises:
        ValueError: `index` is negative.

    Example:
        >>> colour_of(0), colour_of(1)
        ((255, 13, 13), (45, 84, 178))
    """
    if index < 0:
        raise ValueError(f"Classes count from 0, found {index}.")
    red, green, blue = colorsys.hsv_to_rgb(index * _GOLDEN_RATIO % 1, *_TONES[(index + index // _PERIOD) % len(_TONES)])
    return round(red * 255), round(green * 255), round(blue * 255)
