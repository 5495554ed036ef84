"""Postpones the initialisation of parameters until somebody reads them: those that a file replaces never need it."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_WRITES = {
    "bernoulli_", "constant_", "dirac_", "eye_", "fill_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_",
    "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zero_", "zeros_",
    "add_", "clamp_", "clamp_max_", "clamp_min_", "div_", "erfinv_", "mul_", "sub_",
}  # fmt: skip
"""The operations that wait: those that `torch.nn.init` has and consists of. They change values, nothing else."""

_ASKS = {"__get__", "__set__", "__len__", "__hash__", "data_ptr", "dim", "element_size", "is_contiguous", "is_complex",
         "is_floating_point", "numel", "requires_grad_", "size", "stride", "untyped_storage"}  # fmt: skip
"""What does not look at values. Anything that is not listed is taken to, which is always right, only slower."""


class DeferredInitialization(TorchFunctionMode):
    """Inside this context, in-place operations on parameters are kept and done only when their values are needed.

    The parameters are allocated but their memory is not touched, so a model costs next to nothing until its values
    come from a file. Everything else, buffers above all, is computed as always. A parameter that is read while its
    operations wait gets them done first: no value can be observed that an ordinary construction would not have given,
    except that the random numbers are drawn in another order.

    Call `finish` afterwards for the parameters that no file has replaced.

    Example:
        >>> from torch import nn
        >>> from zoo_core.building import DeferredInitialization
        >>> with DeferredInitialization() as deferred:
        ...     layer = nn.Linear(4096, 4096)
        >>> deferred.finish(layer.parameters())
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[int, list[Callable[[], object]]] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],  # the protocol's signature
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # the protocol's signature
        """Keep the operation if it only writes to a parameter, else do it, after what its operands still wait for."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _ASKS:
            return func(*args, **kwargs)
        tensors = list(_tensors((*args, *kwargs.values())))
        if name in _WRITES and len(tensors) == 1:
            key = _storage(tensors[0])
            if key in self._waiting or isinstance(tensors[0], nn.Parameter):
                self._waiting.setdefault(key, []).append(functools.partial(func, *args, **kwargs))
                return tensors[0]
        if tensors and self._waiting:
            with torch._C.DisableTorchFunction():  # what modes themselves use
                self.finish(tensors)
        return func(*args, **kwargs)

    def finish(self, parameters: Iterable[Tensor]) -> None:
        """Do what `parameters` still wait for; a parameter that waits for nothing stays as it is."""
        for parameter in parameters:
            operations = self._waiting.pop(_storage(parameter), ())
            with torch.no_grad():
                for operation in operations:
                    operation()


def _tensors(operands: Iterable[object]) -> Iterator[Tensor]:
    for operand in operands:
        if isinstance(operand, Tensor):
            yield operand
        elif isinstance(operand, (list, tuple)):
            yield from _tensors(operand)


def _storage(tensor: Tensor) -> int:
    """Identify the memory, which all views of a tensor share; what waits holds on to it, so it is not given again."""
    return int(tensor.untyped_storage()._cdata)
