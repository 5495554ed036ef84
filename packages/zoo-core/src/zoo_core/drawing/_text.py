"""Text on and beneath pictures: its size, and the ground that it stands on."""

from PIL import Image, ImageFont

from zoo_core.images import to_rgb

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def font_for(image: Image.Image, letters_across: int = 25) -> tuple[Font, int]:
    """Return a font that can be read on a picture of that size, and the height of its letters in pixels.

    Args:
        image: The picture.
        letters_across: The height of a letter as a part of the picture's width; at least 12 pixels.
    """
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
