"""Reading image files, whatever their format and pixel type, as the RGB that the models expect. No torch in here."""

import io
import os
import re
import struct
import zlib
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import MediaError

IMAGE_SUFFIXES = frozenset(
    {
        ".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif",
        ".tiff", ".webp",
    }
)  # fmt: skip
"""The file name suffixes, in lower case, by which a folder's images are told from its other files."""

_DECODER_ERRORS = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError, RuntimeError,
                   ArithmeticError, struct.error, zlib.error)  # fmt: skip
"""What Pillow's decoders are known to raise when the bytes are damaged."""

_TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)
"""What Pillow raises beyond its limit, the latter where warnings are errors."""

_SIGNATURES = (
    (rb"\s*<(!doctype html|html|head|body)", "an HTML page; was the link of a web page saved in place of the image's?"),
    (rb"\s*<(\?xml|svg)", "SVG or other XML; export it as PNG first"),
    (rb"version https://git-lfs", "a Git LFS pointer; run `git lfs pull` to fetch the image itself"),
    (rb"\s*[{\[]", "JSON text"),
    (rb"%PDF", "a PDF document; export its pages as PNG first"),
    (rb"PK\x03\x04", "a ZIP archive; unpack it first"),
    (rb"\x1f\x8b", "gzip data; unpack it first"),
    (rb"....ftyp(heic|heix|mif1|msf1)", "a HEIC picture; convert it, or call `pillow_heif.register_heif_opener()`"),
    (rb"....ftypavi[fs]", "an AVIF picture, which needs Pillow 11.3 or newer, or its header is damaged"),
    (rb"....ftyp", "a video"),
    (rb"\xff\xd8\xff", "JPEG with a damaged header"),
    (rb"\x89PNG\r\n", "PNG with a damaged header"),
    (rb"GIF8", "GIF with a damaged header"),
    (rb"RIFF....WEBP", "WebP with a damaged header"),
    (rb"BM", "BMP with a damaged header"),
    (rb"II\*\x00|MM\x00\*", "TIFF with a damaged header"),
)
"""How files begin, as patterns, and what they then are, for those that Pillow could not identify."""


class ImageError(MediaError):
    """A file is not an image, is damaged, or is larger than Pillow's limit. The message names the file and says why."""


def read_image(source: str | os.PathLike[str] | bytes | BinaryIO) -> Image.Image:
    """Read an image file as upright RGB.

    The orientation in the EXIF data is applied. Of an animation the first frame is read. Pixels become RGB as
    `to_rgb` says.

    Args:
        source: A path, the bytes of an image file, or a file opened in binary mode (read from its beginning; it stays
            open).

    Returns:
        The image in mode `"RGB"`, decoded in full; it does not depend on the file any more.

    Raises:
        FileNotFoundError: There is no such file.
        ImageError: The source is a folder, is not an image, is truncated or otherwise damaged, holds pixels that have
            no known range, or has more of them than `PIL.Image.MAX_IMAGE_PIXELS`, which is checked before decoding.
        TypeError: `source` is none of the above.

    Example:
        >>> from io import BytesIO
        >>> file = BytesIO()
        >>> Image.new("LA", (4, 3)).save(file, "PNG")
        >>> image = read_image(file)
        >>> image.mode, image.size, image.getpixel((0, 0))
        ('RGB', (4, 3), (255, 255, 255))
    """
    name = _name(source)
    with _opened(source, name) as file:
        image = _identified(file, name)
        try:
            image.load()
        except _TOO_LARGE as error:
            raise ImageError(_too_large(name, str(error))) from error
        except _DECODER_ERRORS as error:
            raise ImageError(f"{name} is a truncated or damaged {image.format} image: {error}.") from error
    try:
        return to_rgb(_upright(image))
    except ValueError as error:
        raise ImageError(f"{name} cannot be turned into RGB: {error}") from error


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
        >>> to_rgb(Image.new("I;16", (1, 1), 65535)).getpixel((0, 0))
        (255, 255, 255)
    """
    if image.mode == "F":
        raise ValueError(
            "Floating-point pixels (mode 'F') have no known range: scale them to 0..255 and convert to mode 'L' first."
        )
    if image.mode.startswith("I"):
        image = _scaled_to_8_bits(image)
    if image.has_transparency_data:
        # From La, the grey with premultiplied alpha, Pillow converts to nothing but LA.
        colours = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours)
    return image if image.mode == "RGB" else image.convert("RGB")


def _scaled_to_8_bits(image: Image.Image) -> Image.Image:
    """Scale integers 0..65535 to 0..255, rounding."""
    wide = image.convert("I")
    low, high = wide.getextrema()
    if not 0 <= low <= high <= 65535:  # type: ignore[operator] # of a single band: two numbers
        raise ValueError(
            f"The pixels (mode {image.mode!r}) should be within 0..65535, but are from {low} to {high}: "
            "scale them to 0..255 and convert to mode 'L' first."
        )
    return wide.point(lambda value: value * (1 / 257) + 0.5).convert("L")


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except _DECODER_ERRORS:  # damaged EXIF data says nothing about the orientation
        return image.copy()


def _identified(file: BinaryIO, name: str) -> Image.Image:
    """Read the header only."""
    try:
        image = Image.open(file)
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is not an image that Pillow can read: {_looks_like(file)}.") from error
    except _TOO_LARGE as error:
        raise ImageError(_too_large(name, str(error))) from error
    except _DECODER_ERRORS as error:
        raise ImageError(f"{name} has a damaged header: {error}.") from error
    if image.format == "EPS":
        raise ImageError(f"{name} is PostScript, a program that read_image does not run: export it as PNG first.")
    pixels = image.width * image.height
    if Image.MAX_IMAGE_PIXELS is not None and pixels > Image.MAX_IMAGE_PIXELS:
        raise ImageError(_too_large(name, f"it has {image.width} x {image.height} = {pixels} pixels"))
    return image


def _too_large(name: str, found: str) -> str:
    return (
        f"{name} is too large to be decoded: {found.rstrip('.')}; the limit is {Image.MAX_IMAGE_PIXELS} pixels, "
        "lest a small file fills the memory. If you trust the file, raise PIL.Image.MAX_IMAGE_PIXELS or set it to None."
    )


def _looks_like(file: BinaryIO) -> str:
    file.seek(0)
    head = file.read(64)
    if not head:
        return "it is empty"
    guesses = (meaning for pattern, meaning in _SIGNATURES if re.match(pattern, head, re.IGNORECASE | re.DOTALL))
    guess = next(guesses, "of no known kind")
    return f"it seems to be {guess} (it begins with {head[:16]!r})"


def _name(source: object) -> str:
    """Return what messages call the source."""
    if isinstance(source, str | os.PathLike):
        return repr(os.fspath(source))
    if isinstance(source, bytes):
        return f"the data of {len(source)} bytes"
    if not hasattr(source, "read"):
        raise TypeError(
            "read_image takes a path, the bytes of an image file, or a file opened in binary mode, "
            f"but received {type(source).__module__}.{type(source).__qualname__}."
        )
    name = getattr(source, "name", None)
    shown = repr(name) if isinstance(name, str) else "the file object"
    if isinstance(source, io.TextIOBase):
        raise TypeError(f"{shown} is opened as text: open it in binary mode, `open(path, 'rb')`.")
    return shown


def _opened(source: str | os.PathLike[str] | bytes | BinaryIO, name: str) -> AbstractContextManager[BinaryIO]:
    """Open the source; a file that cannot be wound back, such as a pipe, is read into memory."""
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if isinstance(source, str | os.PathLike):
        if Path(source).is_dir():
            raise ImageError(f"{name} is a folder: pass the path of one image file.")
        return Path(source).open("rb")
    return nullcontext(source if source.seekable() else io.BytesIO(source.read()))
