"""Which true box each anchor or proposal is trained for.

`Matcher`: Shaoqing Ren, Kaiming He, Ross Girshick, Jian Sun: Faster R-CNN, 2015, arXiv:1506.01497, section 3.1.2.
`SSDMatcher`: Wei Liu et al.: SSD: Single Shot MultiBox Detector, 2015, arXiv:1512.02325, section 2.2.
"""

import torch
from torch import Tensor

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
        >>> Matcher(0.5, 0.3)(torch.tensor([[0.6, 0.4, 0.1], [0.2, 0.3, 0.2]]))
        tensor([ 0, -2, -1])
    """

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
            highest = match_quality_matrix.amax(dim=1, keepdim=True)
            matches = torch.where((match_quality_matrix == highest).any(dim=0), best, matches)
        return matches


class SSDMatcher(Matcher):
    """Gives each prediction its true box, and each true box at least the prediction that overlaps with it most.

    Args:
        threshold: Least overlap of a match; below it a prediction is background.

    Example:
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
