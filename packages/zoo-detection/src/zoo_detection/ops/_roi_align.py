"""RoIAlign.

Kaiming He, Georgia Gkioxari, Piotr Dollár, Ross Girshick: Mask R-CNN, 2017, arXiv:1703.06870, section 3.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zoo_detection.foundation.tracing import traced_as_one

from ._roi_boxes import output_sides, regions_of, require_features
from ._roi_pooling import Level, pool_regions
from ._roi_samples import Grid


@traced_as_one
def roi_align(
    input: Tensor,  # noqa: A002 # the name that users know
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """Average features over the bins of a grid laid over each box, interpolating bilinearly.

    What lies more than a pixel outside of the features counts as zero. Gradients flow to the features, not to boxes.

    Args:
        input: Features, `(N, C, H, W)`, floating point. Half precision is computed in single precision; quantised
            features, too, and the averages are quantised as they are.
        boxes: `(K, 5)`, the index of the image, then `(x1, y1, x2, y2)`; or a tensor `(K_i, 4)` for each image. They
            may be quantised.
        output_size: Bins of the grid: height and width, or one number for both.
        spatial_scale: What coordinates of the boxes are multiplied by to get those of the features.
        sampling_ratio: Points in a bin, in each direction. If not positive, as many as the bin is pixels high or wide,
            rounded up.
        aligned: Take pixels to lie at the middle of squares, not at their corners, and let boxes be smaller than one.

    Returns:
        `(K, C, height, width)`, of the type of `input`.

    Raises:
        InputError: A shape, or the number of tensors of boxes, is another.
        TypeError: `input` is neither floating point nor quantised with one scale.

    Example:
        >>> from zoo_detection.ops import roi_align
        >>> import torch
        >>> features = torch.arange(16.0).reshape(1, 1, 4, 4)
        >>> roi_align(features, [torch.tensor([[0.0, 0.0, 2.0, 2.0]])], 1, sampling_ratio=2)
        tensor([[[[5.]]]])
    """
    if input.is_quantized and input.qscheme() in {torch.per_tensor_affine, torch.per_tensor_symmetric}:
        pooled = roi_align(input.dequantize(), boxes, output_size, spatial_scale, sampling_ratio, aligned)
        return torch.quantize_per_tensor(pooled, input.q_scale(), input.q_zero_point(), input.dtype)
    require_features(input)
    images, corners = regions_of(boxes, input.shape[0])
    return pool_regions(
        Level(input, spatial_scale), images, corners, Grid(output_sides(output_size), sampling_ratio, aligned)
    )


class RoIAlign(nn.Module):
    """Does `roi_align` with fixed arguments.

    Args:
        output_size: As for `roi_align`.
        spatial_scale: Likewise.
        sampling_ratio: Likewise.
        aligned: Likewise.

    Shape:
        `(N, C, H, W)` and boxes to `(K, C, height, width)`.

    Example:
        >>> from zoo_detection.ops import RoIAlign
        >>> import torch
        >>> RoIAlign(7, spatial_scale=0.25, sampling_ratio=2)(torch.zeros(1, 8, 20, 20), [torch.zeros(3, 4)]).shape
        torch.Size([3, 8, 7, 7])
    """

    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    def __init__(
        self, output_size: int | Sequence[int], spatial_scale: float, sampling_ratio: int, aligned: bool = False
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:  # noqa: A002 # the name that users know
        """Pool features, `(N, C, H, W)`, over boxes."""
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)

    def extra_repr(self) -> str:
        """Name the arguments."""
        return (
            f"output_size={self.output_size}, spatial_scale={self.spatial_scale}, "
            f"sampling_ratio={self.sampling_ratio}, aligned={self.aligned}"
        )
