"""The greatest pixel of resized maps, by resizing them: little work where they grow little, or shrink."""

import torch
from torch import Tensor

from .cubic_interpolation import MARGIN, cubic, source, with_margin

_PIXELS = 1 << 17
"""How many pixels to compute at once: a cacheful."""


def best_pixels_by_resizing(maps: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Resize maps `(N, K, M, M)` to the width and height of their boxes, whole numbers, `(N, 2)`, and find the maxima.

    Their places, x and y, are `(N, K, 2)`, their values `(N, K)`.
    """
    number, keypoints, size = maps.shape[:3]
    places, scores = pixels.new_empty(number, keypoints, 2), maps.new_empty(number, keypoints)
    longest, order = pixels.amax(dim=1).sort(descending=True)
    start, sides = 0, longest.int().tolist()
    while start < number:
        side = sides[start]
        stop = start + max(1, _PIXELS // (keypoints * side**2))
        chosen = order[start:stop]
        x, y, scores[chosen] = _maxima(maps[chosen], _resizing(pixels[chosen], size, side).to(maps.dtype))
        # Pixels beyond a box are copies of its last ones.
        places[chosen] = torch.minimum(torch.stack((x, y), dim=2).to(pixels.dtype), pixels[chosen, None] - 1)
        start = stop
    return places, scores


def _resizing(pixels: Tensor, size: int, most: int) -> Tensor:
    """Return what resizes `size` values, and their margins, to `pixels` `(n, 2)`: `(n, 2, most, size + 2 * MARGIN)`."""
    places = torch.minimum(torch.arange(most, device=pixels.device), pixels[..., None] - 1)
    values = torch.arange(-MARGIN, size + MARGIN, device=pixels.device)
    return cubic(source(places, pixels[..., None], size)[..., None] - values)


def _maxima(maps: Tensor, resizing: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Resize maps `(n, K, M, M)`, and return column, row and value of the first maximum of each, `(n, K)`."""
    rows = with_margin(maps).transpose(1, 2)
    number, size, keypoints = rows.shape[:3]
    across, down = resizing.unbind(1)
    wide = torch.bmm(rows.reshape(number, size * keypoints, size), across.transpose(1, 2))
    resized = torch.bmm(down, wide.view(number, size, -1)).view(number, down.shape[1], keypoints, -1)
    of_rows, x = resized.max(dim=3)
    scores, y = of_rows.max(dim=1)
    return x.gather(1, y[:, None])[:, 0], y, scores
