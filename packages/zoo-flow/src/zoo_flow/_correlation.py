"""The correlation pyramid of RAFT.

Zachary Teed, Jia Deng: RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, 2020, arXiv:2003.12039:
section 3.2.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_core.layers import require_positive


class CorrBlock(nn.Module):
    """Correlates all pairs of pixels of two feature maps, at several scales, and looks up what is near given points.

    Subclasses may override `build_pyramid` and `index_pyramid`, with `pyramid` or, as torchvision's, without it.

    Args:
        num_levels: Scales: at each the second map is half as large as before.
        radius: Distance in pixels, at every scale, within which correlations are looked up.

    Raises:
        ValueError: A number is not positive.

    Example:
        >>> import torch
        >>> from zoo_flow import CorrBlock
        >>> correlation = CorrBlock(num_levels=2, radius=1)
        >>> pyramid = correlation.build_pyramid(torch.rand(1, 32, 8, 8), torch.rand(1, 32, 8, 8))
        >>> correlation.index_pyramid(torch.zeros(1, 2, 8, 8), pyramid).shape
        torch.Size([1, 18, 8, 8])
    """

    def __init__(self, *, num_levels: int = 4, radius: int = 4) -> None:
        super().__init__()
        require_positive(num_levels=num_levels, radius=radius)
        self.num_levels = num_levels
        self.radius = radius
        self.out_channels = num_levels * (2 * radius + 1) ** 2
        self._kept: list[Tensor] | None = None
        self.min_fmap_size = 2**num_levels
        """Least height and width of feature maps: two pixels stay at the coarsest scale."""

    def build_pyramid(self, fmap1: Tensor, fmap2: Tensor) -> list[Tensor]:
        """Correlate every pixel of one map with every pixel of the other, and average over ever larger ones.

        Args:
            fmap1: `(N, C, H, W)`.
            fmap2: The same.

        Returns:
            For each scale `(N, margin + H * W + margin, W', H')`: for each pixel of the first map a map of
            correlations, columns before rows. The margins are zeros, so that all that is near a map is in memory. The
            block keeps it, too, for `index_pyramid`, until RAFT is done with it.
        """
        margin = 2 * self.radius + 2
        queries = fmap1.flatten(2).transpose(1, 2) / math.sqrt(fmap1.shape[1])
        queries = F.pad(queries, (0, 0, margin, margin))
        keys = fmap2.transpose(2, 3)
        pyramid = []
        for level in range(self.num_levels):
            if level:
                keys = F.avg_pool2d(keys, 2)  # the average of correlations is the correlation with the average
            pyramid.append(torch.matmul(queries, keys.flatten(2)).view(*queries.shape[:2], *keys.shape[2:]))
        if not torch.compiler.is_compiling():  # a recorded program has no state
            self._kept = pyramid
        return pyramid

    @property
    def corr_pyramid(self) -> list[Tensor]:
        """The pyramid that was built last, as maps `(N * H * W, 1, H', W')`, without margins, rows before columns.

        Raises:
            RuntimeError: None has been built, or RAFT is done with it.
        """
        margin = 2 * self.radius + 2
        maps = [level[:, margin : level.shape[1] - margin] for level in self._last_pyramid()]
        return [level.flatten(0, 1).transpose(1, 2)[:, None] for level in maps]

    def _last_pyramid(self) -> list[Tensor]:
        if self._kept is None:
            raise RuntimeError("There is no pyramid to look up correlations in: call build_pyramid first")
        return self._kept

    def forget_pyramid(self) -> None:
        """Let go of the pyramid that was built last: it may take hundreds of megabytes."""
        self._kept = None

    def index_pyramid(self, centroids_coords: Tensor, pyramid: list[Tensor] | None = None) -> Tensor:
        """Look up the correlations around a point for each pixel, at every scale, by bilinear interpolation.

        Args:
            centroids_coords: The points `(N, 2, H, W)`, x and y in pixels of the finest scale.
            pyramid: What `build_pyramid` returned; if not given, the last that it did.

        Returns:
            `(N, num_levels * (2 * radius + 1) ** 2, H, W)`: scale by scale, column by column. Beyond a map there are
            zeros.

        Raises:
            RuntimeError: No pyramid is given, and none has been built.
        """
        pyramid = self._last_pyramid() if pyramid is None else pyramid
        batch, _, height, width = centroids_coords.shape
        points = centroids_coords.flatten(2).transpose(1, 2)
        levels = [_neighbourhoods(maps, points / 2**level, self.radius) for level, maps in enumerate(pyramid)]
        return torch.cat(levels, dim=2).view(batch, height, width, self.out_channels).permute(0, 3, 1, 2)

    def extra_repr(self) -> str:
        """Name the arguments."""
        return f"num_levels={self.num_levels}, radius={self.radius}"


def _neighbourhoods(maps: Tensor, points: Tensor, radius: int) -> Tensor:
    """Interpolate around each of `(N, Q, 2)` points in a map of its own; return `(N, Q, (2 * radius + 1) ** 2)`.

    All positions of a neighbourhood are equally far from the pixels before and after them. So every pixel is fetched
    once, runs of `2 * radius + 2` along y at a time, and neighbours are mixed along y, then along x.
    """
    batch, count, width, height = maps.shape
    margin = 2 * radius + 2
    x, x_before, x_after = _along(points[..., 0], width, radius)
    y, y_before, y_after = _along(points[..., 1], height, radius)
    pixel = torch.arange(batch * count, device=maps.device).view(batch, count)[:, margin : count - margin, None]
    starts = (pixel * width + x.clamp(0, width - 1)) * height + y[..., :1]
    values = _runs(maps.flatten(), starts, margin)
    values = torch.addcmul(values[..., :-1] * y_before[:, :, None], values[..., 1:], y_after[:, :, None])
    values = torch.addcmul(values[:, :, :-1] * x_before[..., None], values[:, :, 1:], x_after[..., None])
    return values.flatten(2)


def _along(points: Tensor, size: int, radius: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the pixels of a neighbourhood along one axis, and for each position the weights of the two around it.

    Pixels beyond the map have no weight; neighbourhoods far beyond it are moved beside it.
    """
    before = points.floor()
    first = (before.long() - radius).clamp(-2 * radius - 2, size)
    pixels = first[..., None] + torch.arange(2 * radius + 2, device=points.device)
    inside = (pixels >= 0) & (pixels < size)
    fraction = (points - before)[..., None]
    return pixels, (1 - fraction) * inside[..., :-1], fraction * inside[..., 1:]


def _runs(values: Tensor, starts: Tensor, length: int) -> Tensor:
    """Return `length` values from each start on, `(*starts, length)`."""
    if values.requires_grad:  # the gradient of overlapping runs would take `length` times the memory
        index = starts[..., None] + torch.arange(length, device=values.device)
        return values.gather(0, index.flatten()).view(index.shape)
    return values.unfold(0, length, 1).index_select(0, starts.flatten()).view(*starts.shape, length)
