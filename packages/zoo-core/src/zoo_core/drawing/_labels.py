"""Classes of pixels, in colours."""

from collections.abc import Mapping

from PIL import Image, ImageChops

from zoo_core.images import to_rgb

from ._colours import Colour


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
