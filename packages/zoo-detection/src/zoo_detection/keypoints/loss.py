"""The loss of keypoints.

Kaiming He, Georgia Gkioxari, Piotr Dollár, Ross Girshick: Mask R-CNN, 2017, arXiv:1703.06870, section 5.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from zoo_detection.inputs.targets import TargetError

from .heatmaps import keypoints_to_heatmap


def keypoint_loss(
    logits: Tensor, proposals: Sequence[Tensor], true_keypoints: Sequence[Tensor], matches: Sequence[Tensor]
) -> Tensor:
    """Return the cross-entropy over the pixels of heatmaps, of the keypoints that are labelled and in their proposal.

    `logits`, `(P, K, M, M)`, are of the proposals of all images, everything else of each: `proposals` `(P_i, 4)`,
    `true_keypoints` `(N_i, K, 3)`, x, y and visibility, and `matches` `(P_i,)`, which of these a proposal is to find.

    Raises:
        TargetError: There is another number of keypoints than K.
    """
    for index, keypoints in enumerate(true_keypoints):
        if keypoints.shape[1] != logits.shape[1]:
            raise TargetError(
                f"Expected {logits.shape[1]} keypoints for each object, found {keypoints.shape[1]} for target at index "
                f"{index}: num_keypoints tells how many there are."
            )
    chosen = torch.cat([keypoints[match] for keypoints, match in zip(true_keypoints, matches, strict=True)])
    pixels, valid = keypoints_to_heatmap(chosen, torch.cat(list(proposals)), logits.shape[-1])
    if not bool(valid.any()):
        return logits.sum() * 0
    return F.cross_entropy(logits.flatten(2)[valid], pixels[valid])
