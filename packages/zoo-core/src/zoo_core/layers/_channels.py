"""Numbers of channels."""


def make_divisible(channels: float, divisor: int) -> int:
    """Round a number of channels to a multiple that hardware likes, never down by more than a tenth.

    The rule of the MobileNet papers' own code for scaled widths.

    Args:
        channels: How many there would be, positive, often a width multiplier's product.
        divisor: What the result is a multiple of; also the least result.

    Example:
        >>> from zoo_core.layers import make_divisible
        >>> make_divisible(33.0, 8), make_divisible(11, 8), make_divisible(1, 8)
        (32, 16, 8)
    """
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest
