"""RoIAlign where every bin has channels of its own (R-FCN, arXiv:1605.06409, with the sampling of RoIAlign)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zoo_detection.foundation.precision import widen
from zoo_detection.foundation.tracing import left_to_python, traced_as_one

from ._position_sensitive import channels_of_each, sums_by_position
from ._roi_boxes import output_sides, regions_of, require_features
from ._roi_samples import taps_of


@traced_as_one
def ps_roi_align(
    input: Tensor,  # noqa: A002 # the name that users know
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
) -> Tensor:
    """Average features over the bins of a grid laid over each box, each bin from channels of its own.

    It samples as `roi_align(..., aligned=True)` does. Gradients flow to the features, not to boxes.

    Args:
        input: Features, `(N, C * height * width, H, W)`, floating point: channel c of bin (i, j) is the one of index
            `(c * height + i) * width + j`.
        boxes: `(K, 5)`, the index of the image, then `(x1, y1, x2, y2)`; or a tensor `(K_i, 4)` for each image.
        output_size: Bins of the grid: height and width, or one number for both.
        spatial_scale: What coordinates of the boxes are multiplied by to get those of the features.
        sampling_ratio: As for `roi_align`.

    Returns:
        `(K, C, height, width)`, of the type of `input`.

    Raises:
        ValueError: A shape, or the number of tensors of boxes, is another.
        TypeError: `input` is not floating point.

    Example:
        >>> from zoo_detection.ops import ps_roi_align
        >>> import torch
        >>> features = torch.arange(4.0).reshape(1, 4, 1, 1).expand(1, 4, 8, 8)
        >>> ps_roi_align(features, [torch.tensor([[1.0, 1.0, 5.0, 5.0]])], 2)
        tensor([[[[0., 1.],
                  [2., 3.]]]])
    """
    require_features(input)
    sides = output_sides(output_size)
    channels_of_each(input, sides)
    images, corners = regions_of(boxes, input.shape[0])
    pool = _pooled if sampling_ratio > 0 else _pooled_adaptively
    return pool(input, images, corners, sides, spatial_scale, sampling_ratio)


def _pooled(
    features: Tensor, images: Tensor, corners: Tensor, sides: tuple[int, int], scale: float, sampling_ratio: int
) -> Tensor:
    height, width = features.shape[2:]
    with torch.no_grad():
        corners = corners.to(widen(features[:0]).dtype) * scale
        rows = taps_of(corners[:, 1], corners[:, 3], sides[0], height, sampling_ratio, aligned=True)
        columns = taps_of(corners[:, 0], corners[:, 2], sides[1], width, sampling_ratio, aligned=True)
    return sums_by_position(features, images, rows, columns)


_pooled_adaptively = left_to_python(_pooled)  # the number of sampling points depends on values


class PSRoIAlign(nn.Module):
    """Does `ps_roi_align` with fixed arguments.

    Args:
        output_size: As for `ps_roi_align`.
        spatial_scale: Likewise.
        sampling_ratio: Likewise.

    Shape:
        `(N, C * height * width, H, W)` and boxes to `(K, C, height, width)`.

    Example:
        >>> from zoo_detection.ops import PSRoIAlign
        >>> import torch
        >>> PSRoIAlign(7, 0.25, sampling_ratio=2)(torch.zeros(1, 98, 20, 20), [torch.zeros(3, 4)]).shape
        torch.Size([3, 2, 7, 7])
    """

    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    def __init__(self, output_size: int | Sequence[int], spatial_scale: float, sampling_ratio: int) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:  # noqa: A002 # the name that users know
        """Pool features, `(N, C * height * width, H, W)`, over boxes."""
        return ps_roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio)

    def extra_repr(self) -> str:
        """Name the arguments."""
        return (
            f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, sampling_ratio={self.sampling_ratio}"
        )
