"""From losses one by one to one loss."""

from torch import Tensor


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """Return losses as they are (`"none"`), their mean (0 of nothing) or their sum.

    Raises:
        ValueError: `reduction` is another.
    """
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction}'. Supported reduction modes: 'none', 'mean', 'sum'"
    )
