"""A batch of images of different sizes."""

import torch
from torch import Tensor


class ImageList:
    """Images of different sizes, padded at the right and the bottom to one tensor.

    Args:
        tensors: `(N, C, H, W)`.
        image_sizes: Height and width of each image in it, in pixels.

    Example:
        >>> import torch
        >>> from zoo_detection import ImageList
        >>> ImageList(torch.zeros(1, 3, 32, 64), [(30, 50)]).image_sizes
        [(30, 50)]
    """

    def __init__(self, tensors: Tensor, image_sizes: list[tuple[int, int]]) -> None:
        self.tensors = tensors
        self.image_sizes = image_sizes

    def to(self, device: torch.device | str) -> "ImageList":
        """Return the same images on another device."""
        return ImageList(self.tensors.to(device), self.image_sizes)
