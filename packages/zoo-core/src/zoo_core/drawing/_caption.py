"""Text beneath a picture."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from zoo_core.images import to_rgb

from ._text import fitting, font_for, on_ground

MARGIN = 0.5
"""Around the text, in heights of a line."""


def with_caption(image: Image.Image, lines: Sequence[str]) -> Image.Image:
    """Return a copy of an image with lines of text beneath it.

    Args:
        image: Of any size. A narrow one is put on a wider ground, so that the text can be read.
        lines: What to write; none gives a plain copy. A line that is too long for the image is cut off.

    Returns:
        An RGB image, at least as wide and high as `image`.

    Example:
        >>> with_caption(Image.new("RGB", (640, 480)), ["tabby 47.0%", "tiger cat 31.2%"]).size
        (640, 582)
    """
    if not lines:
        return to_rgb(image).copy()
    font, size = font_for(image)
    line_height = round(size * 1.3)
    margin = round(MARGIN * line_height)
    width = min(round(max(map(font.getlength, lines))) + 2 * margin, 20 * size)
    canvas = on_ground(image, width, len(lines) * line_height + 2 * margin)
    draw = ImageDraw.Draw(canvas)
    for number, line in enumerate(lines):
        position = (margin, image.height + margin + number * line_height)
        draw.text(position, fitting(line, font, canvas.width - 2 * margin), fill="black", font=font)
    return canvas
