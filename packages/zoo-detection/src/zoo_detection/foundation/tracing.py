"""What torch.export and torch.compile record, and what they must not."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")

TELLS_EXPORT_APART = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 13)
"""Whether `torch.compiler.is_exporting` exists (from 2.7 on), and is false under torch.compile (not so in 2.10)."""


def is_tracing() -> bool:
    """Tell whether torch.export or torch.compile records, so that no value should decide what runs."""
    return torch.compiler.is_compiling()


def is_exporting() -> bool:
    """Tell whether torch.export records, which, unlike torch.compile, can leave nothing to Python."""
    if TELLS_EXPORT_APART:
        return torch.compiler.is_exporting()
    # Strict export goes through torch.compile's tracer, too, and is taken for it.
    return torch.compiler.is_compiling() and not torch.compiler.is_dynamo_compiling()


def left_to_python(function: Callable[P, R]) -> Callable[P, R]:
    """Let torch.compile call a function, and not record it: values decide what it does.

    As `torch.compiler.disable`, which would import the compiler at once.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if is_tracing() and not is_exporting():
            left: R = torch.compiler.disable(function)(*args, **kwargs)  # type: ignore[no-untyped-call]
            return left
        return function(*args, **kwargs)

    return call


def traced_as_one(function: Callable[P, R]) -> Callable[P, R]:
    """Let torch.fx write down a call of a function as one node, instead of following what is done with values.

    Whatever else overrides PyTorch's functions is asked, too, as it is for one of PyTorch's own.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if torch.compiler.is_compiling():
            return function(*args, **kwargs)
        tensors = [one for value in (*args, *kwargs.values()) for one in (value if type(value) is list else (value,))]
        relevant = tuple(one for one in tensors if hasattr(type(one), "__torch_function__"))
        if torch.overrides.has_torch_function(relevant):
            result: R = torch.overrides.handle_torch_function(call, relevant, *args, **kwargs)
            return result
        return function(*args, **kwargs)

    return call
