"""How long detection in one image takes in eager mode on this CPU, and how much memory: ours against torchvision's.

    nox -s bench -- detection [--side PIXELS] [MODEL...]

Both models are built as with weights, frozen batch norm and all, hold the same synthetic parameters, and see the same
image of 640 x 480 pixels, which they resize as they are made to, or to a shorter side of PIXELS, so that a slow machine
finishes. The thresholds of two-stage models are low enough for as many detections as they return at most, since what
comes after the network counts. Times are of the processor, so that other processes disturb them little. Memory is what
the resident memory of a fresh process grows by at most in a second pass.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from float_models import inputs_for, trained_pair
from measure import in_turn, milliseconds, print_table, process_figure, ratio
from reference.agreement import share_in_place
from reference.records import spread_scores_, tolerance
from zoo_core import list_models

FOLDER = Path(__file__).resolve().parent
ROUNDS = 3
SIDES = ("zoo", "torchvision")


def main(names: list[str], side: int | None) -> None:
    torch.manual_seed(0)
    rows = [compare(name, side) for name in names]
    header = ("model", "detections", *SIDES, "torchvision : zoo", *(f"memory {name}" for name in SIDES), "in place")
    print_table("Detection in one image, eager, evaluation", header, rows)


def build(name: str, side: int | None) -> tuple[nn.Module, nn.Module]:
    """Build both models."""
    kwargs: dict[str, Any] = {} if side is None or name.startswith("ssd") else {"min_size": side}
    if "rcnn" in name:
        kwargs["box_score_thresh"] = 0.012
    ours, theirs = map(spread_scores_, trained_pair(name, **kwargs))
    return ours, theirs


@torch.inference_mode()
def compare(name: str, side: int | None) -> tuple[object, ...]:
    """Measure one model."""
    models = build(name, side)
    (images,) = inputs_for(name, 1)
    found, expected = (model(images) for model in models)
    times = in_turn([timed(model, images) for model in models], ROUNDS)
    script = f"import sys; sys.path.insert(0, {str(FOLDER)!r}); import detection; detection.print_memory"
    grown = [process_figure(f"{script}({name!r}, {index}, {side})")() for index in range(len(SIDES))]
    row = (
        name,
        len(found[0]["scores"]),
        *map(milliseconds, times),
        f"{ratio(*times):.2f}",
        *(f"{figure:.0f} MiB" for figure in grown),
        f"{share_in_place(found, expected, tolerance(name)):.0%}",
    )
    print("  ", *row, file=sys.stderr)
    return row


def timed(function: Callable[..., object], *arguments: object) -> Callable[[], float]:
    """Return a function that measures one call."""

    def run() -> float:
        started = time.process_time()
        function(*arguments)
        return time.process_time() - started

    return run


@torch.inference_mode()
def print_memory(name: str, index: int, side: int | None) -> None:
    """Print by how many MiB this process grows at most while one of the two models detects."""
    model = build(name, side)[index]
    (images,) = inputs_for(name, 1)
    model(images)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = memory("VmRSS")
    model(images)
    print(memory("VmHWM") - before)


def memory(entry: str) -> float:
    """Return a figure of this process as Linux tells it, in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(entry)) / 1024


if __name__ == "__main__":
    arguments = sys.argv[1:]
    pixels = int(arguments.pop(arguments.index("--side") + 1)) if "--side" in arguments else None
    main([name for name in arguments if name != "--side"] or list_models("zoo_detection"), pixels)
