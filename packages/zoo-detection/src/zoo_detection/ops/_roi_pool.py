"""RoIPool.

Ross Girshick: Fast R-CNN, 2015, arXiv:1504.08083, section 2.1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo_detection.foundation.precision import widen
from zoo_detection.foundation.tracing import is_exporting, traced_as_one

from ._range_maxima import maxima
from ._roi_boxes import FixedPool, output_sides, regions_of, require_features
from ._roi_windows import Windows, windows_of


@traced_as_one
def roi_pool(
    input: Tensor,  # noqa: A002 # the name that users know
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
) -> Tensor:
    """Take the maximum over the bins of a grid laid over each box, whose corners are rounded to pixels.

    Gradients flow to the pixel that is the maximum, the first one of equal ones; not to boxes.

    Args:
        input: Features, `(N, C, H, W)`, floating point.
        boxes: `(K, 5)`, the index of the image, then `(x1, y1, x2, y2)`; or a tensor `(K_i, 4)` for each image.
        output_size: Bins of the grid: height and width, or one number for both.
        spatial_scale: What coordinates of the boxes are multiplied by to get those of the features.

    Returns:
        `(K, C, height, width)`, of the type of `input`; zero for bins that lie outside of the features.

    Raises:
        ValueError: A shape, or the number of tensors of boxes, is another.
        TypeError: `input` is not floating point.

    Example:
        >>> from zoo_detection.ops import roi_pool
        >>> import torch
        >>> features = torch.arange(16.0).reshape(1, 1, 4, 4)
        >>> roi_pool(features, [torch.tensor([[0.0, 0.0, 2.0, 2.0]])], 1)
        tensor([[[[10.]]]])
    """
    require_features(input)
    sides = output_sides(output_size)
    images, corners = regions_of(boxes, input.shape[0])
    with torch.no_grad():
        corners = corners.to(widen(input[:0]).dtype) * spatial_scale
        rows = windows_of(corners[:, 1], corners[:, 3], sides[0], input.shape[2], with_end=True)
        columns = windows_of(corners[:, 0], corners[:, 2], sides[1], input.shape[3], with_end=True)
    if is_exporting():
        return _masked_maxima(input, images, rows, columns)
    return maxima(input, images, rows, columns)


def _masked_maxima(features: Tensor, images: Tensor, rows: Windows, columns: Windows) -> Tensor:
    """Do as `maxima` without that anything depends on values, but with much more memory."""
    of_rows = rows.marks(features.shape[2], torch.bool)[:, :, None, :, None]
    of_columns = columns.marks(features.shape[3], torch.bool)[:, :, None, None, :]
    pixels = features[images]
    by_column = [pixels.where(of_columns[:, bin_], -torch.inf).amax(3) for bin_ in range(of_columns.shape[1])]
    across = torch.stack(by_column, 3)
    down = [across.where(of_rows[:, bin_], -torch.inf).amax(2) for bin_ in range(of_rows.shape[1])]
    is_there = (rows.counts()[:, None, :, None] > 0) & (columns.counts()[:, None, None, :] > 0)
    return torch.stack(down, 2).where(is_there, 0.0)


class RoIPool(FixedPool):
    """Does `roi_pool` with fixed arguments.

    Args:
        output_size: As for `roi_pool`.
        spatial_scale: Likewise.

    Shape:
        `(N, C, H, W)` and boxes to `(K, C, height, width)`.

    Example:
        >>> from zoo_detection.ops import RoIPool
        >>> import torch
        >>> RoIPool(7, spatial_scale=0.25)(torch.zeros(1, 8, 20, 20), [torch.zeros(3, 4)]).shape
        torch.Size([3, 8, 7, 7])
    """

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:  # noqa: A002 # the name that users know
        """Pool features, `(N, C, H, W)`, over boxes."""
        return roi_pool(input, rois, self.output_size, self.spatial_scale)
