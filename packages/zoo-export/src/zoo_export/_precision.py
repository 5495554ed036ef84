"""What networks compute in: half precision between inputs and outputs in single precision, and int8."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

PRECISIONS: Mapping[str, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}

INT8 = "int8"
"""A precision that formats bring about themselves, when they write a network."""

TOLERANCES: Mapping[str, float] = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 1e-1, INT8: 1e-1}
"""The largest absolute difference that is allowed unless another one is given, for each precision; in int8 on average
over the pictures."""

LEAST_AGREEMENT = 0.9
"""How many of the labels have to be the model's in int8."""


class Narrow(nn.Module):
    """A copy of a network with parameters of another precision.

    Args:
        network: The network, which stays as it is.
        dtype: What the copy computes in.

    Shape:
        Inputs and outputs are those of the network, in single precision.

    Example:
        >>> import torch
        >>> from zoo_export._precision import Narrow
        >>> Narrow(torch.nn.Linear(2, 3), torch.bfloat16)(torch.ones(1, 2)).dtype
        torch.float32
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).to(dtype)
        self.dtype = dtype

    def forward(self, *inputs: Any, **options: Any) -> Any:  # as the network
        return self.given_to(lambda network, *narrow: network(*narrow, **options), *inputs)

    def given_to(self, function: Callable[..., Any], *inputs: Any) -> Any:  # what the function gives
        """Call a function of the network with inputs in its precision, and return what it gives in single precision."""
        narrow = tree_map(lambda value: _cast(value, torch.float32, self.dtype), inputs)
        found = function(self.network, *narrow)
        return tree_map(lambda value: _cast(value, self.dtype, torch.float32), found)


def in_precision(network: nn.Module, precision: str) -> nn.Module:
    """Return the network itself, or a copy in half precision."""
    return network if precision in {"float32", INT8} else Narrow(network, PRECISIONS[precision]).eval()


def in_own_precision(model: nn.Module, function: Callable[..., Any], *inputs: Any) -> Any:  # what the function gives
    """Call a function of a network and its inputs; inside a `Narrow`, in its precision."""
    return model.given_to(function, *inputs) if isinstance(model, Narrow) else function(model, *inputs)


def own_network(model: nn.Module) -> nn.Module:
    """Return the network, or that inside a `Narrow`: its modules are called as the model's."""
    return model.network if isinstance(model, Narrow) else model


def _cast(value: Any, dtype: torch.dtype, other: torch.dtype) -> Any:
    return value.to(other) if isinstance(value, Tensor) and value.dtype == dtype else value
