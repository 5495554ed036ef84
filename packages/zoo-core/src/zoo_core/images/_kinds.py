"""What files are that are no images."""

import re
from typing import BinaryIO

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


def looks_like(file: BinaryIO) -> str:
    """Return what a file that Pillow could not identify may be, by its first bytes."""
    file.seek(0)
    head = file.read(64)
    if not head:
        return "it is empty"
    guesses = (meaning for pattern, meaning in _SIGNATURES if re.match(pattern, head, re.IGNORECASE | re.DOTALL))
    guess = next(guesses, "of no known kind")
    return f"it seems to be {guess} (it begins with {head[:16]!r})"
