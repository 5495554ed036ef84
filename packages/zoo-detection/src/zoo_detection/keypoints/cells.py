"""The greatest pixel of maps that are to be resized, found without resizing them: little work where they grow much.

Between its values, cubic interpolation stays within bounds that are known beforehand: only the few cells of a map are
computed whose bound is above a value that is reached elsewhere. What is found is what resizing everything would find.
"""

import torch
from torch import Tensor

from zoo_detection.foundation.tracing import is_tracing

from .cubic_interpolation import MARGIN, A, cubic, source, with_margin

_OVERSHOOT = -A / 4
"""The two outer of four values count at most this much together, negatively: halfway between the inner ones."""
_PIXELS = 1 << 22
"""How many pixels to compute at once."""
_TOLERANCE = 1e-3
"""How far beyond a cell a pixel may lie, so that rounding loses none."""


def best_pixels_by_cells(maps: Tensor, pixels: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """Do what `best_pixels_by_resizing` does; no width or height exceeds `longest`."""
    number, keypoints, size = maps.shape[:3]
    most = longest // size + 2  # pixels of a row that lie in a cell, between two values of a map
    places, scores = _best_pixels(maps.flatten(0, 1), pixels.repeat_interleave(keypoints, dim=0), most)
    return places.view(number, keypoints, 2), scores.view(number, keypoints)


def _best_pixels(maps: Tensor, pixels: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Do it with maps `(B, M, M)`, each with its width and height, `(B, 2)`."""
    padded = with_margin(maps[:, None])[:, 0]
    row = most * maps.shape[-1]
    scores, numbers, around = _first_guess(maps, padded, pixels, row)
    scores, numbers = _improve(scores, numbers, padded, around, pixels, most)
    candidates = ((_bounds(padded) > scores[:, None, None]) & _holds_pixels(pixels, maps.shape[-1])).nonzero()
    # Parts bound the memory where maps are flat; there may be any number of them, which exported programs cannot have.
    parts = [candidates] if is_tracing() else torch.split(candidates, max(1, _PIXELS // most**2))
    for part in parts:
        scores, numbers = _improve(scores, numbers, padded, part, pixels, most)
    y = numbers // row
    return torch.stack((numbers - y * row, y), dim=1).to(pixels.dtype), scores  # ONNX knows no remainder of a size


def _first_guess(maps: Tensor, padded: Tensor, pixels: Tensor, row: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return value and place of a pixel near the greatest value of each map, and the four cells `(4 * B, 3)` there."""
    size = maps.shape[-1]
    greatest = maps.flatten(1).argmax(dim=1)
    place = (torch.stack((greatest % size, greatest // size), dim=1) + 0.5) * pixels / size - 0.5
    place = torch.minimum(place.round().clamp(min=0), pixels - 1)
    every = torch.arange(maps.shape[0], device=maps.device)
    cells = source(place, pixels, size).floor() + 1
    scores = _interpolate(padded, every, cells, place[:, None], pixels)[:, 0, 0]
    corners = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], device=maps.device)
    around = torch.stack((greatest // size, greatest % size), dim=1)[:, None] + corners
    around = torch.cat((every[:, None, None].expand(-1, 4, 1), around), dim=2)
    return scores, _number(place, row), around.flatten(0, 1)


def _holds_pixels(pixels: Tensor, size: int) -> Tensor:
    """Tell which cells `(B, M + 1, M + 1)` hold a pixel of the resized maps: in those of small boxes, few do."""
    edges = (torch.arange(size + 2, device=pixels.device) - 0.5) * (pixels[..., None] / size) - 0.5
    holds = (edges[..., 1:] + _TOLERANCE).floor() >= (edges[..., :-1] - _TOLERANCE).ceil()
    return holds[:, 1, :, None] & holds[:, 0, None, :]


def _improve(
    scores: Tensor, numbers: Tensor, padded: Tensor, candidates: Tensor, pixels: Tensor, most: int
) -> tuple[Tensor, Tensor]:
    """Replace the maxima so far, `(B,)`, and their places, by those of cells where they are greater.

    Each of the candidates, `(n, 3)`, is a map, and row and column of a cell, of which `most` rows and columns of pixels
    are computed.
    """
    index, cells = candidates[:, 0], candidates[:, 1:].flip(1).to(pixels.dtype)
    extent = pixels[index]
    first = ((cells - 0.5) * extent / (padded.shape[-1] - 2 * MARGIN) - 0.5 - _TOLERANCE).ceil()
    places = first[:, None] + torch.arange(most, device=pixels.device)[:, None]
    values, best = _interpolate(padded, index, cells, places, extent).flatten(1).max(dim=1)
    down = best // most
    row = most * (padded.shape[-1] - 2 * MARGIN)
    found = _number(first + torch.stack((best - down * most, down), dim=1), row)
    greater = scores.scatter_reduce(0, index, values, "amax")
    beyond = 1 << (30 if is_tracing() else 62)  # OpenVINO computes in 32 bits
    kept = torch.where(scores == greater, numbers, beyond)
    return greater, kept.scatter_reduce(0, index, torch.where(values == greater[index], found, beyond), "amin")


def _bounds(padded: Tensor) -> Tensor:
    """Return the values `(B, M + 1, M + 1)` that no pixel of each cell exceeds.

    Of four values in a row the inner two count positively, 1 + s together, and the outer two negatively, s together,
    where s is between 0 and `_OVERSHOOT`.
    """
    before, left, right, after = padded.unfold(2, 4, 1).unbind(-1)
    inner, outer = torch.maximum(left, right), torch.minimum(before, after)
    upper = inner + (inner - outer).clamp(min=0) * _OVERSHOOT
    inner, outer = torch.minimum(left, right), torch.maximum(before, after)
    lower = inner - (outer - inner).clamp(min=0) * _OVERSHOOT
    inner = torch.maximum(upper[:, 1:-2], upper[:, 2:-1])
    outer = torch.minimum(lower[:, :-3], lower[:, 3:])
    return inner + (inner - outer).clamp(min=0) * _OVERSHOOT


def _interpolate(padded: Tensor, index: Tensor, cells: Tensor, places: Tensor, pixels: Tensor) -> Tensor:
    """Return the pixels `(n, P, P)` of cells, minus infinity for those that lie outside of it, or of the map.

    Each cell has the `index`, `(n,)`, of one of the padded maps, `(B, M + 4, M + 4)`; column and row in it, `(n, 2)`; x
    and y of columns and rows of pixels, `(n, P, 2)`; and width and height of the resized map, `pixels`, `(n, 2)`.
    """
    side = padded.shape[-1]
    t = source(places, pixels[:, None], side - 2 * MARGIN) - (cells - 1)[:, None]
    outside = (t < -_TOLERANCE) | (t > 1 + _TOLERANCE) | (places < 0) | (places >= pixels[:, None])
    weights = cubic(t.clamp(0, 1)[..., None] - torch.arange(-1, 3, device=t.device)).to(padded.dtype)
    corner = (index * side + cells[:, 1].long()) * side + cells[:, 0].long()
    four = torch.arange(4, device=index.device)
    values = padded.flatten()[corner[:, None, None] + four[:, None] * side + four]
    pixel = torch.bmm(torch.bmm(weights[:, :, 1], values), weights[:, :, 0].transpose(1, 2))
    return pixel.masked_fill(outside[:, :, None, 1] | outside[:, None, :, 0], -torch.inf)


def _number(places: Tensor, row: int) -> Tensor:
    """Number places `(n, 2)`, x and y, row by row, of so many pixels: more than any has, and few enough for int32."""
    return places[:, 1].long() * row + places[:, 0].long()
