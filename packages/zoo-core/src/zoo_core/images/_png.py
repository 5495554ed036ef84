"""What Pillow does not tell of PNG files: long texts, and transparent colours of other than 8 bits.

ISO/IEC 15948, Portable Network Graphics (PNG): Functional specification, chapter 11.
"""

import io
import zlib
from typing import BinaryIO

from PIL import Image, ImageChops

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_TEXTS = {b"tEXt", b"zTXt", b"iTXt", b"iCCP"}
_LONGEST_TEXT = 1 << 16
"""Bytes of a text that may tell the orientation, packed or not."""
_METADATA = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")
"""How the texts begin that may."""
_SCALES = {"L;2": 85, "L;4": 17}
"""What Pillow multiplies greys of 2 and 4 bits by, but not the transparent one."""


def without_long_texts(file: BinaryIO) -> BinaryIO:
    """Return a PNG file without the texts and profiles that Pillow might refuse for their length."""
    file.seek(0)
    data = memoryview(file.read())
    kept, position = [data[: len(SIGNATURE)]], len(SIGNATURE)
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        kind, content = bytes(data[position + 4 : position + 8]), data[position + 8 : position + 8 + length]
        if kind not in _TEXTS or _is_short_metadata(content):
            kept.append(data[position : position + 12 + length])
        position += 12 + length
    return io.BytesIO(b"".join(kept))


def _is_short_metadata(content: memoryview) -> bool:
    if len(content) > _LONGEST_TEXT or not bytes(content[:24]).startswith(_METADATA):
        return False
    packed = bytes(content[bytes(content).index(b"\0") + 1 :])
    for start in range(8):  # behind flags and names of languages, if it is packed at all
        inflater = zlib.decompressobj()
        try:
            inflater.decompress(packed[start:], _LONGEST_TEXT)
        except zlib.error:
            continue
        if inflater.unconsumed_tail:
            return False
    return True


def raw_mode(image: Image.Image) -> str:
    """Return how the file holds its pixels, in Pillow's terms, of an image that has not been loaded."""
    tiles = getattr(image, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def with_exact_transparency(image: Image.Image, raw: str, file: BinaryIO) -> Image.Image:
    """Compare the transparent colour with pixels as the file has them, where Pillow would with what it made of them.

    Args:
        image: A PNG image that has been loaded.
        raw: Its `raw_mode` before.
        file: Where it came from.
    """
    colour = image.info.get("transparency")
    if raw in _SCALES and isinstance(colour, int):
        image.info["transparency"] = colour * _SCALES[raw]
    if raw != "RGB;16B" or not isinstance(colour, tuple):
        return image
    with Image.open(file) as low_bytes:
        low_bytes.tile = [(*tile[:3], "RGB;16L") for tile in low_bytes.tile]  # type: ignore[misc]
        low_bytes.load()
        differ = [
            band.point([255 * (value != octet) for value in range(256)])
            for bands, octets in ((image, [v >> 8 for v in colour]), (low_bytes, [v & 255 for v in colour]))
            for band, octet in zip(bands.split(), octets, strict=True)
        ]
    alpha = differ[0]
    for other in differ[1:]:
        alpha = ImageChops.lighter(alpha, other)
    opaque = Image.merge("RGB", image.split())
    opaque.info = {name: value for name, value in image.info.items() if name != "transparency"}
    opaque.putalpha(alpha)
    return opaque
