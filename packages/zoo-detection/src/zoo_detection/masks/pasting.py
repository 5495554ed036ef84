"""From masks of boxes to masks of images.

Kaiming He, Georgia Gkioxari, Piotr Dollár, Ross Girshick: Mask R-CNN, 2017, arXiv:1703.06870, section 3.1, inference:
the m x m mask is resized to its box.

Resizing is linear, and one matrix for rows and one for columns: all masks are pasted by two products of batches of
matrices, straight into the result, instead of one after the other.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo_detection.foundation.precision import widen, without_autocast


@without_autocast
def paste_masks_in_image(masks: Tensor, boxes: Tensor, img_shape: tuple[int, int], padding: int = 1) -> Tensor:
    """Resize masks bilinearly to their boxes, and put each into an image that is zero elsewhere.

    Args:
        masks: Probabilities `(D, 1, M, M)`.
        boxes: `(D, 4)`, in pixels of the image.
        img_shape: Height and width of the image, H and W.
        padding: Zeros to put around a mask first, so that it fades out at the border of its box.

    Returns:
        `(D, 1, H, W)`.

    Example:
        >>> import torch
        >>> from zoo_detection.masks.pasting import paste_masks_in_image
        >>> paste_masks_in_image(torch.ones(1, 1, 28, 28), torch.tensor([[1.0, 0.0, 3.0, 3.0]]), (3, 5))[0, 0, 1]
        tensor([1., 1., 1., 1., 0.])
    """
    size = masks.shape[-1]
    padded = F.pad(masks[:, 0], (padding,) * 4)
    x1, y1, x2, y2 = expand_boxes(widen(boxes), (size + 2 * padding) / size).trunc().unbind(1)
    rows = _interpolation(y1, y2, img_shape[0], padded)
    columns = _interpolation(x1, x2, img_shape[1], padded)
    return torch.bmm(torch.bmm(rows, padded), columns.transpose(1, 2))[:, None]


def expand_boxes(boxes: Tensor, scale: float) -> Tensor:
    """Scale boxes `(N, 4)` about their centres."""
    x1, y1, x2, y2 = boxes.unbind(1)
    half_width, half_height = (x2 - x1) * 0.5 * scale, (y2 - y1) * 0.5 * scale
    x, y = (x2 + x1) * 0.5, (y2 + y1) * 0.5
    return torch.stack((x - half_width, y - half_height, x + half_width, y + half_height), dim=1)


def _interpolation(first: Tensor, last: Tensor, length: int, masks: Tensor) -> Tensor:
    """Return the matrices `(D, length, M)` that resize `(D, M)` values to the pixels from `first` to `last`, `(D,)`.

    Other pixels get zero. As in `F.interpolate`, values stand for the centres of equal parts.
    """
    size = masks.shape[-1]
    extent = (last - first + 1).clamp(min=1)[:, None]
    pixel = torch.arange(length, dtype=first.dtype, device=first.device) - first[:, None]
    inside = ((pixel >= 0) & (pixel < extent)).to(masks.dtype)
    source = ((pixel + 0.5) * (size / extent) - 0.5).clamp(0, size - 1)
    lower = source.floor()
    fraction = (source - lower).to(masks.dtype)
    lower = lower.to(torch.int64)
    matrix = masks.new_zeros(lower.shape[0], length, size)
    matrix.scatter_(2, lower[..., None], ((1 - fraction) * inside)[..., None])
    return matrix.scatter_add_(2, (lower + 1).clamp(max=size - 1)[..., None], (fraction * inside)[..., None])
