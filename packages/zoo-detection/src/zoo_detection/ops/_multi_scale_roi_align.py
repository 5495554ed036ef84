"""RoIAlign over a feature pyramid.

Tsung-Yi Lin, Piotr Dollár, Ross Girshick, Kaiming He, Bharath Hariharan, Serge Belongie: Feature Pyramid Networks for
Object Detection, 2017, arXiv:1612.03144, section 4.2.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from zoo_detection.foundation.tracing import is_tracing

from ._boxes import box_area
from ._roi_boxes import output_sides, regions_of
from ._roi_pooling import Level, pool_levels
from ._roi_samples import Grid


class MultiScaleRoIAlign(nn.Module):
    """Does `roi_align` for each box on the level of a pyramid that fits its size (equation 1).

    Args:
        featmap_names: Names of the levels used, the finest first. Others are not looked at.
        output_size: Bins of the grid: height and width, or one number for both.
        sampling_ratio: As for `roi_align`.
        canonical_scale: Size, in pixels, of a box of the level `canonical_level`.
        canonical_level: This level: k for features of 1/2^k of the images' resolution.

    Shape:
        A dictionary of `(N, C, H_i, W_i)`, a tensor of boxes `(K_i, 4)` for each image, in pixels, and
        `(height, width)` of each image, to `(K, C, height, width)`.

    Raises:
        ValueError: In use: there is no such level, or the levels' sizes are not those of a pyramid.

    Example:
        >>> import torch
        >>> from zoo_detection.ops import MultiScaleRoIAlign
        >>> pool = MultiScaleRoIAlign(["fine", "coarse"], output_size=3, sampling_ratio=2)
        >>> levels = {"fine": torch.zeros(1, 5, 64, 64), "coarse": torch.zeros(1, 5, 32, 32)}
        >>> pool(levels, [torch.tensor([[0.0, 0.0, 200.0, 100.0]])], [(512, 512)]).shape
        torch.Size([1, 5, 3, 3])
    """

    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    def __init__(
        self,
        featmap_names: Sequence[str],
        output_size: int | Sequence[int],
        sampling_ratio: int,
        *,
        canonical_scale: int = 224,
        canonical_level: int = 4,
    ) -> None:
        super().__init__()
        self.featmap_names = list(featmap_names)
        self.output_size = output_sides(output_size)
        self.sampling_ratio = sampling_ratio
        self.canonical_scale = canonical_scale
        self.canonical_level = canonical_level
        self.scales: Sequence[float] | None = None
        """What boxes are multiplied by for each level; `None` to tell by the sizes of the levels in each call."""
        self.map_levels: Callable[[Sequence[Tensor]], Tensor] | None = None
        """Called with the boxes of all images, returns the index of a level for each; `None` for equation 1."""

    def forward(
        self, x: Mapping[str, Tensor], boxes: Sequence[Tensor], image_shapes: Sequence[tuple[int, int]]
    ) -> Tensor:
        """Pool the levels `x` over boxes."""
        features = [level for name, level in x.items() if name in self.featmap_names]
        if not features:
            raise ValueError(f"x should hold levels named {', '.join(self.featmap_names)}, found {', '.join(x)}")
        images, corners = regions_of(boxes, features[0].shape[0])
        exponents = self._exponents(features, image_shapes)
        levels = [Level(level, 2.0**-exponent) for level, exponent in zip(features, exponents, strict=True)]
        assigned = self._assigned(corners, exponents) if self.map_levels is None else self.map_levels(boxes)
        return pool_levels(
            levels, assigned, images, corners, Grid(self.output_size, self.sampling_ratio, aligned=False)
        )

    def _exponents(
        self, features: Sequence[Tensor], image_shapes: Sequence[tuple[int, int]]
    ) -> Sequence[float] | Tensor:
        if self.scales is None:
            return level_exponents(features, image_shapes)
        return [-math.log2(scale) for scale in self.scales]

    def _assigned(self, corners: Tensor, exponents: Sequence[float] | Tensor) -> Tensor:
        """Return for each box the index of its level, by equation 1."""
        sizes = box_area(corners).float().nan_to_num(0).clamp(min=0).sqrt()
        fitting = torch.floor(self.canonical_level + torch.log2(sizes / self.canonical_scale) + 1e-6)
        return (_clamped(fitting, exponents[0], exponents[-1]) - exponents[0]).long()

    def extra_repr(self) -> str:
        """Name the arguments."""
        return (
            f"featmap_names={self.featmap_names}, output_size={self.output_size}, sampling_ratio={self.sampling_ratio}"
        )


def level_exponents(features: Sequence[Tensor], image_shapes: Sequence[tuple[int, int]]) -> Sequence[int] | Tensor:
    """Return k for each level of 1/2^k of the resolution of a batch of images.

    Images are padded to a size that the coarsest level divides, so that the features may tell too high a resolution, in
    one direction more than in the other: the lower one counts.

    Args:
        features: The levels, each `(N, C, H_i, W_i)`.
        image_shapes: Height and width of each image; the batch is as high and wide as the largest of them.

    Raises:
        ValueError: There are no images, or the levels do not follow each other.
    """
    if not image_shapes:
        raise ValueError("image_shapes should hold the size of each image, found none")
    height, width = (max(shape[side] for shape in image_shapes) for side in (0, 1))
    if is_tracing():
        return torch.stack([_symbolic_exponent(level, height, width) for level in features])
    exponents = [
        round(max(math.log2(height / level.shape[2]), math.log2(width / level.shape[3]))) for level in features
    ]
    if not 0 <= exponents[-1] - exponents[0] < len(exponents):
        raise ValueError(f"Levels should follow each other, the finest first; found 1/2^k for k = {exponents}")
    return exponents


def _symbolic_exponent(level: Tensor, height: int, width: int) -> Tensor:
    """Do the same where sizes are symbols: in tensors."""
    one = torch.ones((), device=level.device)
    return torch.maximum(one * height / level.shape[2], one * width / level.shape[3]).log2().round()


def _clamped(values: Tensor, least: float | Tensor, most: float | Tensor) -> Tensor:
    return values.maximum(torch.as_tensor(least).to(values)).minimum(torch.as_tensor(most).to(values))
