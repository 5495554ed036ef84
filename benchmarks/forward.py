"""How long a forward pass takes in eager mode, evaluation, on this CPU: ours against torchvision's, turn by turn.

    nox -s bench -- forward [MODEL...]

Both models hold the same parameters and see the same inputs; the table says by how much their outputs differ.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from float_models import cases, inputs_for, pair
from measure import in_turn, milliseconds, print_table, ratio
from reference.agreement import difference
from reference.families import one_of_each

SECONDS = 1.5
"""How long to measure each of the two, about, for each case."""


def main(names: list[str]) -> None:
    torch.manual_seed(0)
    rows = [row for name in names for row in compare(name)]
    header = ("model", "batch", "layout", "zoo", "torchvision", "torchvision : zoo", "difference")
    print_table("Forward, eager, evaluation", header, rows)


def compare(name: str) -> list[tuple[object, ...]]:
    """Measure one model in every case."""
    ours, theirs = pair(name)
    ours.load_state_dict(theirs.state_dict())
    rows = []
    for batch, memory_format in cases(name):
        models = [model.to(memory_format=memory_format) for model in (ours, theirs)]  # type: ignore[call-overload] # in no stub of torch
        inputs = [in_format(value, memory_format) for value in inputs_for(name, batch)]
        times, apart = measure(models, inputs)
        layout = str(memory_format).removeprefix("torch.").removesuffix("_format").replace("_", " ")
        rows.append((name, batch, layout, *map(milliseconds, times), f"{ratio(*times):.2f}", f"{apart:.0e}"))
        print("  ", *rows[-1], file=sys.stderr)
    return rows


def in_format(value: Any, memory_format: torch.memory_format) -> Any:
    """Lay out a batch of images; a list of images stays as it is."""
    return value.contiguous(memory_format=memory_format) if isinstance(value, Tensor) else value


@torch.inference_mode()
def measure(models: list[nn.Module], inputs: list[Any]) -> tuple[list[list[float]], float]:
    """Return the times of each model, and the largest difference of their outputs in standard deviations."""
    ours, theirs = (model(*inputs) for model in models)
    started = time.perf_counter()
    models[0](*inputs)
    rounds = max(5, min(60, int(SECONDS / (time.perf_counter() - started))))
    times = in_turn([timed(model, *inputs) for model in models], rounds)
    return times, difference(ours, theirs)


def timed(model: nn.Module, *inputs: Any) -> Callable[[], float]:
    """Return a function that measures one forward pass."""

    def run() -> float:
        started = time.perf_counter()
        model(*inputs)
        return time.perf_counter() - started

    return run


if __name__ == "__main__":
    main(sys.argv[1:] or one_of_each())
