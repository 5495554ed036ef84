"""What the colours in a picture mean."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from zoo_core.images import to_rgb

from ._colours import Colour
from ._text import fitting, font_for, on_ground


def with_legend(image: Image.Image, entries: Sequence[tuple[str, Colour]]) -> Image.Image:
    """Return a copy of an image with the meaning of its colours beneath it, in as many lines as it takes.

    Args:
        image: Of any size. A narrow one is put on a wider ground, so that the text can be read.
        entries: Texts and their colours; none gives a plain copy. A text that is wider than the image is cut off.

    Returns:
        An RGB image, at least as wide and high as `image`.

    Example:
        >>> with_legend(Image.new("RGB", (640, 480)), [("cat", (255, 0, 0)), ("sofa", (0, 0, 255))]).size
        (640, 532)
    """
    if not entries:
        return to_rgb(image).copy()
    font, size = font_for(image)
    line_height, gap = round(size * 1.5), size // 2
    widths = [size + gap + round(font.getlength(text)) for text, _ in entries]
    ground = max(image.width, min(max(widths) + 2 * gap, 20 * size))
    places = _places([min(width, ground - 2 * gap) for width in widths], ground - 2 * gap, 2 * gap)
    canvas = on_ground(image, ground, (places[-1][1] + 1) * line_height + gap)
    draw = ImageDraw.Draw(canvas)
    for (text, colour), (across, line) in zip(entries, places, strict=True):
        left, top = gap + across, image.height + gap + line * line_height
        draw.rectangle((left, top, left + size - 1, top + size - 1), fill=colour, outline="black")
        room = ground - gap - (left + size + gap)
        position = (left + size + gap, top + size / 2)
        draw.text(position, fitting(text, font, room), fill="black", font=font, anchor="lm")
    return canvas


def _places(widths: Sequence[int], room: int, gap: int) -> list[tuple[int, int]]:
    """Return for each width where it begins, and on which line, `gap` apart."""
    places: list[tuple[int, int]] = []
    across = line = 0
    for width in widths:
        if across > 0 and across + width > room:
            across, line = 0, line + 1
        places.append((across, line))
        across += width + gap
    return places
