"""Scaling scenes by chance, and cutting objects off with them."""

from dataclasses import replace

import torch
from torch import Tensor

from zoo_training._randomness import uniform

from ._scene import Scene

VISIBLE = 0.1
"""The least share of an object that must be left of it."""


def scale_jitter(
    scene: Scene, generator: torch.Generator, *, least: float, greatest: float, size: int = 0, visible: float = VISIBLE
) -> Scene:
    """Scale a scene by a random factor: a part of a larger one, or a smaller one somewhere on black.

    Golnaz Ghiasi et al.: Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation, 2021,
    arXiv:2012.07177, section 3: 0.8 to 1.25 is standard, 0.1 to 2 large-scale jitter. Objects that are cut as
    `crop_visible` says, or that become less than a pixel wide or high, go.

    Args:
        scene: With objects or without.
        generator: Of the chance.
        least: The least factor, above 0.
        greatest: The greatest factor.
        size: The longer side afterwards, in pixels; 0 for that of the scene.
        visible: As for `crop_visible`.

    Returns:
        A scene of the proportions of the other one.

    Raises:
        ValueError: The factors are out of range.

    Example:
        >>> import torch
        >>> from zoo_training.augmentation import Scene, scale_jitter
        >>> scene = Scene(image=torch.zeros(3, 40, 60, dtype=torch.uint8), boxes=torch.tensor([[0.0, 0, 30, 20]]))
        >>> scaled = scale_jitter(scene, torch.Generator(), least=0.5, greatest=0.5)
        >>> scaled.image.shape, (scaled.boxes[:, 2:] - scaled.boxes[:, :2]).tolist()
        (torch.Size([3, 40, 60]), [[15.0, 10.0]])
    """
    if not 0 < least <= greatest:
        raise ValueError(f"Scenes are scaled by factors above 0, the least first: found {least} to {greatest}.")
    base = size / max(scene.height, scene.width) if size else 1.0
    height, width = max(1, round(base * scene.height)), max(1, round(base * scene.width))
    factor = uniform(least, greatest, generator)
    if factor < 1:
        small = scene.resize(max(1, round(factor * height)), max(1, round(factor * width)))
        top, left = _place(height - small.height, generator), _place(width - small.width, generator)
        return _of_a_pixel(small.crop(-top, -left, height, width))
    part_height, part_width = max(1, round(scene.height / factor)), max(1, round(scene.width / factor))
    top, left = _place(scene.height - part_height, generator), _place(scene.width - part_width, generator)
    part = crop_visible(scene, top, left, part_height, part_width, visible=visible)
    return _of_a_pixel(part.resize(height, width))


def crop_visible(scene: Scene, top: int, left: int, height: int, width: int, *, visible: float = VISIBLE) -> Scene:
    """Cut out a rectangle, without the objects of which hardly anything is in it.

    Args:
        scene: With objects or without.
        top: As for `Scene.crop`.
        left: Likewise.
        height: Likewise.
        width: Likewise.
        visible: The least share of an object that must be in the rectangle: of its pixels if there are masks, else of
            its box. The box of an object that is cut is the one around what is left of its pixels.

    Example:
        >>> import torch
        >>> from zoo_training.augmentation import Scene, crop_visible
        >>> boxes = torch.tensor([[0.0, 0, 30, 20], [29, 0, 49, 20]])
        >>> scene = Scene(image=torch.zeros(3, 40, 60, dtype=torch.uint8), boxes=boxes)
        >>> crop_visible(scene, 0, 0, 40, 30).boxes
        tensor([[ 0.,  0., 30., 20.]])
    """
    if scene.boxes is None:
        return scene.crop(top, left, height, width)
    share = _share(scene, top, left, height, width)
    kept = share > 0 if visible == 0 else share >= visible
    cut = scene.chosen(kept).crop(top, left, height, width)
    if cut.masks is None or cut.boxes is None or not len(cut.masks):
        return cut
    is_cut = share[kept][:, None] < 1
    return replace(cut, boxes=torch.where(is_cut, boxes_around(cut.masks), cut.boxes))


def boxes_around(masks: Tensor) -> Tensor:
    """Return the boxes around masks `(N, H, W)` that have pixels, `(N, 4)`; x2 and y2 are behind the last pixels.

    Example:
        >>> import torch
        >>> from zoo_training.augmentation._scale_jitter import boxes_around
        >>> boxes_around(torch.tensor([[[0, 1, 1], [0, 0, 1]]]))
        tensor([[1., 0., 3., 2.]])
    """
    sides = []
    for occupied in ((masks > 0).any(dim=1), (masks > 0).any(dim=2)):
        length = occupied.shape[1]
        sides.append((occupied.int().argmax(1), length - occupied.flip(1).int().argmax(1)))
    (x1, x2), (y1, y2) = sides
    return torch.stack((x1, y1, x2, y2), dim=1).float()


def _share(scene: Scene, top: int, left: int, height: int, width: int) -> Tensor:
    """Return which share of each object is in a rectangle; 0 for those whose boxes are outside."""
    boxes = scene.boxes
    assert boxes is not None
    corners = torch.tensor([left, top, left + width, top + height], dtype=torch.float32)
    inside = torch.cat((torch.maximum(boxes[:, :2], corners[:2]), torch.minimum(boxes[:, 2:], corners[2:])), dim=1)
    areas = [(each[:, 2:] - each[:, :2]).clamp(min=0).prod(1) for each in (inside, boxes)]
    shares = areas[0] / areas[1].clamp(min=torch.finfo().tiny)
    if scene.masks is None:
        return shares
    pixels = (scene.masks > 0).flatten(1).sum(1)
    part = scene.masks[:, max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    of_pixels = (part > 0).flatten(1).sum(1) / pixels.clamp(min=1)
    return torch.where(shares > 0, of_pixels, shares)


def _of_a_pixel(scene: Scene) -> Scene:
    """Leave out objects that are less than a pixel wide or high, or whose masks have no pixel."""
    if scene.boxes is None:
        return scene
    left_over = (scene.boxes[:, 2:] - scene.boxes[:, :2] >= 1).all(dim=1)
    if scene.masks is not None:
        left_over &= (scene.masks > 0).flatten(1).any(dim=1)
    return scene.chosen(left_over)


def _place(room: int, generator: torch.Generator) -> int:
    return int(uniform(0, room + 1, generator))
