"""The focal loss.

Tsung-Yi Lin, Priya Goyal, Ross Girshick, Kaiming He, Piotr Dollár: Focal Loss for Dense Object Detection, 2017,
arXiv:1708.02002.
"""

from torch import Tensor
from torch.nn import functional as F

from ._reduction import reduced


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Tensor:
    """Return a binary cross entropy that counts what is classified well already for little (equation 5).

    Args:
        inputs: Logits, of any shape.
        targets: Of the same shape and floating point: 1 for the positive class, 0 for the negative.
        alpha: Weight of the positive class, in [0, 1]; the negative class has `1 - alpha`; negative for no weighting.
        gamma: How much less what is classified well counts, at least 0.
        reduction: `"none"`, `"mean"` (0 of nothing) or `"sum"`.

    Returns:
        The losses, of the shape of `inputs`, or a scalar.

    Raises:
        ValueError: `reduction` is another, or `alpha` is more than 1.

    Example:
        >>> import torch
        >>> sigmoid_focal_loss(torch.zeros(2), torch.tensor([1.0, 0.0]))
        tensor([0.0433, 0.1300])
    """
    if alpha > 1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1], or negative to be ignored.")
    probabilities = inputs.sigmoid()
    cross_entropy = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    wrong = probabilities + targets - 2 * probabilities * targets  # 1 - p_t
    loss = cross_entropy * wrong**gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return reduced(loss, reduction)
