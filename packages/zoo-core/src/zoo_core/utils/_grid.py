"""Several images in one."""

from os import PathLike
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ._pixels import to_picture

Images = Tensor | list[Tensor]


def make_grid(
    tensor: Images,
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Lay images out in rows.

    Args:
        tensor: `(N, C, H, W)`, a list of `(C, H, W)` of one size, or one image `(C, H, W)` or `(H, W)`. One channel
            becomes three.
        nrow: How many images a row has.
        padding: Pixels around each image.
        normalize: Bring the values into [0, 1].
        value_range: The values that become 0 and 1; what is beyond is cut off. The smallest and the largest, if not
            given.
        scale_each: Look for these in each image, not in all of them.
        pad_value: The value of the pixels between images.

    Returns:
        `(C, H', W')`; a single image without padding.

    Raises:
        TypeError: `tensor` holds something else, or `value_range` is no pair.
        ValueError: There is no image, or the tensor has another number of dimensions.

    Example:
        >>> import torch
        >>> from zoo_core.utils import make_grid
        >>> make_grid(torch.zeros(5, 3, 10, 20), nrow=3).shape
        torch.Size([3, 26, 68])
    """
    if value_range is not None and not isinstance(value_range, tuple):
        raise TypeError("value_range has to be a tuple (min, max) if specified. min and max are numbers")
    images = _batch(tensor)
    if normalize:
        images = _normalized(images, value_range, each=scale_each)
    count, channels, height, width = images.shape
    if count == 1:
        return images[0]
    across = min(nrow, count)
    down = -(-count // across)
    shape = (channels, padding + down * (height + padding), padding + across * (width + padding))
    grid = images.new_full(shape, pad_value)
    for index, image in enumerate(images):
        row, column = divmod(index, across)
        top, left = padding + row * (height + padding), padding + column * (width + padding)
        grid[:, top : top + height, left : left + width] = image
    return grid


def _batch(images: Images) -> Tensor:
    """Return `(N, C, H, W)`."""
    if isinstance(images, list):
        for image in images:
            if not isinstance(image, Tensor):
                raise TypeError(f"tensor or list of tensors expected, got a list containing {type(image)}")
        images = torch.stack(images) if images else torch.zeros(0, 3, 0, 0)
    if not isinstance(images, Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(images)}")
    if not 2 <= images.ndim <= 4:
        raise ValueError(f"expected images of shape (N, C, H, W), (C, H, W) or (H, W), found {tuple(images.shape)}")
    while images.ndim < 4:
        images = images.unsqueeze(0)
    if len(images) == 0:
        raise ValueError("expected at least one image, found none")
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


def _normalized(images: Tensor, value_range: tuple[float, float] | None, *, each: bool) -> Tensor:
    if not images.is_floating_point():
        raise TypeError(f"normalize needs floating-point images, found {images.dtype}: divide them by 255 first")
    if each:
        return torch.stack([_scaled(image, value_range) for image in images])
    return _scaled(images, value_range)


def _scaled(images: Tensor, value_range: tuple[float, float] | None) -> Tensor:
    low, high = value_range or (float(images.min()), float(images.max()))
    return images.clamp(low, high).sub_(low).div_(max(high - low, 1e-5))


@torch.no_grad()
def save_image(
    tensor: Images,
    fp: str | PathLike[str] | BinaryIO,
    format: str | None = None,  # noqa: A002 # the name that users know
    **kwargs: Any,
) -> None:
    """Write an image, or a grid of several, to a file.

    Args:
        tensor: As for `make_grid`, in [0, 1], or uint8.
        fp: The name of the file, or an open one.
        format: Of the file, as Pillow names it; the suffix of the name tells it, if not given.
        **kwargs: For `make_grid`.

    Raises:
        ValueError: The image has neither one nor three channels, or the format is not known.

    Example:
        >>> import io
        >>> import torch
        >>> from zoo_core.utils import save_image
        >>> file = io.BytesIO()
        >>> save_image(torch.rand(3, 8, 8), file, format="PNG")
        >>> file.getvalue()[1:4]
        b'PNG'
    """
    grid = make_grid(tensor, **kwargs)
    if grid.shape[0] != 3:
        raise ValueError(f"Images should have one or three channels, found {grid.shape[0]}")
    if grid.dtype != torch.uint8:
        grid = (grid * 255 + 0.5).clamp(0, 255).to(torch.uint8)
    to_picture(grid.cpu()).save(fp, format=format)
