"""How far a flow is from the true one."""

import torch
from torch import Tensor


def end_point_error(flow: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Average the distance between where pixels go and where they should.

    Arguments and errors are those of `end_point_distances`.

    Returns:
        A scalar in pixels; NaN where no pixel is valid.

    Example:
        >>> import torch
        >>> from zoo_flow.metrics import end_point_error
        >>> end_point_error(torch.zeros(2, 4, 6), torch.tensor([3.0, 4.0]).view(2, 1, 1).expand(2, 4, 6))
        tensor(5.)
    """
    return end_point_distances(flow, target, valid).mean()


def outlier_rate(flow: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Compute the share of pixels that are wrong by more than 3 pixels and by more than 5 % of the true flow: "Fl-all".

    Moritz Menze, Andreas Geiger: Object Scene Flow for Autonomous Vehicles, 2015, the KITTI benchmark.

    Arguments and errors are those of `end_point_distances`.

    Returns:
        A scalar in [0, 1]; NaN where no pixel is valid.

    Example:
        >>> import torch
        >>> from zoo_flow.metrics import outlier_rate
        >>> outlier_rate(torch.tensor([[[4.0, 1.0]], [[0.0, 0.0]]]), torch.zeros(2, 1, 2))
        tensor(0.5000)
    """
    distances = end_point_distances(flow, target, valid)
    lengths = end_point_distances(torch.zeros_like(target), target, valid)
    return ((distances > 3) & (distances > 0.05 * lengths)).to(flow.dtype).mean()


def end_point_distances(flow: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
    """Return the distances of end points, in pixels, of the valid pixels, one after the other.

    Args:
        flow: `(..., 2, H, W)`, in pixels.
        target: The true flow, of the same shape.
        valid: Booleans `(..., H, W)`: the pixels whose true flow is known. `None` for all.

    Raises:
        ValueError: The shapes do not match.

    Example:
        >>> import torch
        >>> from zoo_flow.metrics import end_point_distances
        >>> end_point_distances(torch.zeros(2, 1, 2), torch.tensor([[[3.0, 0.0]], [[4.0, 1.0]]]))
        tensor([5., 1.])
    """
    check_flows(flow, target, valid)
    distances: Tensor = torch.linalg.vector_norm(flow - target, dim=-3)
    return distances.flatten() if valid is None else distances[valid]


def check_flows(flow: Tensor, target: Tensor, valid: Tensor | None) -> None:
    """Check the shapes of a flow, of the true one, and of what says where that is known; `ValueError` if not."""
    if flow.shape != target.shape or flow.ndim < 3 or flow.shape[-3] != 2:
        raise ValueError(
            f"flow and target should have the same shape (..., 2, H, W), found {list(flow.shape)} and "
            f"{list(target.shape)}"
        )
    expected = flow.shape[:-3] + flow.shape[-2:]
    if valid is not None and (valid.shape != expected or valid.dtype != torch.bool):
        raise ValueError(f"valid should be booleans of shape {list(expected)}, found {valid.dtype} {list(valid.shape)}")
