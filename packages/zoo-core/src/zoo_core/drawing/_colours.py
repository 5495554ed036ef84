"""Colours that are told apart, and pixels in the colours of their classes."""

from collections.abc import Mapping
from typing import TypeAlias

from PIL import Image, ImageChops

from zoo_core.images import to_rgb

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
        >>> from zoo_core.drawing import colour_of
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


def with_labels(
    image: Image.Image, labels: Image.Image, colours: Mapping[int, Colour], *, opacity: float = 0.5
) -> Image.Image:
    """Return a copy of an image whose pixels are coloured by their classes, with the classes' edges in full colour.

    Args:
        image: Of any size.
        labels: The class of each pixel, of mode `"L"` or `"P"` and of the size of `image`.
        colours: Of the classes that are to be coloured; pixels of others, the background say, stay as they are.
        opacity: Of the colours, in [0, 1].

    Returns:
        An RGB image of the size of `image`.

    Raises:
        ValueError: The sizes differ, `labels` has another mode, or `opacity` is out of range.

    Example:
        >>> from PIL import Image
        >>> from zoo_core.drawing import with_labels
        >>> photo, labels = Image.new("RGB", (4, 4), "white"), Image.new("L", (4, 4), 1)
        >>> with_labels(photo, labels, {1: (255, 0, 0)}, opacity=0.4).getpixel((0, 0))
        (255, 153, 153)
    """
    if labels.mode not in {"L", "P"}:
        raise ValueError(f"labels should be an image of mode 'L' or 'P', one class a pixel, found {labels.mode!r}.")
    if labels.size != image.size:
        raise ValueError(
            f"labels should have the size of the image, {image.width} x {image.height}, "
            f"found {labels.width} x {labels.height}."
        )
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity should be in [0, 1], found {opacity}.")
    classes = labels if labels.mode == "L" else Image.frombytes("L", labels.size, labels.tobytes())
    bands = [[colours.get(value, (0, 0, 0))[band] for value in range(256)] for band in range(3)]
    coloured = Image.merge("RGB", [classes.point(band) for band in bands])
    inside = classes.point([round(255 * opacity) if value in colours else 0 for value in range(256)])
    named = classes.point([255 if value in colours else 0 for value in range(256)])
    edges = ImageChops.darker(_edges(classes, max(1, round(min(image.size) / 300))), named)
    return Image.composite(coloured, to_rgb(image), ImageChops.lighter(inside, edges))


def _edges(classes: Image.Image, width: int) -> Image.Image:
    """Return where the class `width` pixels to the left, right, above or below is another, as 255 of 0."""
    changes = Image.new("L", classes.size)
    for offset in ((width, 0), (-width, 0), (0, width), (0, -width)):
        shifted = classes.copy()
        shifted.paste(classes, offset)
        changes = ImageChops.lighter(changes, ImageChops.difference(classes, shifted))
    return changes.point([0] + [255] * 255)
