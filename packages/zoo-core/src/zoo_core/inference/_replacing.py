"""Putting one module in the place of another."""

from torch import nn


def replace(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """Put a module in the place of another, wherever in the model it stands."""
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):  # named_children() has each once
            if child is old:
                setattr(parent, name, new)
