"""The loss of flow models that refine their flow step by step."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .metrics import check_flows


def sequence_loss(
    flows: Sequence[Tensor],
    target: Tensor,
    valid: Tensor | None = None,
    *,
    gamma: float = 0.8,
    max_flow: float = 400.0,
) -> Tensor:
    """Compare the flow of every iteration with the true one, the later the more heavily (RAFT, equation 7).

    Zachary Teed, Jia Deng: RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, 2020, arXiv:2003.12039.

    Args:
        flows: What the model returns in training: at least one flow `(N, 2, H, W)`, in pixels.
        target: The true flow, of the same shape.
        valid: Booleans `(N, H, W)`: the pixels whose true flow is known. `None` for all.
        gamma: By what the weight shrinks from each iteration to the one before; the last one weighs 1.
        max_flow: Pixels that move by this much or more, in pixels, do not count.

    Returns:
        A scalar: the sum over the iterations of the weighted mean absolute difference, over all pixels and both
        directions, with 0 where a pixel does not count.

    Raises:
        ValueError: There is no flow, or shapes do not match.

    Example:
        >>> import torch
        >>> from zoo_flow.training import sequence_loss
        >>> target = torch.ones(1, 2, 4, 4)
        >>> sequence_loss([0 * target, target], target)
        tensor(0.8000)
    """
    if not flows:
        raise ValueError("flows should be what a model returns, at least one flow; found none")
    counts = torch.linalg.vector_norm(target, dim=-3) < max_flow
    if valid is not None:
        check_flows(flows[0], target, valid)
        counts = counts & valid
    counts = counts[..., None, :, :]
    target = torch.where(counts, target, 0.0)  # what is not known may be NaN, which spoils gradients even unused
    loss = target.new_zeros(())
    for step, flow in enumerate(flows):
        check_flows(flow, target, None)
        difference = torch.where(counts, (flow - target).abs(), 0.0)
        loss = loss + gamma ** (len(flows) - 1 - step) * difference.mean()
    return loss
