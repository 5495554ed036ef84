"""What the heads of detectors without a background class have in common."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zoo_core.layers import require_positive
from zoo_detection.boxes.anchors import by_anchor
from zoo_detection.foundation.initialization import initialise_normal

from .candidates import logit_of


class ScoringHead(nn.Module):
    """Scores each anchor for each class.

    Args:
        conv: Applied to every level, `(N, in_channels, h, w)` to the same.
        in_channels: Channels of every level.
        num_anchors: Anchors at each place.
        num_classes: Classes; there is none for the background.
        prior_probability: What every score is at the start, so that the many anchors do not drown the few (RetinaNet,
            arXiv:1708.02002, section 3.3).
    """

    def __init__(
        self, conv: nn.Module, in_channels: int, num_anchors: int, num_classes: int, prior_probability: float
    ) -> None:
        super().__init__()
        require_positive(num_classes=num_classes, num_anchors=num_anchors)
        self.num_classes = num_classes
        self.num_anchors = num_anchors
        self.conv = conv
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, 3, padding=1)
        initialise_normal(self)
        assert self.cls_logits.bias is not None
        nn.init.constant_(self.cls_logits.bias, logit_of(prior_probability))

    def forward(self, x: Sequence[Tensor]) -> Tensor:
        """Score levels `(N, in_channels, h, w)`: logits `(N, A, num_classes)` of the anchors of all levels."""
        return torch.cat([by_anchor(self.cls_logits(self.conv(level)), self.num_classes) for level in x], dim=1)
