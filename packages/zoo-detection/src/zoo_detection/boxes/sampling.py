"""Which anchors or proposals a step of training looks at.

Shaoqing Ren, Kaiming He, Ross Girshick, Jian Sun: Faster R-CNN, 2015, arXiv:1506.01497, section 3.1.3.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


class BalancedPositiveNegativeSampler:
    """Draws positives and negatives at random, with at most a certain share of positives.

    Args:
        batch_size_per_image: How many to draw in each image; fewer where there are not as many.
        positive_fraction: Greatest share of positives.

    Example:
        >>> import torch
        >>> from zoo_detection.boxes.sampling import BalancedPositiveNegativeSampler
        >>> sampler = BalancedPositiveNegativeSampler(4, 0.5)
        >>> positive, negative = sampler([torch.tensor([0, 0, 0, -1, 2, -1])])
        >>> positive[0], negative[0].sum()
        (tensor([False, False, False, False,  True, False]), tensor(3))
    """

    def __init__(self, batch_size_per_image: int, positive_fraction: float) -> None:
        self.batch_size_per_image = batch_size_per_image
        self.positive_fraction = positive_fraction

    def __call__(self, matched_idxs: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Draw from each image.

        Args:
            matched_idxs: For each image the labels `(A,)`: positive numbers, 0 for negatives, below 0 to be ignored.

        Returns:
            For each image two masks `(A,)`: of the positives and of the negatives that were drawn.
        """
        positives, negatives = [], []
        for labels in matched_idxs:
            positive = _draw(labels >= 1, int(self.batch_size_per_image * self.positive_fraction))
            positives.append(positive)
            negatives.append(_draw(labels == 0, self.batch_size_per_image - int(positive.sum())))
        return positives, negatives


def _draw(candidates: Tensor, number: int) -> Tensor:
    """Return a mask of at most `number` of the `candidates`, a mask itself, each as likely.

    It draws even if all are taken: after the same seed, training then looks at the same samples as in torchvision.
    """
    indices = candidates.nonzero()[:, 0]
    order = torch.randperm(len(indices), device=indices.device)
    if len(indices) <= number:
        return candidates
    drawn = torch.zeros_like(candidates)
    drawn[indices[order[:number]]] = True
    return drawn
