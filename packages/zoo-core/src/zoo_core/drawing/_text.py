"""Text on and beneath pictures: captions, legends, and the size of letters."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from zoo_core.images import to_rgb

from ._colours import Colour

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
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
        >>> from PIL import Image
        >>> from zoo_core.drawing import with_caption
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


def with_legend(image: Image.Image, entries: Sequence[tuple[str, Colour]]) -> Image.Image:
    """Return a copy of an image with the meaning of its colours beneath it, in as many lines as it takes.

    Args:
        image: Of any size. A narrow one is put on a wider ground, so that the text can be read.
        entries: Texts and their colours; none gives a plain copy. A text that is wider than the image is cut off.

    Returns:
        An RGB image, at least as wide and high as `image`.

    Example:
        >>> from PIL import Image
        >>> from zoo_core.drawing import with_legend
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


def font_for(image: Image.Image, letters_across: int = 25) -> tuple[Font, int]:
    """Return a font that can be read on a picture of that size, and its letters' height: 12 pixels at least."""
    size = max(12, round(min(image.width, 2 * image.height) / letters_across))
    return ImageFont.load_default(size), size


def on_ground(image: Image.Image, width: int, height: int) -> Image.Image:
    """Return a copy of a picture, in the middle of a white ground of at least `width`, with `height` more beneath."""
    canvas = Image.new("RGB", (max(width, image.width), image.height + height), "white")
    canvas.paste(to_rgb(image), ((canvas.width - image.width) // 2, 0))
    return canvas


def fitting(line: str, font: Font, width: float) -> str:
    """Cut a line off where it would be wider than `width` pixels."""
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(f"{line}…") > width:
        line = line[:-1]
    return f"{line}…"
