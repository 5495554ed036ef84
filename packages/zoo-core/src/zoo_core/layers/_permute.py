"""Orders of dimensions."""

from torch import Tensor, nn


class Permute(nn.Module):
    """Permutes the dimensions of a tensor, as a layer.

    Args:
        dims: For each dimension of the output, which one of the input it is.

    Example:
        >>> import torch
        >>> from zoo_core.layers import Permute
        >>> Permute([0, 2, 3, 1])(torch.zeros(1, 96, 56, 28)).shape
        torch.Size([1, 56, 28, 96])
    """

    is_one_node = True  # in graphs of zoo_core.features.create_feature_extractor

    def __init__(self, dims: list[int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        """Permute the dimensions of `x`, without copying it."""
        return x.permute(self.dims)

    def extra_repr(self) -> str:
        """Name the argument."""
        return f"dims={self.dims}"
