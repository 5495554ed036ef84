"""Scenes to learn detection from in minutes: discs, squares and triangles on noise, with their boxes and masks."""

import torch
from torch import Tensor

CATEGORIES = ("background", "disc", "square", "triangle")
SIDE = 128
"""Height and width of a scene, in pixels."""


def draw_scenes(number: int, seed: int) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """Draw scenes of one to four shapes.

    Args:
        number: How many.
        seed: The same gives the same.

    Returns:
        Images `(3, SIDE, SIDE)` in [0, 1], and targets: `boxes` `(N, 4)`, `labels` `(N,)`, `masks` `(N, SIDE, SIDE)`.
    """
    random = torch.Generator().manual_seed(seed)
    scenes = [draw_scene(random) for _ in range(number)]
    return [image for image, _ in scenes], [target for _, target in scenes]


def draw_scene(random: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
    """Draw one scene; later shapes hide parts of earlier ones, and those that would be hidden mostly are left out."""
    image = torch.rand(3, 1, 1, generator=random) * 0.4 + 0.15 * torch.rand(3, SIDE, SIDE, generator=random)
    masks: list[Tensor] = []
    labels: list[int] = []
    for _ in range(int(torch.randint(1, 5, (), generator=random))):
        label = int(torch.randint(1, len(CATEGORIES), (), generator=random))
        mask = draw_shape(label, random)
        if any((mask & other).sum() > 0.3 * other.sum() for other in masks):
            continue
        masks = [*(other & ~mask for other in masks), mask]
        labels.append(label)
        colour = 0.35 + 0.65 * torch.rand(3, generator=random)
        image[:, mask] = colour[:, None] + 0.1 * torch.rand(3, int(mask.sum()), generator=random)
    stacked = torch.stack(masks)
    target = {"boxes": boxes_of(stacked), "labels": torch.tensor(labels), "masks": stacked.byte()}
    return image.clamp(0, 1), target


def draw_shape(label: int, random: torch.Generator) -> Tensor:
    """Return the pixels of a shape of random size and place, `(SIDE, SIDE)`."""
    radius = 10 + 18 * float(torch.rand((), generator=random))
    x, y = (radius + (SIDE - 2 * radius) * torch.rand(2, generator=random)).tolist()
    rows, columns = torch.meshgrid(torch.arange(SIDE) + 0.5 - y, torch.arange(SIDE) + 0.5 - x, indexing="ij")
    if CATEGORIES[label] == "disc":
        return rows**2 + columns**2 < radius**2
    if CATEGORIES[label] == "square":
        return (rows.abs() < 0.85 * radius) & (columns.abs() < 0.85 * radius)
    return (rows < radius) & (columns.abs() < (rows + radius) / 2)


def boxes_of(masks: Tensor) -> Tensor:
    """Return the boxes `(N, 4)` around masks `(N, H, W)`, their right and bottom sides behind the last pixels."""
    boxes = []
    for mask in masks:
        rows, columns = mask.any(dim=1).nonzero()[:, 0], mask.any(dim=0).nonzero()[:, 0]
        boxes.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    return torch.tensor(boxes, dtype=torch.float32)
