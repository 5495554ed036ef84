"""The region proposal network.

Shaoqing Ren, Kaiming He, Ross Girshick, Jian Sun: Faster R-CNN: Towards Real-Time Object Detection with Region Proposal
Networks, 2015, arXiv:1506.01497, section 3.1; on a pyramid: Tsung-Yi Lin, Piotr Dollár, Ross Girshick, Kaiming He,
Bharath Hariharan, Serge Belongie: Feature Pyramid Networks for Object Detection, 2016, arXiv:1612.03144, section 4.1.
"""

from collections.abc import Mapping, MutableMapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_core.layers import ConvNormActivation

from ._anchors import AnchorGenerator, by_anchor, require_prediction_for_each_anchor
from ._box_coding import BoxCoder
from ._image_list import ImageList
from ._initialization import initialise_normal
from ._matching import BELOW_LOW_THRESHOLD, BETWEEN_THRESHOLDS, Matcher
from ._sampling import BalancedPositiveNegativeSampler
from ._symbols import smaller
from ._transform import Target
from .ops import batched_nms, box_iou, clip_boxes_to_image
from .ops._boxes import widen
from .ops._tracing import is_tracing

_LEAST_SIDE = 1e-3
"""Width and height in pixels that a proposal must have."""
BETA = 1 / 9
"""Where the smooth L1 losses of this family pass from squares to absolute values."""


class RPNHead(nn.Module):
    """Says of each anchor whether there is an object, and how it lies (section 3.1).

    Files with the older names of its layers (`conv.weight`) load, too.

    Args:
        in_channels: Channels of every level, C.
        num_anchors: Anchors at each place, A.
        conv_depth: How many 3x3 convolutions come first.

    Shape:
        Levels `(N, C, h, w)` to objectness `(N, A, h, w)` and codes `(N, 4 * A, h, w)` for each.

    Example:
        >>> objectness, codes = RPNHead(8, 3)([torch.zeros(1, 8, 6, 5)])
        >>> objectness[0].shape, codes[0].shape
        (torch.Size([1, 3, 6, 5]), torch.Size([1, 12, 6, 5]))
    """

    def __init__(self, in_channels: int, num_anchors: int, conv_depth: int = 1) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *(ConvNormActivation(in_channels, in_channels, norm_layer=None) for _ in range(conv_depth))
        )
        self.cls_logits = nn.Conv2d(in_channels, num_anchors, 1)
        self.bbox_pred = nn.Conv2d(in_channels, num_anchors * 4, 1)
        self.apply(initialise_normal)
        self.register_load_state_dict_pre_hook(_rename_older_keys)  # type: ignore[no-untyped-call]

    def forward(self, x: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Predict objectness and codes on every level."""
        hidden = [self.conv(level) for level in x]
        return [self.cls_logits(level) for level in hidden], [self.bbox_pred(level) for level in hidden]


def _rename_older_keys(_: nn.Module, state: MutableMapping[str, Tensor], prefix: str, *__: object) -> None:
    """Rename `conv.weight` to `conv.0.0.weight`: once there was one convolution."""
    for kind in ("weight", "bias"):
        if f"{prefix}conv.{kind}" in state:
            state[f"{prefix}conv.0.0.{kind}"] = state.pop(f"{prefix}conv.{kind}")


class RegionProposalNetwork(nn.Module):
    """Finds boxes that may hold an object, of whatever class.

    Args:
        anchor_generator: Gives the anchors of each level.
        head: Called with the levels, gives objectness and codes as `RPNHead` does.
        fg_iou_thresh: Overlap with a true box from which an anchor is trained to find it.
        bg_iou_thresh: Overlap below which it is trained to be background.
        batch_size_per_image: Anchors drawn from each image for the losses.
        positive_fraction: Greatest share of them that finds objects.
        pre_nms_top_n: How many proposals of each level are looked at, the most probable, by `"training"`, `"testing"`.
        post_nms_top_n: How many of each image are kept, likewise.
        nms_thresh: Overlap above which the less probable one of two proposals of a level goes.
        score_thresh: Least probability of a proposal.
    """

    def __init__(
        self,
        anchor_generator: AnchorGenerator,
        head: nn.Module,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        pre_nms_top_n: Mapping[str, int],
        post_nms_top_n: Mapping[str, int],
        nms_thresh: float,
        score_thresh: float = 0.0,
    ) -> None:
        super().__init__()
        self.anchor_generator = anchor_generator
        self.head = head
        self.box_coder = BoxCoder((1.0, 1.0, 1.0, 1.0))
        self.proposal_matcher = Matcher(fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True)
        self.fg_bg_sampler = BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self._pre_nms_top_n = pre_nms_top_n
        self._post_nms_top_n = post_nms_top_n
        self.nms_thresh = nms_thresh
        self.score_thresh = score_thresh

    def pre_nms_top_n(self) -> int:
        """Return how many proposals of each level are looked at."""
        return self._pre_nms_top_n["training" if self.training else "testing"]

    def post_nms_top_n(self) -> int:
        """Return how many proposals of each image are kept."""
        return self._post_nms_top_n["training" if self.training else "testing"]

    def forward(
        self, images: ImageList, features: Mapping[str, Tensor], targets: Sequence[Target] | None = None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Propose boxes.

        Args:
            images: The batch.
            features: Levels `(N, C, h, w)`, the finest first.
            targets: In training, the true `boxes` `(M, 4)` of each image.

        Returns:
            Boxes `(P, 4)` for each image, the most probable first, in pixels of the batch; and in training the losses.

        Raises:
            ValueError: The head predicts for more or fewer anchors than the generator makes.
        """
        levels = list(features.values())
        objectness, codes = self.head(levels)
        anchors = self.anchor_generator(images, levels)
        logits = [by_anchor(level, 1)[..., 0] for level in objectness]
        codes = torch.cat([by_anchor(level, 4) for level in codes], dim=1)
        if not is_tracing():
            require_prediction_for_each_anchor(codes.shape[1], len(anchors[0]))
        boxes = self.filter_proposals([level.detach() for level in logits], codes.detach(), anchors, images.image_sizes)
        if not self.training:
            return boxes, {}
        assert targets is not None
        labels, matched = self.assign_targets_to_anchors(anchors, targets)
        regression_targets = self.box_coder.encode(matched, anchors)
        objectness_loss, box_loss = self.compute_loss(torch.cat(logits, dim=1), codes, labels, regression_targets)
        return boxes, {"loss_objectness": objectness_loss, "loss_rpn_box_reg": box_loss}

    def filter_proposals(
        self,
        logits: Sequence[Tensor],
        codes: Tensor,
        anchors: Sequence[Tensor],
        image_shapes: Sequence[tuple[int, int]],
    ) -> list[Tensor]:
        """Decode the most probable anchors, and keep those that do not overlap with a better one of their level.

        Args:
            logits: Objectness `(N, A_l)` of each level.
            codes: `(N, A, 4)`, of all levels one after the other.
            anchors: `(A, 4)` for each image.
            image_shapes: Height and width of each image.

        Returns:
            Boxes `(P, 4)` for each image, the most probable first.
        """
        chosen, level_of = self._most_probable(logits)
        scores = torch.cat(list(logits), dim=1).gather(1, chosen).sigmoid()
        results = []
        for index, shape in enumerate(image_shapes):
            decoded = self.box_coder.decode_single(codes[index][chosen[index]], anchors[index][chosen[index]])
            boxes = clip_boxes_to_image(decoded, shape)
            large = (boxes[:, 2:] - boxes[:, :2] >= _LEAST_SIDE).all(dim=1)
            good = (large & (scores[index] >= self.score_thresh)).nonzero()[:, 0]
            kept = batched_nms(boxes[good], scores[index][good], level_of[good], self.nms_thresh)
            results.append(boxes[good[kept[: self.post_nms_top_n()]]])
        return results

    def _most_probable(self, logits: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the indices `(N, T)` of the most probable anchors of each level, and their levels `(T,)`."""
        chosen, level_of = [], []
        before = 0
        for index, level in enumerate(logits):
            number = smaller(self.pre_nms_top_n(), level.shape[1])
            best = level.topk(number, dim=1).indices
            chosen.append(best + before)
            level_of.append(torch.full_like(best[0], index))
            before += level.shape[1]
        return torch.cat(chosen, dim=1), torch.cat(level_of)

    def assign_targets_to_anchors(
        self, anchors: Sequence[Tensor], targets: Sequence[Target]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return for each image the labels `(A,)`, 1 for objects, 0 for background, -1 for neither, and true boxes."""
        labels, matched = [], []
        for candidates, target in zip(anchors, targets, strict=True):
            boxes = target["boxes"].to(candidates)
            if len(boxes) == 0:
                labels.append(torch.zeros_like(candidates[:, 0]))
                matched.append(torch.zeros_like(candidates))
                continue
            matches = self.proposal_matcher(box_iou(boxes, candidates))
            label = (matches >= 0).to(candidates.dtype)
            label[matches == BELOW_LOW_THRESHOLD] = 0.0
            label[matches == BETWEEN_THRESHOLDS] = -1.0
            labels.append(label)
            matched.append(boxes[matches.clamp(min=0)])
        return labels, matched

    def compute_loss(
        self, logits: Tensor, codes: Tensor, labels: Sequence[Tensor], regression_targets: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Return the losses of objectness `(N, A)` and codes `(N, A, 4)` on the anchors drawn (equation 1)."""
        logits, codes = widen(logits), widen(codes)
        positives, negatives = map(torch.cat, self.fg_bg_sampler(labels))
        drawn = positives | negatives
        number = drawn.sum()
        box_loss = F.smooth_l1_loss(
            codes.flatten(0, 1)[positives], torch.cat(list(regression_targets))[positives], beta=BETA, reduction="sum"
        )
        objectness_loss = F.binary_cross_entropy_with_logits(logits.flatten()[drawn], torch.cat(list(labels))[drawn])
        return objectness_loss, box_loss / number
