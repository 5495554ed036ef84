"""The targets of the recorded detection losses, for the two images that all detection records are of."""

from collections.abc import Collection

import torch
from torch import Tensor

BOXES = ([[20.0, 30.0, 120.0, 150.0], [60.0, 10.0, 200.0, 90.0]], [[5.0, 5.0, 90.0, 200.0]])
LABELS = ([1, 2], [1])
MARGIN = 5
"""How many pixels an object's mask ends inside its box."""


def targets_for(images: list[Tensor], losses: Collection[str]) -> list[dict[str, Tensor]]:
    """Return a target for each image, with masks or keypoints where the names of the losses ask for them."""
    targets = []
    for image, corners, labels in zip(images, BOXES, LABELS, strict=True):
        boxes = torch.tensor(corners)
        target = {"boxes": boxes, "labels": torch.tensor(labels)}
        if "loss_mask" in losses:
            target["masks"] = torch.stack([_mask(image, box) for box in boxes])
        if "loss_keypoint" in losses:
            target["labels"] = torch.ones_like(target["labels"])
            target["keypoints"] = torch.stack([_keypoints(box) for box in boxes])
        targets.append(target)
    return targets


def _mask(image: Tensor, box: Tensor) -> Tensor:
    left, top, right, bottom = (int(edge) for edge in box)
    mask = torch.zeros(image.shape[-2:], dtype=torch.uint8)
    mask[top + MARGIN : bottom - MARGIN, left + MARGIN : right - MARGIN] = 1
    return mask


def _keypoints(box: Tensor) -> Tensor:
    """Return 17 visible points on the diagonal."""
    along = (torch.arange(17) + 1)[:, None] / 19
    points = box[:2] + along * (box[2:] - box[:2])
    return torch.cat([points, torch.ones(17, 1)], dim=1)
