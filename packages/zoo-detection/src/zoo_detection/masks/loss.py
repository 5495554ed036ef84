"""Masks of boxes: what a mask head is trained for, and what its scores mean.

Kaiming He, Georgia Gkioxari, Piotr Dollár, Ross Girshick: Mask R-CNN, 2017, arXiv:1703.06870, section 3.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo_detection.foundation.precision import widen
from zoo_detection.ops import roi_align


def mask_probabilities(logits: Tensor, labels: Sequence[Tensor]) -> list[Tensor]:
    """Return the probabilities of the predicted classes alone, `(D_i, 1, M, M)` for each image.

    `logits`, `(D, classes, M, M)`, are of the boxes of all images, `labels`, `(D_i,)`, of those of each.
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

    `logits`, `(P, classes, M, M)`, are of the proposals of all images, everything else of each: `proposals` `(P_i, 4)`,
    `true_masks` `(N_i, H, W)`, `true_labels` `(N_i,)`, and `matches` `(P_i,)`, which of these a proposal is to find.
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
    """Cut each of the boxes `(P, 4)` out of its mask of `(N, H, W)`, and resize it: `(P, size, size)`, in [0, 1]."""
    boxes = widen(boxes)  # bfloat16 holds integers to 256 only, and with them the numbers of the masks
    regions = torch.cat([matches[:, None].to(boxes), boxes], dim=1)
    return roi_align(masks[:, None].to(boxes), regions, (size, size), 1.0)[:, 0]
