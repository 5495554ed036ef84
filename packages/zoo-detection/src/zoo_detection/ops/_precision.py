"""In what precision operators compute."""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def without_autocast(function: Callable[Concatenate[Tensor, P], R]) -> Callable[Concatenate[Tensor, P], R]:
    """Let a function compute in the precision of what it is given, the first argument on the device that counts."""

    @functools.wraps(function)
    def call(tensor: Tensor, /, *args: P.args, **kwargs: P.kwargs) -> R:
        if not torch.is_autocast_enabled(tensor.device.type):
            return function(tensor, *args, **kwargs)
        with torch.autocast(tensor.device.type, enabled=False):
            return function(tensor, *args, **kwargs)

    return call
