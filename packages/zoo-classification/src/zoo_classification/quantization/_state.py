"""The states of int8 layers, as published files have them, and as integers, which every torch can hold."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from zoo_core.checkpoints import QuantizedTensor

from . import _kernels as kernels

WEIGHT = ("weight_integers", "weight_scales", "weight_zero_points")
"""The buffers of a layer that a `QuantizedTensor` consists of."""

_as_integers = ContextVar("_as_integers", default=False)


@contextmanager
def states_as_integers() -> Iterator[None]:
    """Inside, int8 layers state themselves as integers, as they always do where torch has no tensors for it."""
    token = _as_integers.set(True)
    try:
        yield
    finally:
        _as_integers.reset(token)


class Int8State(kernels.Scaled):
    """Has its scale in its state, as the layers of torch do."""

    keeps_scales_in_vectors = False

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        shape = (1,) if self.keeps_scales_in_vectors else ()
        destination[f"{prefix}scale"] = torch.tensor(self.scale).reshape(shape)
        destination[f"{prefix}zero_point"] = torch.tensor(self.zero_point).reshape(shape)

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool, missing_keys: list[str], *others: Any
    ) -> None:
        for name, kind in (("scale", float), ("zero_point", int)):
            if f"{prefix}{name}" in state_dict:
                setattr(self, name, kind(state_dict.pop(f"{prefix}{name}").reshape(())))
            else:
                missing_keys.append(f"{prefix}{name}")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys, *others)


class WeightedState(Int8State):
    """Has a weight and a bias in its state, under the names that published files have for them."""

    weight_integers: Tensor
    weight_scales: Tensor
    weight_zero_points: Tensor
    bias: Tensor | None

    def weight(self) -> QuantizedTensor:
        """Return the weight."""
        return QuantizedTensor(*(getattr(self, name) for name in WEIGHT))

    def forget_prepared(self) -> None:
        """Forget what was made of the weight to compute with."""
        raise NotImplementedError

    def _publish(self, destination: MutableMapping[str, Any], prefix: str, weight: Tensor, bias: Tensor | None) -> None:
        """Put a weight and a bias, of which none is there, where published files have them."""
        raise NotImplementedError

    def _take_published(self, state: MutableMapping[str, Any], prefix: str) -> Any:  # as the file has it
        """Take the weight out of a state, and put the bias where the layer has it; `None` if there is no weight."""
        raise NotImplementedError

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if not _as_integers.get() and self.weight_integers.device.type == "cpu" and kernels.has_quantized_tensors():
            for name in (*WEIGHT, "bias"):
                destination.pop(f"{prefix}{name}", None)
            weight = kernels.as_tensor_of_torch(QuantizedTensor(*(each.detach() for each in self.weight())))
            self._publish(destination, prefix, weight, self.bias)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        self.forget_prepared()
        weight = self._take_published(state_dict, prefix)
        if weight is not None:
            try:
                weight = weight if isinstance(weight, QuantizedTensor) else QuantizedTensor.of(weight)
            except (AttributeError, ValueError) as error:
                error_msgs.append(f"{prefix}weight: {error}")
            else:
                state_dict |= dict(zip((f"{prefix}{name}" for name in WEIGHT), weight, strict=True))
        missing: list[str] = []
        own = [f"{prefix}{name}" for name in WEIGHT]
        if own[0] in state_dict:
            self._fit(state_dict, prefix, error_msgs)
        elif weight is None:
            missing_keys.append(f"{prefix}weight")
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, unexpected_keys, error_msgs)
        missing_keys += [name for name in missing if name not in own]

    def _fit(self, state: MutableMapping[str, Any], prefix: str, errors: list[str]) -> None:
        """Make room for one scale, or one for each channel; drop a weight of another shape."""
        integers, scales, zero_points = (state[f"{prefix}{name}"] for name in WEIGHT)
        expected, found = tuple(self.weight_integers.shape), tuple(integers.shape)
        if found != expected or {tuple(scales.shape), tuple(zero_points.shape)} - {(), expected[:1]}:
            errors.append(f"{prefix[:-1]}: expected {expected}, found {found}, with {tuple(scales.shape)} scales")
            for name in WEIGHT:
                del state[f"{prefix}{name}"]
            return
        self.weight_scales = self.weight_scales.new_ones(scales.shape)
        self.weight_zero_points = self.weight_zero_points.new_zeros(zero_points.shape)
        state[f"{prefix}weight_scales"] = scales.float()
        state[f"{prefix}weight_zero_points"] = zero_points.long()

    def _apply(self, fn: Any, recurse: bool = True) -> Any:  # as torch has it
        """Move to another device; what is computed stays exact, so nothing gets another type."""

        def moved(tensor: Tensor) -> Tensor:
            found: Tensor = fn(tensor)
            return found if found.dtype == tensor.dtype else tensor.to(found.device)

        self.forget_prepared()
        return super()._apply(moved, recurse)  # type: ignore[no-untyped-call]
