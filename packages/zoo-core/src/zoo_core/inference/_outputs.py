"""Going through what models return: tensors in lists, dictionaries, and dataclasses."""

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

from torch.utils._pytree import tree_leaves, tree_map


def leaves(outputs: Any) -> list[Any]:  # what a model gives
    """Return everything in nested collections and dataclasses that is neither."""
    found: list[Any] = []
    for leaf in tree_leaves(outputs, is_leaf=_is_record):
        found += leaves(_fields(leaf)) if _is_record(leaf) else [leaf]
    return found


def mapped(function: Callable[[Any], Any], outputs: Any) -> Any:  # as what was given
    """Return the same collections and dataclasses around the results of a function of their leaves."""

    def of_leaf(leaf: Any) -> Any:
        if not _is_record(leaf):
            return function(leaf)
        result = copy.copy(leaf)
        for name, value in _fields(leaf).items():
            object.__setattr__(result, name, mapped(function, value))  # frozen ones, too
        return result

    return tree_map(of_leaf, outputs, is_leaf=_is_record)


def _is_record(value: object) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _fields(record: Any) -> dict[str, Any]:  # a dataclass's instance
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
