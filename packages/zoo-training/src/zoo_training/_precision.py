"""Which numbers a training computes with: what its machine is fastest with."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ._randomness import generator_of
from ._training import Batch, Training

GAIN = 1.2
"""By what bfloat16 has to be faster, for its rounding to be worth it."""


@contextmanager
def autocast(precision: str, device: torch.device) -> Iterator[None]:
    """Compute losses in a precision, inside of a `with`."""
    if precision != "bfloat16":
        yield
        return
    with torch.autocast(device.type, torch.bfloat16), _ShortInFloat32() if device.type == "cpu" else nullcontext():
        yield


class _ShortInFloat32(TorchFunctionMode):
    """Computes convolutions in float32 whose kernel is longer than the input along an axis, under autocast on the CPU.

    In bfloat16 the gradient of such a weight has parts that oneDNN never writes: whatever was in that memory. With a
    kernel of 3 that is so for clips of two frames, as in the last layers of networks for videos, and for pixels alone.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:  # the protocol's signature
        """Call a function of torch's."""
        named = kwargs or {}
        if func in _CONVOLUTIONS and _is_short(*args, **named):
            with torch.autocast("cpu", enabled=False):
                return func(*map(_widened, args), **{name: _widened(value) for name, value in named.items()})
        return func(*args, **named)


_CONVOLUTIONS = frozenset({F.conv1d, F.conv2d, F.conv3d})


def _is_short(input: Tensor, weight: Tensor, *_: Any, **__: Any) -> bool:  # noqa: A002 # as torch calls it
    lengths = input.shape[2 - weight.dim() :]
    return any(length < kernel for length, kernel in zip(lengths, weight.shape[2:], strict=True))


def _widened(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) else value


def choose_precision(training: Training[Any], model: nn.Module, device: torch.device) -> str:
    """Return `"bfloat16"` where that is faster, else `"float32"`.

    GPUs that compute in bfloat16 are faster with it. On a processor that does, steps of two samples are timed, on a
    copy of the network. Elsewhere it would be emulated.
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type != "cpu" or not _computes_bfloat16():
        return "float32"
    batch = _sample_batch(training)
    copy = deepcopy(model).train()
    try:
        return "bfloat16" if _gains(lambda name: _step(training, copy, batch, name)) else "float32"
    except (RuntimeError, NotImplementedError, ValueError):  # an operator that has no bfloat16, a batch too small
        return "float32"


def _computes_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16."""
    known = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call] # torch's
    return bool(known and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _sample_batch(training: Training[Any]) -> Batch:
    samples = [training.dataset[place] for place in range(min(2, len(training.dataset)))]
    examples = [training.example(sample, generator_of("precision", number)) for number, sample in enumerate(samples)]
    return training.batch([sample.name for sample in samples], examples, generator_of("precision"))


def _step(training: Training[Any], model: nn.Module, batch: Batch, precision: str) -> None:
    with autocast(precision, torch.device("cpu")):
        losses = training.loss(model, batch)
    torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call] # torch's


def _gains(step: Callable[[str], object]) -> bool:
    """Tell whether the second of two ways is faster by `GAIN`; each is tried once before it is timed."""
    best = {"float32": float("inf"), "bfloat16": float("inf")}
    for turn in range(4):
        for name, fastest in best.items():
            started = time.perf_counter()
            step(name)
            if turn:
                best[name] = min(fastest, time.perf_counter() - started)
    return best["float32"] > GAIN * best["bfloat16"]


def lay_out(model: nn.Module) -> None:
    """Put the weights of two-dimensional convolutions channels last, which their kernels prefer on all devices.

    Inputs and activations follow the weights.
    """
    if any(isinstance(module, nn.Conv2d) for module in model.modules()):
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it alone
