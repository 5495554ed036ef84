"""Symbols, which `torch.fx` passes to forward computations in place of tensors.

James Reed, Zachary DeVito, Horace He, Ansley Ussery, Jason Ansel: torch.fx: Practical Program Capture and
Transformation for Deep Learning in Python, 2021, arXiv:2112.08429.
"""

from typing import Any

import torch
from torch import fx, nn


def is_symbol(tensor: Any) -> bool:
    """Tell whether `tensor` is a symbol of `torch.fx`, whose size nobody can know: checks of sizes are skipped for it.

    Not so if its tracer records checks, as that of `zoo_core.features` does.

    Example:
        >>> import torch
        >>> from zoo_core.layers import is_symbol
        >>> is_symbol(torch.zeros(1))
        False
    """
    if not torch.jit.is_scripting():  # type: ignore[attr-defined]
        return isinstance(tensor, fx.Proxy) and not getattr(tensor.tracer, "records_checks", False)
    return False


def record_call(module: nn.Module, symbol: Any, *args: object, **kwargs: object) -> Any:
    """Record the call of a module as a whole, as `torch.fx` does for those of torch, and return its result's symbol.

    It is for the `forward` of modules whose computation depends on sizes: the traced network calls them as they are.

    Args:
        module: Which is being traced.
        symbol: Its first argument, for which `is_symbol` holds.
        *args: Its further arguments.
        **kwargs: Those by name.

    Example:
        >>> import torch
        >>> from torch import Tensor, fx, nn
        >>> from zoo_core.layers import is_symbol, record_call
        >>> class Rows(nn.Module):
        ...     def forward(self, x: Tensor) -> Tensor:
        ...         return record_call(self, x) if is_symbol(x) else sum(row for row in x)
        >>> traced = fx.symbolic_trace(nn.Sequential(Rows()))
        >>> traced(torch.ones(3, 2))
        tensor([3., 3.])
    """
    tracer: fx.Tracer = symbol.tracer
    return tracer.create_proxy("call_module", tracer.path_of_module(module), (symbol, *args), kwargs)
