"""What was read, before anything is done with it."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ._quantized import QuantizedTensor

_MOST_DIMENSIONS = 64
"""What torch computes with."""


def checked_state(found: object, size: int, *, may_be_meta: bool = False) -> Mapping[str, Tensor]:
    """Return a state dictionary as `load_state_dict` takes it: ordinary tensors by name, and the modules' versions.

    Args:
        found: What a file holds.
        size: Bytes of the file, which pay for all its tensors together.
        may_be_meta: Whether tensors may have no values.

    Raises:
        ValueError: It is none; the text says why.
    """
    if type(found) not in {dict, OrderedDict}:
        raise ValueError(f"expected tensors by name, found a {type(found).__name__}")
    assert isinstance(found, dict)
    state: OrderedDict[str, Tensor] = OrderedDict()
    storages: dict[int, int] = {}
    for name, value in dict.items(found):
        if not isinstance(name, str):
            raise ValueError(f"a name should be a text, found {_shown(name)}")
        for tensor in _tensors(name, value):
            _check(name, tensor, size, may_be_meta=may_be_meta)
            if not tensor.is_meta:
                storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        state[name] = value
    if sum(storages.values()) > size:
        raise ValueError(f"its tensors have {sum(storages.values()):,} bytes, but the file has {size:,}")
    versions = vars(found).get("_metadata") if isinstance(found, OrderedDict) else None
    if versions is not None:
        state._metadata = _checked_versions(versions)  # type: ignore[attr-defined] # load_state_dict looks for it
    return state if isinstance(found, OrderedDict) else dict(state)


def _tensors(name: str, value: object) -> tuple[Tensor, ...]:
    """Return the tensors of an entry: the entry, or those in it, as int8 layers keep tuples, and dtypes."""
    if isinstance(value, Tensor):
        return (value,)
    if isinstance(value, tuple):
        parts = (each if isinstance(each, QuantizedTensor) else (each,) for each in value)
        return tuple(each for part in parts for each in part if isinstance(each, Tensor))
    if isinstance(value, torch.dtype):
        return ()
    hint = ""
    if isinstance(value, Mapping) and value and all(isinstance(each, Tensor) for each in value.values()):
        hint = f": if that is the model's state, save it alone, `torch.save(checkpoint[{name!r}], path)`"
    raise ValueError(f"{name[:80]!r} should be a tensor, found {_shown(value)}{hint}")


def _check(name: str, tensor: Tensor, size: int, *, may_be_meta: bool) -> None:
    """Refuse a tensor without values of its own, and one that would have more of them than the file has."""
    if type(tensor) not in {Tensor, nn.Parameter}:
        raise ValueError(f"{name[:80]!r} is a tensor of the type {type(tensor).__name__}")
    if tensor.layout != torch.strided:
        raise ValueError(f"{name[:80]!r} is not dense but {tensor.layout}")
    if tensor.dim() > _MOST_DIMENSIONS:
        raise ValueError(f"{name[:80]!r} has {tensor.dim()} dimensions")
    if tensor.is_meta and not may_be_meta:
        raise ValueError(f"{name[:80]!r} is on the device 'meta': the file states its shape, but not its values")
    needed = tensor.numel() * tensor.element_size()
    if needed > size:
        raise ValueError(f"{name[:80]!r} would have {needed:,} bytes, but the file has {size:,}: it repeats few values")


def _checked_versions(versions: object) -> Mapping[str, Any]:
    """Return the versions of modules by their names, as `state_dict` notes them."""
    if not isinstance(versions, dict):
        raise ValueError(f"the modules' versions should be by name, found {_shown(versions)}")
    for name, facts in versions.items():
        if not isinstance(name, str) or not isinstance(facts, dict):
            raise ValueError(f"the modules' versions should be by name, found {_shown(facts)} of {_shown(name)}")
        if not isinstance(facts.get("version"), int | None):
            raise ValueError(f"the version of {name[:80]!r} should be a number, found {_shown(facts['version'])}")
    return versions


def _shown(value: object) -> str:
    kind = type(value).__name__
    return f"a {kind}" if len(kind) > 1 and not isinstance(value, int | str) else f"{value!r:.80}"
