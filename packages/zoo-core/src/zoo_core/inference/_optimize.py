"""What an expert would do by hand before running a model in production."""

import copy
import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ._checking import TOLERANCES, check_outputs, comparable
from ._examples import example_of
from ._folding import fold_batch_norms
from ._optimized_model import OptimizedModel, leaves
from ._packing import can_pack, pack
from ._recording import record

_log = logging.getLogger(__name__)

PACKED_DTYPES = frozenset({torch.float32, torch.bfloat16})
ROUNDS = 10
SECONDS = 2.0
"""How often each variant is timed, and how long all of them may take, but for two rounds."""


def optimize(
    model: nn.Module,
    example: tuple[Any, ...] | None = None,
    *,
    dtype: torch.dtype | None = None,
    compile: bool = False,  # noqa: A002
    repeatable: bool = False,
) -> OptimizedModel:
    """Return a faster copy of a model, for inference only. The model itself stays as it is.

    Batch norms are folded into the layers before them; on a CPU, convolutions and linear layers get their weights into
    the layout of its kernels, with the activations behind them; images become channels-last where that is faster; no
    gradients are recorded. What is done is decided by running the model on `example`: the fastest of the variants is
    returned, of those whose outputs are the model's own; it may be the plain model. Layers with hooks stay as they are.

    Args:
        model: Any module that can be copied.
        example: What the model is called with, of a typical size: what is fastest for one image may not be for many.
            May be left out for zoo's own models, which get one image.
        dtype: `torch.bfloat16` or `torch.float16`: compute in it, where the hardware gains from that. Outputs stay
            float32. Sums, coordinates and the like then have two or three digits: not for detection.
        compile: Let `torch.compile` make one program of it, which takes minutes at the first call.
        repeatable: Take what is mostly the fastest variant, without timing: on one machine every call gives a copy that
            computes the same, bit by bit.

    Returns:
        The optimised copy. In float32 its outputs differ from the model's by rounding, on average by at most 1e-3
        standard deviations.

    Raises:
        ValueError: There is no example, `dtype` is not for the model, or its outputs cannot be compared: they are
            neither tensors, numbers nor text, in tuples, lists, dictionaries or dataclasses.
        OptimizationError: A plain copy gives other outputs than the model, as when it draws random numbers; or it does
            so in `dtype`, or compiled.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from zoo_core.inference import optimize
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
        >>> images = torch.rand(1, 3, 32, 32)
        >>> fast = optimize(network, (images,))
        >>> torch.allclose(fast(images), network(images), atol=1e-5)
        True
    """
    example = example_of(model) if example is None else example
    _check_dtype(model, dtype)
    with torch.inference_mode():
        expected = comparable(_frozen_copy(model)(*example))
    trial = _Trial(example, expected, dtype or _dtype_of(model))
    base = _base(model, dtype, trial)
    others = trial.kept(lambda: _channels_last(base))
    choose = _last if repeatable else _fastest
    if compile:  # which packs and fuses by itself
        best = choose([base, *others], example)
        best.model = torch.compile(best.model)  # type: ignore[assignment] # a module again
        trial.check(best)
        return best
    packed = trial.kept(lambda: _packed(base, example))
    return choose([base, *others, *packed], example)


class _Trial:
    """Tells whether variants, which compute in `dtype`, say what the model says to an example."""

    def __init__(self, example: tuple[Any, ...], expected: list[Any], dtype: torch.dtype) -> None:
        self.example = example
        self._expected = expected
        self._dtype = dtype

    def check(self, variant: OptimizedModel) -> None:
        """Compare the outputs. What a variant raises when it is called comes through."""
        check_outputs(comparable(variant(*self.example)), self._expected, self._dtype)

    def kept(self, make: Callable[[], Sequence[OptimizedModel]]) -> list[OptimizedModel]:
        """Return those of the variants made that say the same; none if they cannot be made for this model."""
        kept = []
        try:
            for variant in make():
                self.check(variant)
                kept.append(variant)
        except Exception as error:  # noqa: BLE001 # code of anybody's, on layers that it does not expect
            _log.debug("A way to run the model was given up: %s", error)
        return kept


def _frozen_copy(model: nn.Module) -> nn.Module:
    frozen = copy.deepcopy(model).eval()
    return frozen.requires_grad_(requires_grad=False)


def _dtype_of(model: nn.Module) -> torch.dtype:
    """Return what a model computes in."""
    found = {tensor.dtype for tensor in model.parameters()} & TOLERANCES.keys()
    return next(iter(found)) if len(found) == 1 else torch.float32


def _check_dtype(model: nn.Module, dtype: torch.dtype | None) -> None:
    found = {tensor.dtype for tensor in model.parameters()}
    if dtype is None:
        return
    if dtype not in TOLERANCES:
        raise ValueError(f"dtype should be one of {', '.join(map(str, TOLERANCES))}, found {dtype}.")
    if found != {torch.float32}:
        raise ValueError(f"A model in float32 can be brought to {dtype}; this one has {', '.join(map(str, found))}.")


def _base(model: nn.Module, dtype: torch.dtype | None, trial: _Trial) -> OptimizedModel:
    """Return the model in the dtype, with its batch norms folded if it stays itself then; refuse one that is not."""
    folded = trial.kept(lambda: [_folded(model, trial.example, dtype)])
    if folded:
        return folded[0]
    plain = _in_dtype(_frozen_copy(model), [], dtype)
    trial.check(plain)
    return plain


def _folded(model: nn.Module, example: tuple[Any, ...], dtype: torch.dtype | None) -> OptimizedModel:
    copied = _frozen_copy(model)
    count = fold_batch_norms(copied, record(copied, example))
    return _in_dtype(copied, [f"{count} batch norms folded"] if count else [], dtype)


def _in_dtype(model: nn.Module, steps: list[str], dtype: torch.dtype | None) -> OptimizedModel:
    if dtype is not None:
        model = model.to(dtype)
        steps = [*steps, str(dtype).removeprefix("torch.")]
    return OptimizedModel(model, torch.contiguous_format, dtype, steps)


def _channels_last(variant: OptimizedModel) -> list[OptimizedModel]:
    """Return the way to run a variant on images in channels-last, if it has layers that gain from that."""
    if not any(isinstance(layer, nn.Conv2d) for layer in variant.modules()):
        return []
    model = copy.deepcopy(variant.model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return [OptimizedModel(model, torch.channels_last, variant.dtype, [*variant.steps, "channels last"])]


def _packed(variant: OptimizedModel, example: tuple[Any, ...]) -> list[OptimizedModel]:
    """Return the ways to run a variant with packed layers, where this machine can."""
    first = next(variant.parameters(), None)
    if first is None or first.device.type != "cpu" or first.dtype not in PACKED_DTYPES or not can_pack():
        return []
    model = copy.deepcopy(variant.model)
    count = pack(model, record(model, variant.prepare(example)))
    steps = [*variant.steps, f"{count} layers packed"]
    return [
        OptimizedModel(model, torch.contiguous_format, variant.dtype, steps),
        OptimizedModel(model, torch.channels_last, variant.dtype, [*steps, "channels last"]),
    ]


def _fastest(variants: Sequence[OptimizedModel], example: tuple[Any, ...]) -> OptimizedModel:
    """Run the variants, which have run before, in turn, and return the one whose best run was the shortest."""
    if len(variants) == 1:
        return variants[0]
    best = dict.fromkeys(range(len(variants)), math.inf)
    deadline = time.perf_counter() + SECONDS
    for round_number in range(ROUNDS):
        for number, variant in enumerate(variants):
            best[number] = min(best[number], seconds_of_call(variant, example))
        if round_number > 0 and time.perf_counter() > deadline:
            break
    return variants[min(best, key=best.__getitem__)]


def _last(variants: Sequence[OptimizedModel], _example: tuple[Any, ...]) -> OptimizedModel:
    """Return the variant for which the most was done."""
    return variants[-1]


def seconds_of_call(model: nn.Module, example: tuple[Any, ...]) -> float:
    """Call a model; return how long it took."""
    started = time.perf_counter()
    outputs = leaves(model(*example))
    if any(isinstance(leaf, Tensor) and leaf.is_cuda for leaf in outputs):
        torch.cuda.synchronize()
    return time.perf_counter() - started
