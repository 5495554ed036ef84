"""How large an image may be."""

import os
import re

from PIL import Image

VARIABLE = "ZOO_MAX_PIXELS"
"""The environment variable that sets the limit."""

MOST_BYTES_OF_A_STREAM = 1 << 30
"""How much is read from a pipe, whose size nobody knows before its end."""


def most_pixels() -> int | None:
    """Return how many pixels an image may have that `read_image` decodes: a small file must not fill the memory.

    The environment variable `ZOO_MAX_PIXELS` says so; where it is not set, it is Pillow's own limit for errors, twice
    `PIL.Image.MAX_IMAGE_PIXELS`: 178,956,970 unless somebody has changed that.

    Returns:
        The number, or `None` for any number (`PIL.Image.MAX_IMAGE_PIXELS = None`).

    Raises:
        ValueError: `ZOO_MAX_PIXELS` is no positive integer.

    Example:
        >>> from zoo_core.images import most_pixels
        >>> most_pixels()
        178956970
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None if Image.MAX_IMAGE_PIXELS is None else int(2 * Image.MAX_IMAGE_PIXELS)
    digits = text.replace("_", "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20 and int(digits) > 0):
        raise ValueError(f"{VARIABLE} is the most pixels that an image may have: expected a number, found {text!r}.")
    return int(digits)


def too_large(name: str, found: str, limit: int | None) -> str:
    """Return what to tell about an image of more pixels than `limit`; `found` says how many."""
    pixels = re.search(r"(\d+) pixels", found)
    command = f"{VARIABLE}={pixels[1] if pixels else 'N'} zoo predict …"
    return (
        f"{name} is too large to be decoded: {found.rstrip('.')}; the limit is {limit} pixels, lest a small file fills "
        f"the memory. If you trust the file, set the environment variable {VARIABLE} to as many as it has: on the "
        f"command line, `{command}` (in Python, PIL.Image.MAX_IMAGE_PIXELS to half of it, or to None, does the same)."
    )
