"""What `optimize` returns, and what models do: tensors in lists, dictionaries and dataclasses."""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map


class OptimizedModel(nn.Module):
    """A model made ready for inference. Gives what the original gives, without gradients, in the original's dtype.

    Args:
        model: What is called.
        memory_format: What images are brought into.
        dtype: What floating-point inputs are brought into; `None` leaves them.
        steps: What was done, for people.
    """

    def __init__(
        self, model: nn.Module, memory_format: torch.memory_format, dtype: torch.dtype | None, steps: Sequence[str]
    ) -> None:
        super().__init__()
        self.model = model
        self._is_channels_last = memory_format is torch.channels_last  # which torch.save cannot write
        self.dtype = dtype
        self.steps = tuple(steps)
        self.eval()

    @property
    def memory_format(self) -> torch.memory_format:
        """What images are brought into."""
        return torch.channels_last if self._is_channels_last else torch.contiguous_format

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # as the model
        """Call the model."""
        with torch.inference_mode():
            outputs = self.model(*self.prepare(args), **tree_map(self._prepare, kwargs))
            return outputs if self.dtype is None else mapped(_in_float32, outputs)

    def train(self, mode: bool = True) -> "OptimizedModel":
        """Refuse to be trained.

        Raises:
            ValueError: `mode` is true.
        """
        if mode:
            raise ValueError("An optimised model cannot be trained: train the original, and optimise it again.")
        return super().train(mode)

    def extra_repr(self) -> str:
        """Tell what was done."""
        return ", ".join(self.steps)

    def prepare(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Bring inputs into the dtype and the order of dimensions that the model runs in."""
        prepared: tuple[Any, ...] = tree_map(self._prepare, args)
        return prepared

    def _prepare(self, value: Any) -> Any:  # a leaf of the arguments
        if not isinstance(value, Tensor):
            return value
        if self.dtype is not None and value.is_floating_point():
            value = value.to(self.dtype)
        is_batch_of_images = value.ndim == 4 and self._is_channels_last
        return value.contiguous(memory_format=torch.channels_last) if is_batch_of_images else value


def _in_float32(value: Any) -> Any:  # a leaf of the outputs
    return value.float() if isinstance(value, Tensor) and value.is_floating_point() else value


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
