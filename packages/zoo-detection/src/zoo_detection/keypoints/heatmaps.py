"""Between keypoints and the heatmaps of boxes.

Kaiming He, Georgia Gkioxari, Piotr Dollár, Ross Girshick: Mask R-CNN, 2017, arXiv:1703.06870, section 5: each keypoint
is one pixel of an m x m map, which is resized to its box before the best pixel is taken.
"""

import torch
from torch import Tensor

from zoo_detection.foundation.precision import widen, without_autocast

from .cells import best_pixels_by_cells
from .resizing import best_pixels_by_resizing

_GROWTH = 2.5
"""Maps that grow by more are not resized: to look for the cells of the best pixels is then faster."""


def keypoints_to_heatmap(keypoints: Tensor, rois: Tensor, heatmap_size: int) -> tuple[Tensor, Tensor]:
    """Find the pixels of heatmaps that keypoints are in.

    Args:
        keypoints: `(N, K, 3)`: x and y in pixels, and 0 for those that are not labelled.
        rois: The boxes that the heatmaps are of, `(N, 4)`.
        heatmap_size: Height and width of a heatmap, M.

    Returns:
        Indices `(N, K)` into the M x M pixels, row by row, and whether the keypoint is labelled and in the box.

    Example:
        >>> import torch
        >>> from zoo_detection.keypoints.heatmaps import keypoints_to_heatmap
        >>> keypoints_to_heatmap(torch.tensor([[[10.0, 5.0, 1.0]]]), torch.tensor([[0.0, 0.0, 20.0, 20.0]]), 4)
        (tensor([[6]]), tensor([[True]]))
    """
    sides = rois[:, None, 2:] - rois[:, None, :2]
    places = ((keypoints[..., :2] - rois[:, None, :2]) * (heatmap_size / sides)).floor().long()
    places = torch.where(keypoints[..., :2] == rois[:, None, 2:], heatmap_size - 1, places)  # the border is inside
    inside = ((places >= 0) & (places < heatmap_size)).all(dim=2)
    valid = inside & (keypoints[..., 2] > 0)
    return (places[..., 1] * heatmap_size + places[..., 0]) * valid, valid


@without_autocast
def heatmaps_to_keypoints(maps: Tensor, rois: Tensor, longest: int | None = None) -> tuple[Tensor, Tensor]:
    """Find the best pixel of each heatmap, at the resolution of its box.

    Args:
        maps: Logits `(N, K, M, M)`.
        rois: The boxes that they are of, `(N, 4)`.
        longest: A length in pixels that no side of a box exceeds. If not given, the boxes are looked at, which exported
            programs cannot do.

    Returns:
        Keypoints `(N, K, 3)`, x and y in pixels, and 1; and the logits of these pixels `(N, K)`.
    """
    rois = widen(rois)  # bfloat16 holds integers to 256 only
    sides = (rois[:, 2:] - rois[:, :2]).clamp(min=1)
    pixels = sides.ceil()
    places, scores = _best_pixels(maps, pixels) if longest is None else best_pixels_by_cells(maps, pixels, longest)
    found = (places + 0.5) * (sides / pixels)[:, None] + rois[:, None, :2]
    return torch.cat((found, torch.ones_like(found[..., :1])), dim=2), scores


def _best_pixels(maps: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Find the best pixels of each map in the way that takes less time."""
    places, scores = pixels.new_empty(*maps.shape[:2], 2), maps.new_empty(maps.shape[:2])
    large = pixels.amax(dim=1) > _GROWTH * maps.shape[-1]
    few, many = (chosen.nonzero().squeeze(1) for chosen in (~large, large))
    if few.shape[0] > 0:
        places[few], scores[few] = best_pixels_by_resizing(maps[few], pixels[few])
    if many.shape[0] > 0:
        places[many], scores[many] = best_pixels_by_cells(maps[many], pixels[many], int(pixels[many].max()))
    return places, scores
