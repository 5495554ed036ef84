"""Masks of boxes: what a mask head is trained for, and what its scores mean.

Kaiming He, Georgia Gkioxari, Piotr Dollár, Ross Girshick: Mask R-CNN, 2017, arXiv:1703.06870, section 3.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from .ops import roi_align
from .ops._boxes import widen


def mask_probabilities(logits: Tensor, labels: Sequence[Tensor]) -> list[Tensor]:
    """Return the masks of the predicted classes alone.

    Args:
        logits: `(D, classes, M, M)`, of the boxes of all images.
        labels: The classes `(D_i,)` of each image's boxes.

    Returns:
        For each image probabilities `(D_i, 1, M, M)`.
    """
    classes = torch.cat(list(labels))
    chosen = logits[torch.arange(classes.shape[0], device=logits.device), classes][:, None].sigmoid()
    return list(torch.split(chosen, [label.shape[0] for label in labels]))


def mask_loss(
    logits: Tensor,
    proposals: Sequence[Tensor],
    true_masks: Sequence[Tensor],
    true_labels: Sequence[Tensor],
    matches: Sequence[Tensor],
) -> Tensor:
    """Return the binary cross-entropy of the masks of the true classes (section 3).

    Args:
        logits: `(P, classes, M, M)`, of the proposals of all images.
        proposals: `(P_i, 4)` for each image.
        true_masks: `(N_i, H, W)` for each image.
        true_labels: `(N_i,)` for each image.
        matches: Which true object each proposal is to find, `(P_i,)` for each image.
    """
    if logits.shape[0] == 0:
        return logits.sum() * 0
    size = logits.shape[-1]
    labels = torch.cat([label[match] for label, match in zip(true_labels, matches, strict=True)])
    targets = torch.cat(
        [
            crop_masks(masks, boxes, match, size)
            for masks, boxes, match in zip(true_masks, proposals, matches, strict=True)
        ]
    )
    chosen = logits[torch.arange(len(labels), device=labels.device), labels]
    return F.binary_cross_entropy_with_logits(chosen, targets)


def crop_masks(masks: Tensor, boxes: Tensor, matches: Tensor, size: int) -> Tensor:
    """Cut boxes out of masks, and resize them.

    Args:
        masks: `(N, H, W)`.
        boxes: `(P, 4)`.
        matches: The mask that each box is cut out of, `(P,)`.
        size: Height and width of the result.

    Returns:
        `(P, size, size)`, in [0, 1].
    """
    boxes = widen(boxes)  # bfloat16 holds integers to 256 only, and with them the numbers of the masks
    regions = torch.cat([matches[:, None].to(boxes), boxes], dim=1)
    return roi_align(masks[:, None].to(boxes), regions, (size, size), 1.0)[:, 0]
