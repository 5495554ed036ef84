"""State dicts from before a layer got the name of today."""

from collections.abc import Mapping, MutableMapping
from functools import partial

from torch import Tensor, nn


def rename_older_keys(module: nn.Module, names: Mapping[str, str]) -> None:
    """Let a module load state dicts that call its layers by older names, too.

    Args:
        module: Holds the layers, at whatever depth.
        names: Today's name of each layer by its older one, both as seen from `module`.

    Example:
        >>> from torch import nn
        >>> from zoo_core.layers import rename_older_keys
        >>> import torch
        >>> block = nn.Sequential(nn.Linear(1, 1))
        >>> rename_older_keys(block, {"linear": "0"})
        >>> block.load_state_dict({"linear.weight": torch.ones(1, 1), "linear.bias": torch.zeros(1)})
        <All keys matched successfully>
    """
    # No closure: networks can be pickled.
    module.register_load_state_dict_pre_hook(partial(_rename, dict(names)))  # type: ignore[no-untyped-call]


def _rename(
    names: Mapping[str, str], _: nn.Module, state: MutableMapping[str, Tensor], prefix: str, *__: object
) -> None:
    """Rename what layers hold themselves: `conv.weight` for `conv`, but not `conv.0.weight`."""
    for key in [key for key in state if key.startswith(prefix)]:
        layer, _dot, tensor = key.removeprefix(prefix).rpartition(".")
        if layer in names:
            state[f"{prefix}{names[layer]}.{tensor}"] = state.pop(key)
