"""How far predicted boxes are from the true ones.

Smooth L1: Ross Girshick: Fast R-CNN, 2015, arXiv:1504.08083, equation 3. The papers of the losses on overlaps stand
with them in `zoo_detection.ops`.
"""

from functools import partial
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from zoo_detection import ops
from zoo_detection.foundation.precision import widen

from .coding import BoxCoder

BoxLoss = Literal["l1", "smooth_l1", "ciou", "diou", "giou"]


def box_regression_loss(
    kind: BoxLoss, coder: BoxCoder, anchors: Tensor, matched_boxes: Tensor, codes: Tensor, *, beta: float = 1.0
) -> Tensor:
    """Return the summed loss of predicted codes, `(N, 4)`, of `anchors`, `(N, 4)`, for the boxes they should become.

    `"l1"` and `"smooth_l1"`, which passes from squares to absolute values at `beta`, compare codes; `"giou"`, `"diou"`
    and `"ciou"` compare the decoded boxes.

    Raises:
        ValueError: There is no such loss.
    """
    if kind in {"l1", "smooth_l1"}:
        targets = coder.encode_single(matched_boxes, anchors)
        loss = F.l1_loss if kind == "l1" else partial(F.smooth_l1_loss, beta=beta)
        return loss(widen(codes), targets, reduction="sum")
    losses = {
        "giou": ops.generalized_box_iou_loss,
        "diou": ops.distance_box_iou_loss,
        "ciou": ops.complete_box_iou_loss,
    }
    if kind not in losses:
        raise ValueError(f"Unsupported loss {kind!r}: expected l1, smooth_l1, giou, diou or ciou")
    return losses[kind](coder.decode_single(codes, anchors), matched_boxes, reduction="sum")
