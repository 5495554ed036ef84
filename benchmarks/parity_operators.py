"""Compare operators and pictures with torchvision's: results, gradients, and what is drawn. Run by `nox -s parity`.

Random numbers are drawn alike, so that dropped blocks and branches are the same ones.
"""

from collections.abc import Callable, Iterator
from itertools import permutations
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
import torchvision
from torch import Tensor

from zoo_core import layers, utils
from zoo_detection import ops
from zoo_flow import drawing

APART, GRADIENTS_APART = 1e-5, 1e-4
"""By how much results and gradients may differ."""
OURS = SimpleNamespace(**{name: getattr(home, name) for home in (layers, ops, utils, drawing) for name in dir(home)})
THEIRS = SimpleNamespace(
    **vars(torchvision.ops) | {name: getattr(torchvision.utils, name) for name in torchvision.utils.__all__}
)


class Case(NamedTuple):
    """One row of the table."""

    name: str
    run: Callable[..., Tensor]
    """Called with a library and the inputs."""
    inputs: tuple[Tensor, ...]
    """Gradients of those that have some are compared, too."""


def cases() -> Iterator[Case]:
    """Yield all rows."""
    yield from pools()
    yield from deformable_convolutions()
    yield from rotated_boxes()
    yield from dropped()
    yield from pictures()


def calling(name: str, *arguments: Any, **options: Any) -> Callable[..., Tensor]:
    """Return what calls a function of a library with the inputs, then with these arguments."""
    return lambda library, *inputs: getattr(library, name)(*inputs, *arguments, **options)


def pools() -> Iterator[Case]:
    """Pool boxes of all kinds, with ties; position-sensitive means end before the borders, where theirs disagrees."""
    features = torch.randn(2, 12, 30, 41).mul(2).round().requires_grad_()
    corners = torch.rand(60, 2, 2).mul(torch.tensor([90.0, 70.0])).sub(5).sort(1).values.flatten(1)
    boxes = torch.cat((torch.arange(60.0)[:, None] % 2, corners), 1)
    boxes[::5] = boxes[::5].round()
    inner = torch.cat((boxes[:, :1], boxes[:, 1:].clamp(1, 56)), 1)
    for size in (2, (3, 2), 1):
        yield Case(f"roi_pool, {size}", calling("roi_pool", boxes, size, 0.5), (features,))
    for ratio in (2, -1):
        run = calling("ps_roi_align", inner, 2, 0.5, ratio)
        yield Case(f"ps_roi_align, sampling ratio {ratio}", run, (features,))
    yield Case("ps_roi_pool", calling("ps_roi_pool", inner, 2, 0.5), (features,))
    yield Case("ps_roi_pool at borders", calling("ps_roi_pool", boxes, 2, 0.5), (features.detach(),))


def deformable_convolutions() -> Iterator[Case]:
    """Convolve with and without masks and groups, with offsets that are whole, near or far."""
    for groups, offset_groups, masked, spread in ((1, 1, False, 0.0), (2, 3, True, 2.0), (1, 2, True, 40.0)):
        features, weight, bias = torch.randn(2, 6, 9, 11), torch.randn(4, 6 // groups, 3, 2), torch.randn(4)
        offset = torch.randn(2, 12 * offset_groups, 5, 9) * spread
        offset[0] = offset[0].round()
        mask = torch.rand(2, 6 * offset_groups, 5, 9)
        inputs = tuple(one.requires_grad_() for one in (features, offset, weight, bias, mask)[: 5 if masked else 4])
        yield Case(f"deform_conv2d, groups {groups}, offset groups {offset_groups}", deformed, inputs)


def deformed(library: Any, features: Tensor, offset: Tensor, weight: Tensor, bias: Tensor, *mask: Tensor) -> Tensor:
    """Convolve."""
    return library.deform_conv2d(features, offset, weight, bias, (2, 1), (1, 0), (1, 2), *mask)


def rotated_boxes() -> Iterator[Case]:
    """Convert, and overlap."""
    boxes = torch.rand(40, 5).mul(torch.tensor([60.0, 60, 40, 40, 720])) - torch.tensor([0.0, 0, 0, 0, 360])
    given = {fmt: ops.box_convert(boxes, "xywhr", fmt).double() for fmt in ("xywhr", "cxcywhr", "xyxyxyxy")}
    for first, second in permutations(given, 2):
        run = calling("box_convert", first, second)
        yield Case(f"box_convert, {first} to {second}", run, (given[first].clone().requires_grad_(),))
    for fmt, one in given.items():
        yield Case(f"box_iou, {fmt}", calling("box_iou", fmt=fmt), (one.float(), one.float().flip(0)))


def dropped() -> Iterator[Case]:
    """Drop blocks and branches."""
    for p, size in ((0.1, 3), (0.6, 5), (1.0, 1)):
        for name, sides in (("drop_block2d", (9, 8)), ("drop_block3d", (6, 7, 8))):
            run = calling(name, p, size)
            yield Case(f"{name}, {p}, {size}", run, (torch.randn(2, 3, *sides, requires_grad=True),))
    for mode in ("row", "batch"):
        run = calling("stochastic_depth", 0.4, mode)
        yield Case(f"stochastic_depth, {mode}", run, (torch.randn(20, 3, requires_grad=True),))


def pictures() -> Iterator[Case]:
    """Lay out and draw."""
    images, image = torch.rand(5, 3, 6, 7), torch.randint(0, 256, (3, 60, 80), dtype=torch.uint8)
    layouts: list[dict[str, Any]] = [{}, {"nrow": 2, "padding": 1, "normalize": True}]
    for options in (*layouts, {"scale_each": True, "normalize": True}):
        yield Case(f"make_grid {options or ''}", calling("make_grid", **options), (images,))
    boxes = torch.tensor([[5, 6, 40, 50], [10, 13, 75, 59]])
    styles: list[dict[str, Any]] = [{}, {"fill": True, "width": 3}]
    for options in (*styles, {"labels": ["ab", "c"], "fill_labels": True, "colors": "red"}):
        run = calling("draw_bounding_boxes", boxes, **options)
        yield Case(f"draw_bounding_boxes {options or ''}", run, (image,))
    masks = torch.rand(3, 60, 80) > 0.6
    for alpha in (0.8, 0.3):
        yield Case(f"draw_segmentation_masks, {alpha}", calling("draw_segmentation_masks", masks, alpha), (image,))
    points = torch.rand(2, 4, 2) * 60
    yield Case("draw_keypoints", calling("draw_keypoints", points, [(0, 1), (2, 3)], "red", 3, 2), (image,))
    yield Case("flow_to_image", calling("flow_to_image"), (torch.randn(2, 2, 20, 30) * 5,))


def results_of(case: Case, library: object) -> list[Tensor]:
    """Return the result, and the gradients of the inputs that have some."""
    torch.manual_seed(1)
    inputs = [one.detach().clone().requires_grad_(one.requires_grad) for one in case.inputs]
    result = case.run(library, *inputs)
    wanted = [one for one in inputs if one.requires_grad]
    if not wanted:
        return [result]
    weights = torch.randn(result.shape, generator=torch.Generator().manual_seed(2)).to(result.dtype)
    return [result.detach(), *torch.autograd.grad((result * weights).sum(), wanted)]


def differing() -> list[str]:
    """Print the table; return the names of what differs."""
    print("\n| operator | difference | difference of gradients |\n|---|---:|---:|")
    torch.manual_seed(0)
    failed = []
    for case in cases():
        ours, theirs = (results_of(case, library) for library in (OURS, THEIRS))
        apart = [largest(found, expected) for found, expected in zip(ours, theirs, strict=True)]
        gradients = max(apart[1:], default=0.0)
        print(f"| {case.name} | {apart[0]:.1e} | {f'{gradients:.1e}' if apart[1:] else ''} |", flush=True)
        if not (apart[0] <= APART and gradients <= GRADIENTS_APART):
            failed.append(case.name)
    return failed


def largest(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference, relative to values above 1; infinity if type or shape differ."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return float("inf")
    found, expected = found.double(), expected.double()
    apart = (found - expected).abs() / expected.abs().clamp(min=1)
    return float(apart.where(expected.isfinite(), 0.0).amax()) if apart.numel() else 0.0


if __name__ == "__main__":
    if names := differing():
        raise SystemExit(f"These differ: {', '.join(names)}")
