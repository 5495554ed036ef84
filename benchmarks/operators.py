"""How long the operators of detection take on this CPU: ours, in plain PyTorch, against torchvision's compiled kernels.

    nox -s bench -- operators [--threads N] [CASE...]

Turn by turn in one process; a case is run if a word given is part of its name. With one thread it is CPU time that
counts, which other processes disturb less. The peak of memory that a call adds is measured in a process of its own for
each library and case. Results are compared first, too.
"""

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torchvision
from torch import Tensor

from measure import in_turn, milliseconds, print_table, process_figure, ratio
from zoo_detection import ops

LIBRARIES = {"zoo": ops, "torchvision": torchvision.ops}
SECONDS = 1.0
"""How long to measure each of the two, about, for each case."""
IMAGE = (800, 1088)
CLASSES = 80


class Case(NamedTuple):
    """One row of the table."""

    name: str
    prepare: Callable[[], Callable[[Any], Tensor | None]]
    """Makes the inputs, and returns what is measured: a call of the operators of a library."""


def cases() -> Iterator[Case]:
    """Yield all rows."""
    for count, side in ((1000, 7), (100, 14)):
        for size in ((200, 272), (50, 68)):
            for layout in ("contiguous", "channels last"):
                for backward in (False, True):
                    name = f"roi_align, {count} boxes, {side}x{side}, {size[0]}x{size[1]}, {layout}"
                    yield Case(
                        name + (", backward" if backward else ""),
                        partial(roi_align_case, count, side, size, layout, backward),
                    )
    yield from other_cases()
    for scene in (spread, clustered, stacked):
        for count in (300, 1000, 2000, 5000):
            for by_class in (False, True):
                yield Case(
                    f"{'batched_nms' if by_class else 'nms'}, {count} boxes, {scene.__name__}",
                    partial(nms_case, scene, count, by_class),
                )


def other_cases() -> Iterator[Case]:
    """Yield the rows of what our own detectors do not use."""
    for count in (300, 1000):
        for backward in (False, True):
            more = ", backward" if backward else ""
            for name, channels in (("roi_pool", 256), ("ps_roi_pool", 490), ("ps_roi_align", 490)):
                yield Case(f"{name}, {count} boxes, 7x7{more}", partial(pool_case, name, count, channels, backward))
    for channels, side in ((64, 64), (256, 32)):
        for backward in (False, True):
            name = f"deform_conv2d, {channels} channels, 3x3, {side}x{side}" + (", backward" if backward else "")
            yield Case(name, partial(deformed_case, channels, side, backward))
    yield Case("box_iou, 500 x 500 rotated boxes", rotated_case)


def roi_align_case(
    count: int, side: int, size: tuple[int, int], layout: str, backward: bool
) -> Callable[[Any], Tensor | None]:
    """Pool 256 channels, as box and mask heads do; the boxes are of all sizes, more than a pyramid gives one level."""
    features = torch.randn(1, 256, *size, requires_grad=backward)
    if layout == "channels last":
        features = features.detach().contiguous(memory_format=torch.channels_last).requires_grad_(backward)
    boxes, scale = [spread(count)], size[0] / IMAGE[0]
    gradient = torch.randn(count, 256, side, side)

    def run(library: Any) -> Tensor | None:
        pooled = library.roi_align(features, boxes, side, scale, 2)
        if not backward:
            return pooled
        features.grad = None
        pooled.backward(gradient)
        return features.grad

    return run


def pool_case(name: str, count: int, channels: int, backward: bool) -> Callable[[Any], Tensor | None]:
    """Pool a map of stride 16; position-sensitive means end before its borders, where gradients of theirs differ."""
    size = (50, 68)
    features, scale = torch.randn(1, channels, *size, requires_grad=backward), size[0] / IMAGE[0]
    arguments = (7, scale, 2) if name == "ps_roi_align" else (7, scale)
    boxes = [spread(count) * 0.97]

    def run(library: Any) -> Tensor | None:
        pooled = getattr(library, name)(features, boxes, *arguments)
        if not backward:
            return pooled
        features.grad = None
        pooled.backward(torch.ones_like(pooled))
        return features.grad

    return run


def deformed_case(channels: int, side: int, backward: bool) -> Callable[[Any], Tensor | None]:
    """Convolve with offsets of about a pixel and masks, as a network with deformable convolutions does."""
    features, weight = torch.randn(1, channels, side, side), torch.randn(channels, channels, 3, 3)
    offset, mask = torch.randn(1, 18, side, side), torch.rand(1, 9, side, side)
    inputs = [one.requires_grad_(backward) for one in (features, offset, weight, mask)]

    def run(library: Any) -> Tensor | None:
        output = library.deform_conv2d(*inputs[:3], padding=(1, 1), mask=mask)
        if not backward:
            return output
        for one in inputs:
            one.grad = None
        output.backward(torch.ones_like(output))
        return features.grad

    return run


def rotated_case() -> Callable[[Any], Tensor | None]:
    """Overlap boxes at any angle."""
    boxes = torch.cat((ops.box_convert(spread(500), "xyxy", "cxcywh"), torch.rand(500, 1) * 360), 1)
    return lambda library: library.box_iou(boxes, boxes.flip(0), fmt="cxcywhr")


def nms_case(scene: Callable[[int], Tensor], count: int, by_class: bool) -> Callable[[Any], Tensor | None]:
    """Suppress at 0.5, without or with classes; no two scores are equal, since torchvision's order of those varies."""
    boxes, scores, classes = scene(count), torch.randperm(count) / count, torch.randint(0, CLASSES, (count,))
    if by_class:
        return lambda library: library.batched_nms(boxes, scores, classes, 0.5)
    return lambda library: library.nms(boxes, scores, 0.5)


def spread(count: int) -> Tensor:
    """Return boxes of 16 to 512 pixels anywhere in an image."""
    sides = 16 * 32 ** torch.rand(count, 1) * 2 ** torch.empty(count, 2).uniform_(-0.5, 0.5)
    centres = torch.rand(count, 2) * torch.tensor(IMAGE[::-1])
    return ops.clip_boxes_to_image(torch.cat((centres - sides / 2, centres + sides / 2), 1), IMAGE)


def clustered(count: int) -> Tensor:
    """Return boxes around 20 objects, as a detector proposes them."""
    objects = spread(20)[torch.randint(0, 20, (count,))]
    jitter = torch.randn(count, 4) * (objects[:, 2:] - objects[:, :2]).repeat(1, 2) * 0.1
    return ops.clip_boxes_to_image(objects + jitter, IMAGE)


def stacked(count: int) -> Tensor:
    """Return boxes that all lie in one place."""
    return torch.tensor([100.0, 100.0, 300.0, 250.0]) + torch.randn(count, 4) * 10


def compare(case: Case) -> tuple[object, ...]:
    """Measure one case."""
    torch.manual_seed(0)
    run = case.prepare()
    ours, theirs = (run(library).clone() for library in LIBRARIES.values())
    difference = "same" if torch.equal(ours, theirs) else f"{differing(ours, theirs):.0e}"
    estimate = timed(run, torchvision.ops)()
    rounds = max(5, min(100, int(SECONDS / estimate)))
    times = in_turn([timed(run, library) for library in LIBRARIES.values()], rounds)
    memory = [process_figure(PEAK, str(Path(__file__).parent), library, case.name)() for library in LIBRARIES]
    peaks = " : ".join(f"{megabytes:.0f}" for megabytes in memory)
    return (case.name, *map(milliseconds, times), f"{ratio(*times):.2f}", peaks, difference)


def differing(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest difference in standard deviations, infinity if other boxes were kept."""
    if not ours.is_floating_point():
        return float("inf")
    return ((ours - theirs).abs().max() / theirs.std()).item()


def timed(run: Callable[[Any], Tensor | None], library: object) -> Callable[[], float]:
    """Return a function that measures one call."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter

    def measure() -> float:
        started = clock()
        run(library)
        return clock() - started

    return measure


PEAK = "import sys; sys.path.insert(0, sys.argv[1]); import operators; print(operators.peak(*sys.argv[2:]))"


def peak(library: str, name: str) -> float:
    """Return by how many megabytes one call raises the memory of this process (Linux only)."""
    torch.manual_seed(0)
    run = next(case for case in cases() if case.name == name).prepare()
    nms_case(spread, 10, by_class=True)(LIBRARIES[library])  # load the code
    before = memory("VmRSS")
    run(LIBRARIES[library])
    return max(0.0, memory("VmHWM") - before)


def memory(kind: str) -> float:
    """Return a line of what the kernel knows of this process, in megabytes."""
    found = re.search(rf"{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    rows = []
    for case in cases():
        if not arguments.words or any(word in case.name for word in arguments.words):
            rows.append(compare(case))
            print("  ", *rows[-1], file=sys.stderr, flush=True)
    header = ("case", "zoo", "torchvision", "torchvision : zoo", "peak in MB, zoo : torchvision", "difference")
    print_table(f"Operators of detection, {arguments.threads} threads", header, rows)


if __name__ == "__main__":
    main()
