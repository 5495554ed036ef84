"""The forms that regions of interest are given in."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zoo_core.errors import InputError
from zoo_detection.foundation.tracing import is_tracing


def regions_of(boxes: Tensor | Sequence[Tensor], num_images: int) -> tuple[Tensor, Tensor]:
    """Return the index of the image of each box, `(K,)`, int64, and its corners, `(K, 4)`.

    Raises:
        InputError: A shape, or the number of tensors, is another than expected, or there is no such image.
    """
    if isinstance(boxes, Tensor):
        boxes = boxes.dequantize() if boxes.is_quantized else boxes
        if boxes.ndim != 2 or boxes.shape[1] != 5:
            raise InputError(
                f"The boxes tensor should be of shape (K, 5), image index and box, found {tuple(boxes.shape)}"
            )
        return _checked_images(boxes[:, 0].long(), num_images), boxes[:, 1:]
    if not isinstance(boxes, Sequence):
        raise InputError(
            f"boxes is expected to be a Tensor[L, 5] or a List[Tensor[K, 4]], found {type(boxes).__name__}"
        )
    boxes = [found.dequantize() if found.is_quantized else found for found in boxes]
    if len(boxes) != num_images:
        raise InputError(f"boxes should hold a tensor for each of {num_images} images, found {len(boxes)}")
    for found in boxes:
        if found.ndim != 2 or found.shape[1] != 4:
            raise InputError(
                f"The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]: {found.shape}"
            )
    images = [torch.full_like(found[:, 0], index, dtype=torch.int64) for index, found in enumerate(boxes)]
    return torch.cat(images), torch.cat(list(boxes))


def _checked_images(images: Tensor, num_images: int) -> Tensor:
    if not is_tracing() and len(images):
        least, most = map(int, images.aminmax())
        if least < 0 or most >= num_images:
            raise InputError(
                f"The first column of boxes should be the index of an image, from 0 to {num_images - 1}: found "
                f"{least if least < 0 else most}"
            )
    return images


def require_features(features: Tensor) -> None:
    """Check the features that regions are pooled from.

    Raises:
        InputError: They are not `(N, C, H, W)`.
        TypeError: They are not floating point.
    """
    if features.ndim != 4:
        raise InputError(f"input should be of shape (N, C, H, W), found {tuple(features.shape)}")
    if not features.is_floating_point():
        raise TypeError(f"input should be floating point, found {features.dtype}")


class FixedPool(nn.Module):
    """What the modules have in common that pool with an output size and a scale.

    Args:
        output_size: Bins of the grid: height and width, or one number for both.
        spatial_scale: What coordinates of the boxes are multiplied by to get those of the features.
    """

    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    def __init__(self, output_size: int | Sequence[int], spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def extra_repr(self) -> str:
        """Name the arguments."""
        return f"output_size={self.output_size}, spatial_scale={self.spatial_scale}"


def output_sides(output_size: int | Sequence[int]) -> tuple[int, int]:
    """Return height and width of the grid of bins.

    Raises:
        InputError: There are not two positive numbers.
    """
    sides = (output_size, output_size) if isinstance(output_size, int) else tuple(output_size)
    if len(sides) != 2 or min(sides) < 1:
        raise InputError(f"output_size should be one or two positive integers, found {output_size}")
    return sides[0], sides[1]
