"""How long a forward pass takes in eager mode, evaluation, on this CPU: ours against torchvision's, turn by turn.

    nox -s bench -- forward [MODEL...]

Both models hold the same parameters and see the same images; the table says by how much their outputs differ.
"""

import sys
import time
from collections.abc import Callable

import torch
import torchvision
from torch import Tensor, nn

from measure import in_turn, milliseconds, print_table, ratio
from reference.families import one_of_each
from reference.fill import calibrate_, fill_, image_batch
from zoo_core import get_model

CASES = [(batch, layout) for batch in (1, 8) for layout in ("contiguous", "channels last")]
SECONDS = 1.5
"""How long to measure each of the two, about, for each case."""


def main(names: list[str]) -> None:
    torch.manual_seed(0)
    rows = [row for name in names for row in compare(name)]
    header = ("model", "batch", "layout", "zoo", "torchvision", "torchvision : zoo", "difference")
    print_table("Forward, eager, evaluation", header, rows)


def compare(name: str) -> list[tuple[object, ...]]:
    """Measure one model in every case."""
    side = 299 if name == "inception_v3" else 256 if name.startswith("swin_v2") else 224
    theirs = fill_(torchvision.models.get_model(name, weights=None, **extra(name)))
    calibrate_(theirs, image_batch((1, 3, side, side)))  # values of ordinary size: others take other times
    ours = get_model(name, **extra(name)).eval()
    ours.load_state_dict(theirs.state_dict())
    rows = []
    for batch, layout in CASES:
        images = torch.randn(batch, 3, side, side)
        memory_format = torch.channels_last if layout == "channels last" else torch.contiguous_format
        pair = [model.to(memory_format=memory_format) for model in (ours, theirs)]
        times, difference = measure(pair, images.contiguous(memory_format=memory_format))
        rows.append((name, batch, layout, *map(milliseconds, times), f"{ratio(*times):.2f}", f"{difference:.0e}"))
        print("  ", *rows[-1], file=sys.stderr)
    return rows


def extra(name: str) -> dict[str, bool]:
    """Spare GoogLeNet and Inception the minute that torchvision's default initialisation takes."""
    return {"init_weights": False} if name in {"googlenet", "inception_v3"} else {}


@torch.inference_mode()
def measure(models: list[nn.Module], images: Tensor) -> tuple[list[list[float]], float]:
    """Return the times of each model, and the largest difference of their outputs in standard deviations."""
    ours, theirs = (model(images) for model in models)
    started = time.perf_counter()
    models[0](images)
    rounds = max(5, min(60, int(SECONDS / (time.perf_counter() - started))))
    times = in_turn([timed(model, images) for model in models], rounds)
    return times, ((ours - theirs).abs().max() / theirs.std()).item()


def timed(model: nn.Module, images: Tensor) -> Callable[[], float]:
    """Return a function that measures one forward pass."""

    def run() -> float:
        started = time.perf_counter()
        model(images)
        return time.perf_counter() - started

    return run


if __name__ == "__main__":
    main(sys.argv[1:] or one_of_each())
