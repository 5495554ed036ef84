"""Parts of a module tree."""

from collections.abc import Iterable

from torch import nn


def pruned(module: nn.Module, targets: set[str]) -> nn.Module:
    """Make a tree that holds what is used of `module`, under its names and in its order.

    Args:
        module: It stays as it is; what is used is shared with it.
        targets: Paths of modules, which are used as a whole, and of parameters and buffers.
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
    _share_tensors(module, part, below.keys())
    return part


def _share_tensors(module: nn.Module, part: nn.Module, names: Iterable[str]) -> None:
    """Register the parameters and buffers of `module` itself that have one of `names`."""
    for name, parameter in module.named_parameters(recurse=False):
        if name in names:
            part.register_parameter(name, parameter)
    for name, buffer in module.named_buffers(recurse=False):
        if name in names:
            part.register_buffer(name, buffer, persistent=name not in module._non_persistent_buffers_set)
