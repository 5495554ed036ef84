"""Int8 tensors of files as integers with scales: read without the quantised tensors of torch, which it may not have."""

import pickle
from collections import OrderedDict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor


class QuantizedTensor(NamedTuple):
    """What a tensor of `torch.qint8` consists of: its values are `(integers - zero_points) * scales`.

    Example:
        >>> import torch
        >>> from zoo_core.checkpoints import QuantizedTensor
        >>> QuantizedTensor(torch.tensor([[1], [-2]], dtype=torch.int8), torch.tensor([0.5, 0.25]), torch.zeros(2))
        QuantizedTensor(integers=tensor([[ 1],
                [-2]], dtype=torch.int8), scales=tensor([0.5000, 0.2500]), zero_points=tensor([0., 0.]))
    """

    integers: Tensor
    """int8, of any shape."""
    scales: Tensor
    """One for all values, of shape `()`, or one for each place of the first axis."""
    zero_points: Tensor
    """As many as there are scales."""

    @classmethod
    def of(cls, tensor: Tensor) -> "QuantizedTensor":
        """Take apart a quantised tensor of torch.

        Raises:
            ValueError: It is none of int8, or has scales for another axis than the first.
        """
        if not tensor.is_quantized or tensor.dtype != torch.qint8:
            raise ValueError(f"expected a tensor of torch.qint8, found {tensor.dtype}")
        if tensor.qscheme() in {torch.per_tensor_affine, torch.per_tensor_symmetric}:
            scales = torch.tensor(tensor.q_scale(), dtype=torch.float64)
            return cls(tensor.int_repr(), scales, torch.tensor(tensor.q_zero_point()))
        _require_first_axis(tensor.q_per_channel_axis())
        return cls(tensor.int_repr(), tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points())


class _Made:
    """A function that a pickle may call; nothing that it holds can be changed."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *args: Any) -> Any:  # what the function returns
        return self._make(*args)

    def __setstate__(self, state: object) -> NoReturn:
        raise pickle.UnpicklingError("it changes what it calls")


def _rebuild(
    storage: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], parameters: tuple[Any, ...], *_: Any
) -> QuantizedTensor:
    """Do as `torch._utils._rebuild_qtensor`, without such a tensor."""
    if getattr(storage, "dtype", None) not in {_QINT8, torch.int8}:
        raise ValueError("a quantised tensor has another type than int8")
    bytes_of = storage._untyped_storage
    needed = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True)) + 1
    if min(offset, *size, *stride, 0) < 0 or (0 not in size and needed > bytes_of.nbytes()):
        raise ValueError("a quantised tensor has more values than its storage")
    integers = torch.empty(0, dtype=torch.int8, device=bytes_of.device).set_(bytes_of, offset, size, stride)
    scheme, *found = parameters
    if str(scheme) == "torch.per_tensor_affine":
        scale, zero_point = found
        return QuantizedTensor(integers, torch.tensor(float(scale), dtype=torch.float64), torch.tensor(int(zero_point)))
    if str(scheme) != "torch.per_channel_affine":
        raise ValueError(f"a quantised tensor has the scheme {scheme}")
    scales, zero_points, axis = found
    _require_first_axis(axis)
    scales, zero_points = (torch.as_tensor(each) for each in (scales, zero_points))
    if not size or scales.shape != (size[0],) or zero_points.shape != (size[0],):
        raise ValueError("a quantised tensor has scales of another shape")
    return QuantizedTensor(integers, scales, zero_points)


def _require_first_axis(axis: object) -> None:
    if axis != 0:
        raise ValueError(f"a quantised tensor should have a scale for each place of its first axis, found axis {axis}")


_QINT8 = getattr(torch, "qint8", None)
_CALLED: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_qtensor": _rebuild,
    "torch._utils._rebuild_tensor": torch._utils._rebuild_tensor,
    "torch._utils._rebuild_tensor_v2": torch._utils._rebuild_tensor_v2,
    "torch._utils._rebuild_parameter": torch._utils._rebuild_parameter,
    "torch.Size": torch.Size,
}
_NAMES = {"torch.per_tensor_affine", "torch.per_channel_affine", "torch.qint8"}
"""What torch may not have; here they are names."""


class _Unpickler(pickle.Unpickler):
    """Makes tensors, dictionaries and tuples, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:  # of any type
        full = f"{module}.{name}"
        if full == "collections.OrderedDict":
            return OrderedDict
        if full in _CALLED:
            return _Made(_CALLED[full])
        if full in _NAMES:
            return torch.int8 if name == "qint8" else full
        if module == "torch" and name == "QInt8Storage":  # torch itself knows the others, and this as long as it can
            return SimpleNamespace(dtype=torch.int8)
        found = getattr(torch, name, None) if module == "torch" else None
        if isinstance(found, torch.dtype):
            return found
        raise pickle.UnpicklingError(f"it names {full}, of which no int8 state is made")


class PickleOfIntegers:
    """In place of the module `pickle`, for `torch.load`: int8 tensors come out as `QuantizedTensor`."""

    Unpickler = _Unpickler

    @staticmethod
    def load(file: Any, **options: Any) -> Any:  # what the pickle holds
        return _Unpickler(file, **options).load()
