"""The region proposal network.

Shaoqing Ren, Kaiming He, Ross Girshick, Jian Sun: Faster R-CNN: Towards Real-Time Object Detection with Region Proposal
Networks, 2015, arXiv:1506.01497, section 3.1; on a pyramid: Tsung-Yi Lin, Piotr Dollár, Ross Girshick, Kaiming He,
Bharath Hariharan, Serge Belongie: Feature Pyramid Networks for Object Detection, 2016, arXiv:1612.03144, section 4.1.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo_core.layers import ConvNormActivation, rename_older_keys
from zoo_detection.boxes.anchors import AnchorGenerator, by_anchor, require_prediction_for_each_anchor
from zoo_detection.boxes.coding import BoxCoder
from zoo_detection.boxes.matching import BETWEEN_THRESHOLDS, Matcher, boxes_of, match_boxes
from zoo_detection.boxes.sampling import BalancedPositiveNegativeSampler
from zoo_detection.foundation.initialization import initialise_normal
from zoo_detection.foundation.overriding import is_overridden
from zoo_detection.foundation.precision import widen
from zoo_detection.foundation.sizes import smaller
from zoo_detection.foundation.tracing import is_tracing
from zoo_detection.inputs.image_list import ImageList
from zoo_detection.inputs.targets import TargetError
from zoo_detection.inputs.transform import Target
from zoo_detection.ops import batched_nms, box_iou, clip_boxes_to_image

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
        >>> import torch
        >>> from zoo_detection import RPNHead
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
        initialise_normal(self)
        rename_older_keys(self, {"conv": "conv.0.0"})  # there was one convolution

    def forward(self, x: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Predict objectness and codes on every level."""
        hidden = [self.conv(level) for level in x]
        return [self.cls_logits(level) for level in hidden], [self.bbox_pred(level) for level in hidden]


class RegionProposalNetwork(nn.Module):
    """Finds boxes that may hold an object, of whatever class.

    Subclasses may override `filter_proposals`, `assign_targets_to_anchors` and `compute_loss`; the attributes
    `box_coder`, `box_similarity`, `proposal_matcher` and `fg_bg_sampler` may be others.

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
        self.box_similarity = box_iou
        self.proposal_matcher = Matcher(fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True)
        self.fg_bg_sampler = BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self._pre_nms_top_n = pre_nms_top_n
        self._post_nms_top_n = post_nms_top_n
        self.nms_thresh = nms_thresh
        self.score_thresh = score_thresh
        self.min_size = 1e-3
        """Width and height in pixels that a proposal must have."""

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
            targets: The true `boxes` `(M, 4)` of each image, which training needs.

        Returns:
            Boxes `(P, 4)` for each image, the most probable first, in pixels of the batch; and the losses, if there are
            `targets`.

        Raises:
            ValueError: The head predicts for more or fewer anchors than the generator makes.
            TargetError: There are no targets in training.
        """
        if self.training and targets is None:
            raise TargetError("targets should not be none when in training mode")
        levels = list(features.values())
        objectness, codes = self.head(levels)
        anchors = self.anchor_generator(images, levels)
        sizes = [level.shape[1] * level.shape[2] * level.shape[3] for level in objectness]
        logits = torch.cat([by_anchor(level, 1) for level in objectness], dim=1).flatten(0, 1)
        codes = torch.cat([by_anchor(level, 4) for level in codes], dim=1).flatten(0, 1)
        if not is_tracing():
            require_prediction_for_each_anchor(sum(sizes), len(anchors[0]))
        boxes = self._proposals(logits.detach(), codes.detach(), anchors, images.image_sizes, sizes)
        if targets is None:
            return boxes, {}
        labels, matched = self.assign_targets_to_anchors(anchors, targets)
        regression_targets = self.box_coder.encode(matched, anchors)
        objectness_loss, box_loss = self.compute_loss(logits, codes, labels, regression_targets)
        return boxes, {"loss_objectness": objectness_loss, "loss_rpn_box_reg": box_loss}

    def _proposals(
        self,
        logits: Tensor,
        codes: Tensor,
        anchors: Sequence[Tensor],
        image_shapes: Sequence[tuple[int, int]],
        sizes: Sequence[int],
    ) -> list[Tensor]:
        """Do as `filter_proposals` without decoding what is not looked at, unless that is overridden."""
        if is_overridden(self.filter_proposals, _FILTER_PROPOSALS):
            decoded = self.box_coder.decode(codes, anchors).view(len(anchors), -1, 4)
            return self.filter_proposals(decoded, logits, image_shapes, sizes)[0]
        by_image = codes.view(len(anchors), -1, 4)

        def decode(image: int, chosen: Tensor) -> Tensor:
            return self.box_coder.decode(by_image[image][chosen], [anchors[image][chosen]])[:, 0]

        return self._filter(decode, logits, image_shapes, sizes)[0]

    def filter_proposals(
        self,
        proposals: Tensor,
        objectness: Tensor,
        image_shapes: Sequence[tuple[int, int]],
        num_anchors_per_level: Sequence[int],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Keep the most probable proposals that do not overlap with a better one of their level.

        Args:
            proposals: Boxes `(N, A, 4)`, of all levels one after the other.
            objectness: Logits `(N * A, 1)`, or any shape that can be viewed as `(N, A)`.
            image_shapes: Height and width of each image.
            num_anchors_per_level: How many of the A each level has.

        Returns:
            Boxes `(P, 4)` and probabilities `(P,)` for each image, the most probable first.
        """
        return self._filter(
            lambda image, chosen: proposals[image][chosen], objectness.detach(), image_shapes, num_anchors_per_level
        )

    def _filter(
        self,
        boxes_at: Callable[[int, Tensor], Tensor],
        objectness: Tensor,
        image_shapes: Sequence[tuple[int, int]],
        sizes: Sequence[int],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Do the same with what gives the boxes `(T, 4)` of an image at the indices `(T,)`."""
        logits = objectness.view(len(image_shapes), -1)
        chosen, level_of = self._most_probable(torch.split(logits, list(sizes), dim=1))
        probabilities = logits.gather(1, chosen).sigmoid()
        results, scores = [], []
        for index, shape in enumerate(image_shapes):
            boxes = clip_boxes_to_image(boxes_at(index, chosen[index]), shape)
            large = (boxes[:, 2:] - boxes[:, :2] >= self.min_size).all(dim=1)
            good = (large & (probabilities[index] >= self.score_thresh)).nonzero()[:, 0]
            kept = batched_nms(boxes[good], probabilities[index][good], level_of[good], self.nms_thresh)
            kept = good[kept[: self.post_nms_top_n()]]
            results.append(boxes[kept])
            scores.append(probabilities[index][kept])
        return results, scores

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
            matches = match_boxes(self.proposal_matcher, boxes, candidates, self.box_similarity)
            label = (matches >= 0).to(candidates.dtype)
            label[matches == BETWEEN_THRESHOLDS] = -1.0
            labels.append(label)
            matched.append(boxes_of(matches, boxes))
        return labels, matched

    def compute_loss(
        self,
        objectness: Tensor,
        pred_bbox_deltas: Tensor,
        labels: Sequence[Tensor],
        regression_targets: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Return the losses of objectness and codes on the anchors drawn (equation 1).

        Args:
            objectness: Logits `(N * A, 1)`, image by image.
            pred_bbox_deltas: Codes `(N * A, 4)`.
            labels: For each image `(A,)`, as `assign_targets_to_anchors` gives them.
            regression_targets: For each image the codes `(A, 4)` of its true boxes.
        """
        logits, codes = widen(objectness).flatten(), widen(pred_bbox_deltas)
        positives, negatives = map(torch.cat, self.fg_bg_sampler(labels))
        drawn = positives | negatives
        number = drawn.sum()
        box_loss = F.smooth_l1_loss(
            codes[positives], torch.cat(list(regression_targets))[positives], beta=BETA, reduction="sum"
        )
        objectness_loss = F.binary_cross_entropy_with_logits(logits[drawn], torch.cat(list(labels))[drawn])
        return objectness_loss, box_loss / number


_FILTER_PROPOSALS = RegionProposalNetwork.filter_proposals
