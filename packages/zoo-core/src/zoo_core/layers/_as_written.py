"""Which modules may be computed from their parameters, without calling them."""

from typing import TypeGuard, TypeVar

from torch import nn
from torch.nn.modules import module as every_module

M = TypeVar("M", bound=nn.Module)


def is_as_written(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Tell whether a module is called as its kind is written: not by another `forward`, and without hooks.

    What the `forward` of its kind computes may then be computed without calling it, by calling its children.

    Args:
        module: Any module, of `kind` or not.
        kind: The class whose `forward` is known.

    Example:
        >>> from torch import nn
        >>> from zoo_core.layers import is_as_written
        >>> layers = nn.Sequential(nn.Linear(2, 2))
        >>> is_as_written(layers, nn.Sequential)
        True
        >>> handle = layers.register_forward_hook(lambda module, inputs, output: print("called"))
        >>> is_as_written(layers, nn.Sequential)
        False
    """
    if getattr(module.forward, "__func__", None) is not kind.forward:
        return False
    forward = module._forward_hooks or module._forward_pre_hooks
    backward = module._backward_hooks or module._backward_pre_hooks
    return not (forward or backward or _every_module_has_hooks())


def _every_module_has_hooks() -> bool:
    """Tell whether there are hooks of all modules, as profilers and counters of operations have them."""
    forward = every_module._global_forward_hooks or every_module._global_forward_pre_hooks
    backward = every_module._global_backward_hooks or every_module._global_backward_pre_hooks
    return bool(forward or backward)


def is_plain(layer: nn.Module, kind: type[M]) -> TypeGuard[M]:
    """Tell whether a layer is exactly of its kind, and called as that is written.

    What it computes may then be computed from its parameters, without calling it. Not so of a layer with hooks, of one
    that has been wrapped or replaced, of a subclass, and of one whose parameters are computed
    (`torch.nn.utils.parametrize`, `weight_norm`, pruning).

    Args:
        layer: Any layer.
        kind: A layer of torch, such as `nn.Linear`.

    Example:
        >>> from torch import nn
        >>> from torch.nn.utils.parametrizations import weight_norm
        >>> from zoo_core.layers import is_plain
        >>> is_plain(nn.Linear(2, 2), nn.Linear), is_plain(weight_norm(nn.Linear(2, 2)), nn.Linear)
        (True, False)
    """
    return type(layer) is kind and is_as_written(layer, kind)
