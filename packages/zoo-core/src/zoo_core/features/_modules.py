"""The modules of a model: their modes, and parts of their tree."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def modes_restored(model: nn.Module) -> Iterator[None]:
    """Afterwards every module of `model` is in the mode that it was in before."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def pruned(module: nn.Module, targets: set[str]) -> nn.Module:
    """Make a tree that shares with `module` what is used of it, under its names and in its order.

    The `targets` are paths of modules, which are used as a whole, and of parameters and buffers.
    """
    if "" in targets:
        return module
    below: dict[str, set[str]] = {}
    for target in targets:
        name, _, rest = target.partition(".")
        below.setdefault(name, set()).add(rest)
    part = nn.Module()
    part.training = module.training
    for name, child in module.named_children():
        if name in below:
            part.add_module(name, pruned(child, below[name]))
    for name, parameter in module.named_parameters(recurse=False):
        if name in below:
            part.register_parameter(name, parameter)
    for name, buffer in module.named_buffers(recurse=False):
        if name in below:
            part.register_buffer(name, buffer, persistent=name not in module._non_persistent_buffers_set)
    return part
