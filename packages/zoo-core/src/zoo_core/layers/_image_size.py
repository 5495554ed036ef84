"""Checks of the images that networks are called with."""

from torch import Tensor


def require_image_size(images: Tensor, smallest: int) -> None:
    """Check that images are not smaller than a network can take; compiled, scripted and exported programs do, too.

    Args:
        images: `(..., H, W)`.
        smallest: Least height and width in pixels.

    Raises:
        ValueError: The images are smaller.

    Example:
        >>> require_image_size(torch.zeros(1, 3, 32, 20), 32)
        Traceback (most recent call last):
        ValueError: images should be at least 32 x 32 pixels, found 32 x 20
    """
    height, width = images.shape[-2], images.shape[-1]
    if height < smallest or width < smallest:
        raise ValueError(f"images should be at least {smallest} x {smallest} pixels, found {height} x {width}")
