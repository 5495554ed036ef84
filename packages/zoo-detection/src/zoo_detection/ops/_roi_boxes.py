"""The forms that RoIAlign takes its boxes and sizes in."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ._tracing import is_tracing


def regions_of(boxes: Tensor | Sequence[Tensor], num_images: int) -> tuple[Tensor, Tensor]:
    """Return the index of the image of each box, `(K,)`, int64, and its corners, `(K, 4)`.

    Raises:
        ValueError: A shape, or the number of tensors, is another than expected, or there is no such image.
    """
    if isinstance(boxes, Tensor):
        if boxes.ndim != 2 or boxes.shape[1] != 5:
            raise ValueError(
                f"The boxes tensor should be of shape (K, 5), image index and box, found {tuple(boxes.shape)}"
            )
        return _checked_images(boxes[:, 0].long(), num_images), boxes[:, 1:]
    if len(boxes) != num_images:
        raise ValueError(f"boxes should hold a tensor for each of {num_images} images, found {len(boxes)}")
    for found in boxes:
        if found.ndim != 2 or found.shape[1] != 4:
            raise ValueError(
                f"The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]: {found.shape}"
            )
    images = [torch.full_like(found[:, 0], index, dtype=torch.int64) for index, found in enumerate(boxes)]
    return torch.cat(images), torch.cat(list(boxes))


def _checked_images(images: Tensor, num_images: int) -> Tensor:
    if not is_tracing() and len(images):
        least, most = map(int, images.aminmax())
        if least < 0 or most >= num_images:
            raise ValueError(
                f"The first column of boxes should be the index of an image, from 0 to {num_images - 1}: found "
                f"{least if least < 0 else most}"
            )
    return images


def output_sides(output_size: int | Sequence[int]) -> tuple[int, int]:
    """Return height and width of the grid of bins.

    Raises:
        ValueError: There are not two positive numbers.
    """
    sides = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
    if len(sides) != 2 or min(sides) < 1:
        raise ValueError(f"output_size should be one or two positive integers, found {output_size}")
    return sides[0], sides[1]
