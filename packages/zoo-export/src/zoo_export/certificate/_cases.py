"""What an exported file and the model are both run on."""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.util import find_spec

import torch
from torch import Tensor

from zoo_core.images import read_image
from zoo_core.transforms import pil_to_tensor, resize
from zoo_export._program import Program

SIZES = ((64, 64), (48, 100), (120, 40), (224, 224), (333, 250), (97, 131), (256, 384), (31, 33))
_SAMPLES = "zoo_digits"
"""The package that has pictures inside."""


def cases(program: Program, lengths: Mapping[str, int] | None = None) -> Iterator[tuple[str, tuple[Tensor, ...]]]:
    """Yield inputs with what they are called: pictures of several sizes and batches.

    There are noise, waves, nothing at all (black, white), many things, and real pictures where zoo-digits is installed.

    Args:
        program: What takes them.
        lengths: Of the axes that have one length.
    """
    fixed = lengths or {}
    random = torch.Generator().manual_seed(0)
    for name, pictures in _pictures(_lengths(program, fixed), fixed, random):
        inputs = program.from_pictures(pictures)
        several = f"{len(pictures)} x " if len(pictures) > 1 else ""
        yield f"{several}{name}, {pictures.shape[2]} x {pictures.shape[1]}", inputs


def _lengths(program: Program, fixed: Mapping[str, int]) -> Iterator[tuple[int, int, int]]:
    """Yield batches, heights and widths without end."""
    batched = any("batch" in fact.axes for fact in program.inputs)
    number = 0
    while True:
        height, width = SIZES[number % len(SIZES)]
        batch = 1 + number % 3 if batched else 1
        yield fixed.get("batch", batch), fixed.get("height", height), fixed.get("width", width)
        number += 1


def _pictures(
    lengths: Iterator[tuple[int, int, int]], fixed: Mapping[str, int], random: torch.Generator
) -> Iterator[tuple[str, Tensor]]:
    """Yield pictures uint8 `(batch, height, width, 3)` with their names."""
    for _ in SIZES:
        shape = (*next(lengths), 3)
        yield "noise", torch.randint(0, 256, shape, dtype=torch.uint8, generator=random)
        yield "waves", _waves(shape)
    for name, value in (("black", 0), ("white", 255)):
        yield name, torch.full((*next(lengths), 3), value, dtype=torch.uint8)
    yield "many things", _things(*next(lengths), random)
    yield "many things", _things(*next(lengths), random)
    if find_spec(_SAMPLES) is not None:
        yield from _samples(next(lengths)[0], fixed)


def _waves(shape: tuple[int, ...]) -> Tensor:
    """Return smooth waves, other ones in each picture."""
    places = torch.stack(torch.meshgrid(*(torch.arange(side) for side in shape), indexing="ij")).double()
    waves = torch.einsum("d...,d->...", places, torch.tensor([1.7, 0.05, 0.03, 0.9], dtype=torch.float64)).sin()
    return ((waves + 1) / 2 * 255).to(torch.uint8)


def _things(batch: int, height: int, width: int, random: torch.Generator, count: int = 60) -> Tensor:
    """Return many boxes and discs, of all colours and sizes, one over the other."""
    pictures = torch.full((batch, height, width, 3), 127, dtype=torch.uint8)
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    for picture in pictures:
        for number in range(count):
            most = torch.tensor([height, width, height / 4, width / 4])
            y, x, tall, wide = (torch.rand(4, generator=random) * most).tolist()
            down, across = (rows - y).abs() / (1 + tall), (columns - x).abs() / (1 + wide)
            inside = down**2 + across**2 < 1 if number % 2 else (down < 1) & (across < 1)
            picture[inside] = torch.randint(0, 256, (3,), dtype=torch.uint8, generator=random)
    return pictures


def _samples(batch: int, fixed: Mapping[str, int]) -> Iterator[tuple[str, Tensor]]:
    """Yield the sample pictures of zoo-digits, a few at once: of their own size, unless there is another."""
    folder = files(_SAMPLES) / "samples"
    images = [read_image(each.read_bytes()) for each in sorted(folder.iterdir(), key=str) if each.name.endswith(".png")]
    size = (fixed.get("height", images[0].height), fixed.get("width", images[0].width))
    pictures = torch.stack([pil_to_tensor(resize(image, size)).permute(1, 2, 0) for image in images])
    for start in range(0, len(pictures) - batch + 1, max(batch, 3)):
        yield "digits", pictures[start : start + batch].contiguous()
