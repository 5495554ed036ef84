"""Which true box each anchor or proposal is trained for.

`Matcher`: Shaoqing Ren, Kaiming He, Ross Girshick, Jian Sun: Faster R-CNN, 2015, arXiv:1506.01497, section 3.1.2.
`SSDMatcher`: Wei Liu et al.: SSD: Single Shot MultiBox Detector, 2015, arXiv:1512.02325, section 2.2.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from zoo_detection.inputs.transform import Target
from zoo_detection.ops import box_iou

BELOW_LOW_THRESHOLD = -1
"""What a match is where a prediction overlaps with no true box: background."""
BETWEEN_THRESHOLDS = -2
"""What a match is where it is not clear: left out of training."""


class Matcher:
    """Gives each prediction the true box that it overlaps with most, if that is enough.

    Args:
        high_threshold: Least overlap of a match.
        low_threshold: Below it a prediction is background; in between it is ignored.
        allow_low_quality_matches: Match also, whatever their overlap, the predictions that overlap most with a true
            box, each with the true box that it overlaps with most itself.

    Raises:
        ValueError: `low_threshold` is above `high_threshold`. When called: the matrix is empty.

    Example:
        >>> import torch
        >>> from zoo_detection.boxes.matching import Matcher
        >>> Matcher(0.5, 0.3)(torch.tensor([[0.6, 0.4, 0.1], [0.2, 0.3, 0.2]]))
        tensor([ 0, -2, -1])
    """

    BELOW_LOW_THRESHOLD = BELOW_LOW_THRESHOLD
    BETWEEN_THRESHOLDS = BETWEEN_THRESHOLDS

    def __init__(self, high_threshold: float, low_threshold: float, allow_low_quality_matches: bool = False) -> None:
        if low_threshold > high_threshold:
            raise ValueError(f"low_threshold should be <= high_threshold, found {low_threshold} and {high_threshold}")
        self.high_threshold = high_threshold
        self.low_threshold = low_threshold
        self.allow_low_quality_matches = allow_low_quality_matches

    def __call__(self, match_quality_matrix: Tensor) -> Tensor:
        """Match N predictions with M true boxes.

        Args:
            match_quality_matrix: Overlaps `(M, N)`, M and N at least 1.

        Returns:
            For each prediction the index of its true box, -1 for background, -2 for those to be ignored.
        """
        if match_quality_matrix.numel() == 0:
            what = "ground-truth" if match_quality_matrix.shape[0] == 0 else "proposal"
            raise ValueError(f"No {what} boxes available for one of the images during training")
        overlaps, best = match_quality_matrix.max(dim=0)
        matches = torch.where(overlaps < self.high_threshold, BETWEEN_THRESHOLDS, best)
        matches = torch.where(overlaps < self.low_threshold, BELOW_LOW_THRESHOLD, matches)
        if self.allow_low_quality_matches:
            self.set_low_quality_matches_(matches, best, match_quality_matrix)
        return matches

    def set_low_quality_matches_(self, matches: Tensor, all_matches: Tensor, match_quality_matrix: Tensor) -> None:
        """Match also, in place, the predictions that overlap most with a true box; a subclass may choose others.

        Args:
            matches: As they are returned, `(N,)`.
            all_matches: The true box that each prediction overlaps with most, however little, `(N,)`.
            match_quality_matrix: Overlaps `(M, N)`.
        """
        highest = match_quality_matrix.amax(dim=1, keepdim=True)
        chosen = (match_quality_matrix == highest).any(dim=0)
        matches.copy_(torch.where(chosen, all_matches, matches))


class SSDMatcher(Matcher):
    """Gives each prediction its true box, and each true box at least the prediction that overlaps with it most.

    Args:
        threshold: Least overlap of a match; below it a prediction is background.

    Example:
        >>> import torch
        >>> from zoo_detection.boxes.matching import SSDMatcher
        >>> SSDMatcher(0.5)(torch.tensor([[0.4, 0.3, 0.1], [0.2, 0.7, 0.6]]))
        tensor([0, 1, 1])
    """

    def __init__(self, threshold: float) -> None:
        super().__init__(threshold, threshold)

    def __call__(self, match_quality_matrix: Tensor) -> Tensor:
        """Match N predictions with M true boxes by their overlaps `(M, N)`; see `Matcher`."""
        matches = super().__call__(match_quality_matrix)
        matches[match_quality_matrix.argmax(dim=1)] = torch.arange(len(match_quality_matrix), device=matches.device)
        return matches


Similarity = Callable[[Tensor, Tensor], Tensor]
"""From boxes `(M, 4)` and `(N, 4)` to `(M, N)`: how much each fits each."""


def match_boxes(matcher: Matcher, true_boxes: Tensor, boxes: Tensor, similarity: Similarity = box_iou) -> Tensor:
    """Match boxes `(A, 4)` with the true boxes of their image, `(M, 4)`: without any they are all background."""
    if len(true_boxes) == 0:
        return boxes.new_full((len(boxes),), BELOW_LOW_THRESHOLD, dtype=torch.int64)
    return matcher(similarity(true_boxes, boxes))


def boxes_of(matches: Tensor, true_boxes: Tensor) -> Tensor:
    """Return the true box of each match, `(A, 4)`, any where there is none, and zeros without any."""
    return true_boxes[matches.clamp(min=0)] if len(true_boxes) else true_boxes.new_zeros((len(matches), 4))


def match_all(matcher: Matcher, targets: Sequence[Target], anchors: Sequence[Tensor]) -> list[Tensor]:
    """Match the anchors of each image with its boxes; in an image without boxes they are all background."""
    return [match_boxes(matcher, target["boxes"], places) for target, places in zip(targets, anchors, strict=True)]


def matched(targets: Sequence[Target], key: str, matches: Iterable[Tensor]) -> Tensor:
    """Return what targets say under a key, such as `boxes`, of the box of each matched prediction of all images."""
    return torch.cat([target[key][found[found >= 0]] for target, found in zip(targets, matches, strict=True)])
