"""Pixels of any type as RGB."""

from PIL import Image, ImageChops

STRIP_PIXELS = 1 << 22
"""How many pixels are converted at a time, so that what is in between takes little memory."""


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert an image of any of Pillow's modes to RGB.

    Grey is replicated, transparency is laid over white, and 16-bit grey (modes `"I;16"` and `"I"`) is scaled from
    0..65535 to 0..255, where Pillow's own conversion cuts off at 255.

    Args:
        image: An image of any mode but `"F"`.

    Returns:
        The image in mode `"RGB"`; `image` itself if that is its mode already and it has no transparent colour.

    Raises:
        ValueError: The pixels are floating point or integers out of 0..65535, whose range nobody knows.

    Example:
        >>> from PIL import Image
        >>> from zoo_core.images import to_rgb
        >>> to_rgb(Image.new("I;16", (1, 1), 65535)).getpixel((0, 0))
        (255, 255, 255)
    """
    if image.mode == "F":
        raise ValueError(
            "Floating-point pixels (mode 'F') have no known range: scale them to 0..255 and convert to mode 'L' first."
        )
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    rows = max(1, STRIP_PIXELS // max(1, image.width))
    if rows >= image.height:
        return _converted(image)
    result = Image.new("RGB", image.size)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        result.paste(_converted(strip), (0, top))
    return result


def _converted(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        image = _scaled_to_8_bits(image)
    if image.has_transparency_data:
        # From La, the grey with premultiplied alpha, Pillow converts to nothing but LA.
        colours = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours)
    return image.convert("RGB")


def _scaled_to_8_bits(image: Image.Image) -> Image.Image:
    """Scale integers 0..65535 to 0..255, rounding; a grey that stands for transparency becomes that."""
    wide = image.convert("I")
    low, high = wide.getextrema()
    if not 0 <= low <= high <= 65535:  # type: ignore[operator] # of a single band: two numbers
        raise ValueError(
            f"The pixels (mode {image.mode!r}) should be within 0..65535, but are from {low} to {high}: "
            "scale them to 0..255 and convert to mode 'L' first."
        )
    grey = wide.point(lambda value: value * (1 / 257) + 0.5).convert("L")
    transparent = grey.info.pop("transparency", None)
    if isinstance(transparent, int):
        grey.putalpha(_where_other(wide, transparent))
    return grey


def _where_other(wide: Image.Image, value: int) -> Image.Image:
    """Return 255 where integers are not `value`, else 0."""
    above = wide.point(lambda pixel: pixel * 1 - value).convert("L")  # cut off at 0 and 255
    below = wide.point(lambda pixel: pixel * -1 + value).convert("L")
    return ImageChops.lighter(above, below).point([0] + 255 * [255])
