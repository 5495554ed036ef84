"""What an expert would do by hand before running a model in production."""

import copy
import math
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from ._checking import TOLERANCES, check_outputs, comparable
from ._examples import example_of
from ._folding import fold_batch_norms
from ._packing import can_pack, pack
from ._recording import record

PACKED_DTYPES = frozenset({torch.float32, torch.bfloat16})
ROUNDS = 10
SECONDS = 2.0
"""How often each variant is tried, and how long all of them may take, after a first round that prepares them."""


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
        self.memory_format = memory_format
        self.dtype = dtype
        self.steps = tuple(steps)
        self.eval()

    def forward(self, *args: Any, **kwargs: Any) -> Any:  # as the model
        """Call the model."""
        with torch.inference_mode():
            outputs = self.model(*self.prepare(args), **tree_map(self._prepare, kwargs))
            return outputs if self.dtype is None else tree_map(_in_float32, outputs)

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
        is_batch_of_images = value.ndim == 4 and self.memory_format is torch.channels_last
        return value.contiguous(memory_format=torch.channels_last) if is_batch_of_images else value


def optimize(
    model: nn.Module,
    example: tuple[Any, ...] | None = None,
    *,
    dtype: torch.dtype | None = None,
    compile: bool = False,  # noqa: A002
) -> OptimizedModel:
    """Return a faster copy of a model, for inference only. The model itself stays as it is.

    Batch norms are folded into the layers before them; on a CPU, convolutions and linear layers get their weights into
    the layout of its kernels, with the activations behind them; images become channels-last where that is faster; no
    gradients are recorded. What is done is decided by running the model on `example`: the fastest of the variants is
    returned, which may be the plain model. The outputs are compared with the model's own.

    Args:
        model: Any module that can be copied.
        example: What the model is called with, of a typical size. May be left out for zoo's own models.
        dtype: `torch.bfloat16` or `torch.float16`: compute in it, where the hardware gains from that. Outputs stay
            float32. Sums, coordinates and the like then have two or three digits: not for detection.
        compile: Let `torch.compile` make one program of it, which takes minutes at the first call.

    Returns:
        The optimised copy. In float32 its outputs differ from the model's by rounding, on average by at most 1e-3
        standard deviations.

    Raises:
        ValueError: There is no example, the model computes in integers or in another dtype, or `dtype` is not for it.
        OptimizationError: The copy gives other outputs: please report it.

    Example:
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
        >>> images = torch.rand(1, 3, 32, 32)
        >>> fast = optimize(network, (images,))
        >>> torch.allclose(fast(images), network(images), atol=1e-5)
        True
    """
    example = example_of(model) if example is None else example
    plain = _frozen_copy(model)
    _check_dtype(plain, dtype)
    with torch.inference_mode():
        expected = comparable(plain(*example))
    variants = _variants(plain, example, dtype)
    if compile:  # which packs and fuses by itself
        best = _fastest(variants, example)
        best.model = torch.compile(best.model)  # type: ignore[assignment] # a module again
    else:
        best = _fastest(_packed(variants[0], example) + variants, example)
    check_outputs(comparable(best(*example)), expected, dtype or _dtype_of(model))
    return best


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


def _variants(plain: nn.Module, example: tuple[Any, ...], dtype: torch.dtype | None) -> list[OptimizedModel]:
    """Return the ways to run the model with torch's own layers."""
    steps = []
    recording = record(plain, example)
    folded = fold_batch_norms(plain, recording)
    if folded:
        steps.append(f"{folded} batch norms folded")
    if dtype is not None:
        plain = plain.to(dtype)
        steps.append(str(dtype).removeprefix("torch."))
    variants = [OptimizedModel(plain, torch.contiguous_format, dtype, steps)]
    if any(isinstance(layer, nn.Conv2d) for layer in recording.ran):
        last = copy.deepcopy(plain).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        variants.append(OptimizedModel(last, torch.channels_last, dtype, [*steps, "channels last"]))
    return variants


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
    """Run the variants in turn, and return the one whose best run was the shortest."""
    if len(variants) == 1:
        return variants[0]
    best = dict.fromkeys(range(len(variants)), math.inf)
    deadline = math.inf
    for round_number in range(ROUNDS + 1):
        for number, variant in enumerate(variants):
            seconds = _seconds(variant, example)
            if round_number > 0:  # the first one prepares
                best[number] = min(best[number], seconds)
        if round_number == 0:
            deadline = time.perf_counter() + SECONDS
        elif round_number > 1 and time.perf_counter() > deadline:
            break
    return variants[min(best, key=best.__getitem__)]


def _seconds(variant: OptimizedModel, example: tuple[Any, ...]) -> float:
    started = time.perf_counter()
    outputs = tree_leaves(variant(*example))
    if any(isinstance(leaf, Tensor) and leaf.is_cuda for leaf in outputs):
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _in_float32(value: Any) -> Any:  # a leaf of the outputs
    return value.float() if isinstance(value, Tensor) and value.is_floating_point() else value
