"""Colours that are told apart."""

from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]
"""Red, green and blue, from 0 to 255."""

_DISTINCT: tuple[Colour, ...] = (
    (225, 30, 45), (105, 0, 255), (0, 255, 0), (255, 225, 15), (255, 60, 195), (0, 105, 225), (0, 255, 180),
    (45, 120, 0), (165, 105, 0), (165, 45, 90), (225, 165, 255), (0, 180, 255), (195, 225, 135), (0, 210, 210),
    (255, 150, 135), (135, 45, 195), (135, 210, 15), (240, 0, 255), (255, 120, 0), (120, 75, 150), (255, 0, 120),
    (45, 150, 105), (150, 150, 0), (255, 195, 120),
)  # fmt: skip
"""Each is the farthest from those before it in CIELAB, of all that are not too dark, light or grey."""


def colour_of(index: int) -> Colour:
    """Return the colour of a class, the same wherever it is drawn.

    Args:
        index: The class, not below 0. The first 24 colours are told apart at a glance; those that follow are the same
            ones darker, lighter, darker still, and so on.

    Raises:
        ValueError: `index` is negative.

    Example:
        >>> colour_of(0), colour_of(24)
        ((225, 30, 45), (141, 19, 28))
    """
    if index < 0:
        raise ValueError(f"Classes count from 0, found {index}.")
    turn, place = divmod(index, len(_DISTINCT))
    share = 1 / (1 + 0.6 * ((turn + 1) // 2))
    ground = 0 if turn % 2 else 255
    red, green, blue = (round(share * band + (1 - share) * ground) for band in _DISTINCT[place])
    return red, green, blue
