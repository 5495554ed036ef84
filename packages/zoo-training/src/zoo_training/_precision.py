"""Which numbers a training computes with: what its machine is fastest with."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any

import torch
from torch import nn

from ._randomness import generator_of
from ._training import Batch, Training

GAIN = 1.2
"""By what bfloat16 has to be faster, for its rounding to be worth it."""


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context in which losses are computed."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext()


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
