"""Stochastic depth.

Gao Huang, Yu Sun, Zhuang Liu, Daniel Sedra, Kilian Weinberger: Deep Networks with Stochastic Depth, 2016,
arXiv:1603.09382.
"""

from collections.abc import Iterator
from typing import Literal

from torch import Tensor, nn


def stochastic_depth(
    input: Tensor,  # noqa: A002 # the name that users know
    p: float,
    mode: str,
    training: bool = True,
) -> Tensor:
    """Drop residual branches at random, and scale those that stay so that the mean is kept.

    Args:
        input: The branch, `(N, ...)`.
        p: Probability that it is dropped, in [0, 1].
        mode: `"row"`: each sample of the batch for itself; `"batch"`: all together.
        training: Otherwise nothing is done.

    Returns:
        A tensor of the shape of `input`.

    Raises:
        ValueError: `p` or `mode` is another.

    Example:
        >>> import torch
        >>> from zoo_core.layers import stochastic_depth
        >>> stochastic_depth(torch.ones(2, 3), 1.0, "row").sum()
        tensor(0.)
    """
    _check(p, mode)
    if not training or p == 0.0:
        return input
    survival = 1.0 - p
    rows = input.shape[0] if mode == "row" else 1
    kept = input.new_empty([rows] + [1] * (input.ndim - 1)).bernoulli_(survival)
    return input * (kept / survival if survival > 0.0 else kept)


class StochasticDepth(nn.Module):
    """Does `stochastic_depth` in training.

    Args:
        p: As for `stochastic_depth`.
        mode: Likewise.

    Shape:
        `(N, ...)` to the same.

    Raises:
        ValueError: `p` or `mode` is another.

    Example:
        >>> import torch
        >>> from zoo_core.layers import StochasticDepth
        >>> StochasticDepth(0.5, "row").eval()(torch.ones(2, 3)).sum()
        tensor(6.)
    """

    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    def __init__(self, p: float, mode: Literal["row", "batch"]) -> None:
        super().__init__()
        _check(p, mode)
        self.p = p
        self.mode = mode

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 # the name that users know
        """Drop rows of a branch, `(N, ...)`, or all of it; outside training nothing."""
        return stochastic_depth(input, self.p, self.mode, self.training)

    def extra_repr(self) -> str:
        """Name the arguments."""
        return f"p={self.p}, mode={self.mode!r}"


def _check(p: float, mode: str) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("row", "batch"):  # TorchScript knows no sets
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")


def depth_ramp(last: float, count: int) -> Iterator[float]:
    """Give the probability for each of `count` blocks: it rises evenly from 0 to `last` (section 3, "linear decay").

    Example:
        >>> from zoo_core.layers import depth_ramp
        >>> list(depth_ramp(0.5, 3))
        [0.0, 0.25, 0.5]
    """
    return (last * index / max(count - 1, 1) for index in range(count))
