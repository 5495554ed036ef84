"""Initialisation of parameters."""

import torch
from torch import Tensor, nn


def trunc_normal_(tensor: Tensor, std: float = 1.0) -> Tensor:
    """Fill `tensor` in place with normal values around 0 that are cut off at -2 and 2, as `torch.nn.init` does.

    Unlike that one it can be deferred (`zoo_core.building.DeferredInitialization`): models should use this.

    Args:
        tensor: Of any shape.
        std: Standard deviation of the normal distribution.

    Returns:
        The tensor.

    Example:
        >>> trunc_normal_(torch.empty(3), std=0.02).abs().max() <= 2
        tensor(True)
    """
    if torch.overrides.has_torch_function_unary(tensor):
        filled: Tensor = torch.overrides.handle_torch_function(trunc_normal_, (tensor,), tensor, std=std)
        return filled
    return nn.init.trunc_normal_(tensor, std=std)
