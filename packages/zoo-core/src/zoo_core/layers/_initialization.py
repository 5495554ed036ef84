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
        >>> import torch
        >>> from zoo_core.layers import trunc_normal_
        >>> trunc_normal_(torch.empty(3), std=0.02).abs().max() <= 2
        tensor(True)
    """
    if torch.overrides.has_torch_function_unary(tensor):
        filled: Tensor = torch.overrides.handle_torch_function(trunc_normal_, (tensor,), tensor, std=std)
        return filled
    return nn.init.trunc_normal_(tensor, std=std)


def initialise_from_normal(module: nn.Module) -> None:
    """Initialise a layer as the networks before and around batch norm do; for `Module.apply`.

    Convolutions get normal values that preserve the backward signal through ReLUs (Kaiming He et al.: Delving Deep into
    Rectifiers, 2015, arXiv:1502.01852), fully connected layers normal values of standard deviation 0.01, both zero
    biases. Other layers stay as they are.

    Example:
        >>> from torch import nn
        >>> from zoo_core.layers import initialise_from_normal
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).apply(initialise_from_normal)
        >>> network[0].bias.any()
        tensor(False)
    """
    if isinstance(module, (nn.Conv2d, nn.Conv3d)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
    if isinstance(module, (nn.Conv2d, nn.Conv3d, nn.Linear)) and module.bias is not None:
        nn.init.zeros_(module.bias)


def initialise_linear(module: nn.Module) -> None:
    """Initialise a fully connected layer as transformers do; for `Module.apply`.

    Weights get truncated normal values of standard deviation 0.02, biases zeros. Other layers stay as they are.

    Example:
        >>> from torch import nn
        >>> from zoo_core.layers import initialise_linear
        >>> nn.Linear(8, 8).apply(initialise_linear).weight.abs().max() < 0.2
        tensor(True)
    """
    if isinstance(module, nn.Linear):
        trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
