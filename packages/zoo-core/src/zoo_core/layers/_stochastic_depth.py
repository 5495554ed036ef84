"""Stochastic depth.

Gao Huang, Yu Sun, Zhuang Liu, Daniel Sedra, Kilian Weinberger: Deep Networks with Stochastic Depth, 2016,
arXiv:1603.09382.
"""

from typing import Literal

from torch import Tensor, nn


class StochasticDepth(nn.Module):
    """Drops residual branches at random in training, and scales those that stay so that the mean is kept.

    Args:
        p: Probability that a branch is dropped, in [0, 1].
        mode: `"row"`: each sample of the batch for itself; `"batch"`: all together.

    Shape:
        `(N, ...)` to the same.

    Raises:
        ValueError: `p` or `mode` is another.

    Example:
        >>> StochasticDepth(0.5, "row").eval()(torch.ones(2, 3)).sum()
        tensor(6.)
    """

    def __init__(self, p: float, mode: Literal["row", "batch"]) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
        if mode not in {"row", "batch"}:
            raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
        self.p = p
        self.mode = mode

    def forward(self, branch: Tensor) -> Tensor:
        """Drop rows of `branch`, `(N, ...)`, or all of it; outside training nothing."""
        if not self.training or self.p == 0.0:
            return branch
        survival = 1.0 - self.p
        rows = branch.shape[0] if self.mode == "row" else 1
        kept = branch.new_empty([rows] + [1] * (branch.ndim - 1)).bernoulli_(survival)
        return branch * (kept / survival if survival > 0.0 else kept)

    def extra_repr(self) -> str:
        """Name the arguments."""
        return f"p={self.p}, mode={self.mode!r}"
