"""The boxes that detectors start from, at each place of each feature map.

`AnchorGenerator`: Shaoqing Ren, Kaiming He, Ross Girshick, Jian Sun: Faster R-CNN: Towards Real-Time Object Detection
with Region Proposal Networks, 2015, arXiv:1506.01497, section 3.1.1; one size a level: Tsung-Yi Lin, Piotr Dollár, Ross
Girshick, Kaiming He, Bharath Hariharan, Serge Belongie: Feature Pyramid Networks for Object Detection, 2016,
arXiv:1612.03144, section 4.1.

`DefaultBoxGenerator`: Wei Liu, Dragomir Anguelov, Dumitru Erhan, Christian Szegedy, Scott Reed, Cheng-Yang Fu,
Alexander C. Berg: SSD: Single Shot MultiBox Detector, 2015, arXiv:1512.02325, section 2.2.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zoo_core.errors import InputError
from zoo_detection.inputs.image_list import ImageList


class AnchorGenerator(nn.Module):
    """Anchors of several sizes and shapes, centred at the places of feature maps.

    Subclasses may override each step: `generate_anchors`, `set_cell_anchors`, `grid_anchors`.

    Args:
        sizes: For each feature map the sides of its square anchors, in pixels of the image.
        aspect_ratios: For each feature map the ratios height : width that each size comes in, the area kept.

    Raises:
        ValueError: There are not as many `aspect_ratios` as `sizes`.
        InputError: When called: there are not as many feature maps.

    Example:
        >>> import torch
        >>> from zoo_detection import AnchorGenerator, ImageList
        >>> generator = AnchorGenerator(sizes=((32,), (64,)), aspect_ratios=((0.5, 1.0, 2.0),) * 2)
        >>> images = ImageList(torch.zeros(1, 3, 64, 96), [(60, 90)])
        >>> (anchors,) = generator(images, [torch.zeros(1, 8, 8, 12), torch.zeros(1, 8, 4, 6)])
        >>> anchors.shape
        torch.Size([360, 4])
    """

    def __init__(
        self,
        sizes: Sequence[int] | Sequence[Sequence[int]] = ((128, 256, 512),),
        aspect_ratios: Sequence[float] | Sequence[Sequence[float]] = ((0.5, 1.0, 2.0),),
    ) -> None:
        super().__init__()
        self.sizes = tuple(tuple(size) if isinstance(size, Sequence) else (size,) for size in sizes)
        self.aspect_ratios = _for_each_level(aspect_ratios, len(self.sizes))
        if len(self.sizes) != len(self.aspect_ratios):
            raise ValueError(
                "There should be aspect_ratios for each feature map that there are sizes for, "
                f"found {len(self.aspect_ratios)} and {len(self.sizes)}"
            )
        self.cell_anchors = [
            self.generate_anchors(size, ratios) for size, ratios in zip(self.sizes, self.aspect_ratios, strict=True)
        ]

    def generate_anchors(
        self,
        scales: Sequence[int],
        aspect_ratios: Sequence[float],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Return the anchors `(ratios * scales, 4)` around the origin, rounded to pixels."""
        sides = torch.as_tensor(scales, dtype=dtype, device=device)
        height_ratios = torch.as_tensor(aspect_ratios, dtype=dtype, device=device).sqrt()
        widths = (sides / height_ratios[:, None]).flatten()
        heights = (sides * height_ratios[:, None]).flatten()
        return (torch.stack([-widths, -heights, widths, heights], dim=1) / 2).round()

    def num_anchors_per_location(self) -> list[int]:
        """Return how many anchors there are at each place of each feature map."""
        return [len(size) * len(ratios) for size, ratios in zip(self.sizes, self.aspect_ratios, strict=True)]

    def forward(self, image_list: ImageList, feature_maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the anchors `(A, 4)` of each image, level by level, row by row, in pixels of the batch of images.

        Args:
            image_list: The images, whose padded size counts.
            feature_maps: `(N, C, h, w)` for each level, the finest first.
        """
        height, width = image_list.tensors.shape[-2:]
        grid_sizes = [(features.shape[-2], features.shape[-1]) for features in feature_maps]
        strides = [(height // rows, width // columns) for rows, columns in grid_sizes]
        self.set_cell_anchors(_precise(feature_maps[0].dtype), feature_maps[0].device)
        anchors = torch.cat(list(self.grid_anchors(grid_sizes, strides)))
        return [anchors] * len(image_list.image_sizes)

    def set_cell_anchors(self, dtype: torch.dtype, device: torch.device) -> None:
        """Bring the anchors of one place, `cell_anchors`, to a type and a device."""
        if any(cell.dtype != dtype or cell.device != device for cell in self.cell_anchors):
            self.cell_anchors = [cell.to(device, dtype) for cell in self.cell_anchors]

    def grid_anchors(
        self, grid_sizes: Sequence[Sequence[int]], strides: Sequence[Sequence[int | Tensor]]
    ) -> list[Tensor]:
        """Return the anchors `(h * w * A, 4)` of each feature map, row by row, in pixels of the images.

        Args:
            grid_sizes: Height and width of each feature map.
            strides: By how many pixels its places are apart, down and to the right.

        Raises:
            InputError: There are not as many feature maps as `sizes`.
        """
        if not len(grid_sizes) == len(strides) == len(self.cell_anchors):
            raise InputError(
                "Anchors should be Tuple[Tuple[int]] because each feature map could potentially have different sizes "
                "and aspect ratios. There needs to be a match between the number of feature maps passed and the number "
                f"of sizes / aspect ratios specified: expected {len(self.cell_anchors)} feature maps, found "
                f"{len(grid_sizes)}"
            )
        parts = zip(self.cell_anchors, grid_sizes, strides, strict=True)
        return [_shifted(cell, rows, columns, *stride) for cell, (rows, columns), stride in parts]


def require_prediction_for_each_anchor(predicted: int, anchors: int) -> None:
    """Check that a head and an anchor generator belong together.

    Raises:
        ValueError: They do not.
    """
    if predicted != anchors:
        raise ValueError(
            f"The head predicts for {predicted} anchors of an image, and the anchor generator makes {anchors}: build "
            "the head for as many anchors at each place as the generator's num_anchors_per_location() tells."
        )


def _precise(dtype: torch.dtype) -> torch.dtype:
    """Return a type for coordinates: half precision would round them, bfloat16 to eight pixels in an image of 1333."""
    return torch.promote_types(dtype, torch.float32)


def _for_each_level(ratios: Sequence[float] | Sequence[Sequence[float]], levels: int) -> tuple[tuple[float, ...], ...]:
    nested = [tuple(ratio) for ratio in ratios if isinstance(ratio, Sequence)]
    if nested:
        return tuple(nested)
    return (tuple(float(ratio) for ratio in ratios if not isinstance(ratio, Sequence)),) * levels


def _shifted(cell: Tensor, rows: int, columns: int, down: int | Tensor, right: int | Tensor) -> Tensor:
    """Move the anchors of one place, `(A, 4)`, to all of a map: `(rows * columns * A, 4)`."""
    ys = torch.arange(rows, dtype=cell.dtype, device=cell.device) * down
    xs = torch.arange(columns, dtype=cell.dtype, device=cell.device) * right
    y, x = torch.meshgrid(ys, xs, indexing="ij")
    return (torch.stack((x, y, x, y), dim=2)[:, :, None] + cell).reshape(-1, 4)


class DefaultBoxGenerator(nn.Module):
    """The default boxes of SSD, centred in the cells of feature maps.

    Args:
        aspect_ratios: For each feature map the ratios r beside 1; each gives a box of ratio r and one of 1 / r.
        min_ratio: Scale of the boxes of the first feature map, as a fraction of the image.
        max_ratio: Scale of the boxes of the last one; those between are spaced evenly (equation 4).
        scales: One for each feature map and one beyond, instead of `min_ratio` and `max_ratio`.
        steps: For each feature map the pixels between two cells, where that is not the image divided by the map.
        clip: Limit the boxes' width and height to those of the image.

    Raises:
        ValueError: `steps` or `scales` do not fit the number of feature maps.

    Example:
        >>> import torch
        >>> from zoo_detection import DefaultBoxGenerator, ImageList
        >>> generator = DefaultBoxGenerator([[2], [2, 3]])
        >>> images = ImageList(torch.zeros(1, 3, 300, 300), [(300, 300)])
        >>> (boxes,) = generator(images, [torch.zeros(1, 8, 4, 4), torch.zeros(1, 8, 2, 2)])
        >>> boxes.shape
        torch.Size([88, 4])
    """

    def __init__(
        self,
        aspect_ratios: Sequence[Sequence[int]],
        min_ratio: float = 0.15,
        max_ratio: float = 0.9,
        scales: Sequence[float] | None = None,
        steps: Sequence[int] | None = None,
        clip: bool = True,
    ) -> None:
        super().__init__()
        if steps is not None and len(steps) != len(aspect_ratios):
            raise ValueError(f"steps should be as many as aspect_ratios, found {len(steps)} and {len(aspect_ratios)}")
        self.aspect_ratios = aspect_ratios
        self.steps = steps
        self.clip = clip
        self.scales = _spaced(min_ratio, max_ratio, len(aspect_ratios)) if scales is None else list(scales)
        if len(self.scales) != len(aspect_ratios) + 1:
            raise ValueError(
                f"scales should be one more than aspect_ratios, found {len(self.scales)} and {len(aspect_ratios)}"
            )
        self._wh_pairs = self._generate_wh_pairs(len(aspect_ratios))

    def _generate_wh_pairs(
        self, num_outputs: int, dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu"
    ) -> list[Tensor]:
        """Return width and height of the boxes of each level, `(B, 2)`; a subclass may have others."""
        return [self._sizes(level).to(device, dtype) for level in range(num_outputs)]

    def _sizes(self, level: int) -> Tensor:
        """Return width and height of the boxes of one level, `(B, 2)`, as fractions of the image (section 2.2)."""
        scale, between = self.scales[level], math.sqrt(self.scales[level] * self.scales[level + 1])
        sizes = [(scale, scale), (between, between)]
        for ratio in self.aspect_ratios[level]:
            wide, narrow = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
            sizes += [(wide, narrow), (narrow, wide)]
        return torch.tensor(sizes, dtype=torch.float32, device="cpu")

    def num_anchors_per_location(self) -> list[int]:
        """Return how many boxes there are in each cell of each feature map."""
        return [2 + 2 * len(ratios) for ratios in self.aspect_ratios]

    def forward(self, image_list: ImageList, feature_maps: Sequence[Tensor]) -> list[Tensor]:
        """Return the boxes `(B, 4)` of each image, level by level, row by row, in pixels of the batch of images.

        Args:
            image_list: The images, whose padded size counts.
            feature_maps: `(N, C, h, w)` for each level, the finest first.
        """
        height, width = image_list.tensors.shape[-2:]
        grid_sizes = [(features.shape[-2], features.shape[-1]) for features in feature_maps]
        device = feature_maps[0].device
        if self._wh_pairs[0].device != device:
            self._wh_pairs = [sizes.to(device) for sizes in self._wh_pairs]
        boxes = self._grid_default_boxes(grid_sizes, (height, width), _precise(feature_maps[0].dtype)).to(device)
        size = torch.tensor([width, height], device=device)
        corners = torch.cat((boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2), dim=1)
        return [corners * size.repeat(2)] * len(image_list.image_sizes)

    def _grid_default_boxes(
        self, grid_sizes: Sequence[Sequence[int]], image_size: Sequence[int], dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Return x, y, width and height of all boxes, `(B, 4)`, as fractions of the image; a subclass may have others.

        Args:
            grid_sizes: Height and width of each feature map.
            image_size: Height and width of the images, in pixels.
            dtype: Of the result.
        """
        height, width = image_size
        levels = []
        for index, (rows, columns) in enumerate(grid_sizes):
            step = None if self.steps is None else self.steps[index]
            per_column, per_row = (columns, rows) if step is None else (width / step, height / step)
            sizes = self._wh_pairs[index].to(dtype)
            centres = _centres(rows, columns, per_column, per_row, like=sizes)
            levels.append(_at_each(centres, sizes.clamp(0, 1) if self.clip else sizes))
        return torch.cat(levels)

    def extra_repr(self) -> str:
        """Name the arguments."""
        return f"aspect_ratios={self.aspect_ratios}, clip={self.clip}, scales={self.scales}, steps={self.steps}"


def _spaced(least: float, greatest: float, number: int) -> list[float]:
    """Space the scales evenly (equation 4), and add 1 for the box between the last scale and the whole image."""
    if number == 1:
        return [least, greatest]
    return [*(least + (greatest - least) * index / (number - 1) for index in range(number)), 1.0]


def _centres(rows: int, columns: int, per_column: float, per_row: float, *, like: Tensor) -> Tensor:
    """Return x and y of the centres of all cells, `(rows * columns, 2)`, as fractions of the image."""
    ys = (torch.arange(rows, dtype=like.dtype, device=like.device) + 0.5) / per_row
    xs = (torch.arange(columns, dtype=like.dtype, device=like.device) + 0.5) / per_column
    y, x = torch.meshgrid(ys, xs, indexing="ij")
    return torch.stack((x, y), dim=-1).reshape(-1, 2)


def _at_each(centres: Tensor, sizes: Tensor) -> Tensor:
    """Put all `sizes`, `(B, 2)`, beside each of the `centres`, `(cells, 2)`: `(cells * B, 4)`."""
    shape = (centres.shape[0], sizes.shape[0], 2)
    return torch.cat((centres[:, None].expand(shape), sizes.expand(shape)), dim=-1).reshape(-1, 4)


def by_anchor(maps: Tensor, columns: int) -> Tensor:
    """Turn predictions `(N, A * columns, H, W)` of A anchors at each place into rows `(N, H * W * A, columns)`."""
    number, channels, height, width = maps.shape
    by_place = maps.reshape(number, channels // columns, columns, height, width).permute(0, 3, 4, 1, 2)
    return by_place.reshape(number, height * width * channels // columns, columns)
