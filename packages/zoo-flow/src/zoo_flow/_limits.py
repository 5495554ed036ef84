"""How large a flow file may be, so that none of some kilobytes fills the memory."""

MOST_PIXELS = 1 << 25
"""A little more than 8K video has; reading takes up to 40 bytes a pixel."""
LONGEST_SIDE = 99_999
"""Greatest height and width, as in Middlebury's own reader of `.flo` files."""


def check_size(width: int, height: int) -> None:
    """Refuse a size that a header states.

    Raises:
        ValueError: It has no pixels, or too many; the text says what was found.
    """
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE):
        raise ValueError(f"its header says {width} x {height} pixels, and each side should be from 1 to {LONGEST_SIDE}")
    if width * height > MOST_PIXELS:
        raise ValueError(f"its header says {width} x {height} pixels, and the limit is {MOST_PIXELS}")
