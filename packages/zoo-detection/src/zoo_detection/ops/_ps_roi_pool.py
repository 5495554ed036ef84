"""Pooling where every bin has channels of its own (R-FCN, arXiv:1605.06409, equation 1)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from zoo_detection.foundation.precision import widen
from zoo_detection.foundation.tracing import is_exporting, left_to_python, traced_as_one

from ._position_sensitive import channels_of_each, sums_by_position
from ._roi_boxes import FixedPool, output_sides, regions_of, require_features
from ._roi_samples import Taps
from ._roi_windows import Windows, windows_of


@traced_as_one
def ps_roi_pool(
    input: Tensor,  # noqa: A002 # the name that users know
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
) -> Tensor:
    """Average features over the bins of a grid laid over each box, whose corners are rounded, each from its channels.

    A box ends before the pixel that its lower right corner is rounded to, and the last row and the last column of the
    features are in no bin: so does torchvision, and so networks have been trained. Gradients flow to the features.

    Args:
        input: Features, `(N, C * height * width, H, W)`, floating point: channel c of bin (i, j) is the one of index
            `(c * height + i) * width + j`.
        boxes: `(K, 5)`, the index of the image, then `(x1, y1, x2, y2)`; or a tensor `(K_i, 4)` for each image.
        output_size: Bins of the grid: height and width, or one number for both.
        spatial_scale: What coordinates of the boxes are multiplied by to get those of the features.

    Returns:
        `(K, C, height, width)`, of the type of `input`; zero for bins that lie outside of the features.

    Raises:
        ValueError: A shape, or the number of tensors of boxes, is another.
        TypeError: `input` is not floating point.

    Example:
        >>> from zoo_detection.ops import ps_roi_pool
        >>> import torch
        >>> features = torch.arange(4.0).reshape(1, 4, 1, 1).expand(1, 4, 8, 8)
        >>> ps_roi_pool(features, [torch.tensor([[1.0, 1.0, 5.0, 5.0]])], 2)
        tensor([[[[0., 1.],
                  [2., 3.]]]])
    """
    require_features(input)
    sides = output_sides(output_size)
    channels_of_each(input, sides)
    images, corners = regions_of(boxes, input.shape[0])
    with torch.no_grad():
        corners = corners.to(widen(input[:0]).dtype) * spatial_scale
        rows = windows_of(corners[:, 1], corners[:, 3], sides[0], input.shape[2] - 1, with_end=False)
        columns = windows_of(corners[:, 0], corners[:, 2], sides[1], input.shape[3] - 1, with_end=False)
    if is_exporting():
        return _means_by_marks(input, images, rows, columns)
    return _means(input, images, rows, columns)


@left_to_python
def _means(features: Tensor, images: Tensor, rows: Windows, columns: Windows) -> Tensor:
    return sums_by_position(
        features,
        images,
        *(
            _taps(windows, length, widen(features[:0]).dtype)
            for windows, length in ((rows, features.shape[2]), (columns, features.shape[3]))
        ),
    )


def _taps(windows: Windows, length: int, dtype: torch.dtype) -> Taps:
    """Return the pixels of each bin with weights that make their mean."""
    counts = windows.counts()
    offsets = torch.arange(max(1, int(counts.max())) if counts.numel() else 1, device=counts.device)
    weights = (offsets < counts.unsqueeze(2)).to(dtype) / counts.clamp(min=1).unsqueeze(2)
    places = windows.first.unsqueeze(2) + offsets.minimum((counts - 1).clamp(min=0).unsqueeze(2))
    return Taps(places.clamp(max=length - 1), weights)


def _means_by_marks(features: Tensor, images: Tensor, rows: Windows, columns: Windows) -> Tensor:
    """Do as `_means` without that anything depends on values, but with much more memory."""
    wide = widen(features)
    high, across = (
        windows.marks(length, wide.dtype) / windows.counts().clamp(min=1).unsqueeze(2)
        for windows, length in ((rows, features.shape[2]), (columns, features.shape[3]))
    )
    sides = high.shape[1], across.shape[1]
    pixels = wide[images].reshape(images.shape[0], -1, *sides, *features.shape[2:])
    return torch.einsum("kcijhw,kih,kjw->kcij", pixels, high, across).to(features.dtype)


class PSRoIPool(FixedPool):
    """Does `ps_roi_pool` with fixed arguments.

    Args:
        output_size: As for `ps_roi_pool`.
        spatial_scale: Likewise.

    Shape:
        `(N, C * height * width, H, W)` and boxes to `(K, C, height, width)`.

    Example:
        >>> from zoo_detection.ops import PSRoIPool
        >>> import torch
        >>> PSRoIPool(7, 0.25)(torch.zeros(1, 98, 20, 20), [torch.zeros(3, 4)]).shape
        torch.Size([3, 2, 7, 7])
    """

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:  # noqa: A002 # the name that users know
        """Pool features, `(N, C * height * width, H, W)`, over boxes."""
        return ps_roi_pool(input, rois, self.output_size, self.spatial_scale)
