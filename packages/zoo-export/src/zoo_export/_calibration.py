"""Pictures that show which values a network computes, so that it can be quantized; and others to judge it on."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zoo_core.images import read_image
from zoo_core.prediction import image_files
from zoo_core.transforms import pil_to_tensor, resize

from ._program import Program

NOISE = "noise"
"""What is given in place of a folder for random numbers."""
FEWEST, MOST = 64, 300
"""How many pictures there have to be, and how many are used to find ranges."""
JUDGED = 100
"""On how many others the quantized network is judged, at most."""
_EVERY = 4
"""Of so many pictures one is kept for judging."""


@dataclass(frozen=True)
class Pictures:
    """The pictures in a folder: some to find ranges with, others to judge on.

    Args:
        source: The folder, or `NOISE`.
        ranges: Files to find ranges with, in order.
        judged: Others, every fourth of all, in order.
    """

    source: str
    ranges: tuple[Path, ...] = ()
    judged: tuple[Path, ...] = ()

    @classmethod
    def of(cls, source: Path | str) -> Self:
        """Find the pictures in a folder, however deep.

        Args:
            source: The folder; or `"noise"`, which gives random numbers, of which all are for finding ranges.

        Raises:
            FileNotFoundError: There is no such folder.
            ValueError: There are too few pictures in it.
        """
        if source == NOISE:
            return cls(NOISE)
        found = sorted(image_files([Path(source)]))
        if len(found) < FEWEST:
            raise ValueError(
                f"Ranges for int8 are found with at least {FEWEST} pictures like those that the file will be given; "
                f"found {len(found)} in {source}."
            )
        judged = found[_EVERY - 1 :: _EVERY]
        rest = [path for place, path in enumerate(found) if place % _EVERY != _EVERY - 1]
        return cls(Path(source).resolve().name, _spread(rest, MOST), _spread(judged, JUDGED))

    def facts(self) -> dict[str, Any]:
        """Return what files say of it: which pictures, and how many."""
        if self.source == NOISE:
            return {"pictures": FEWEST, "of": NOISE}
        digest = hashlib.sha256()
        for path in self.ranges:
            digest.update(path.read_bytes())
        return {"pictures": len(self.ranges), "of": self.source, "sha256": digest.hexdigest()}

    def inputs(self, program: Program, lengths: Mapping[str, int]) -> "Inputs":
        """Return what a program is given of them for finding ranges.

        Args:
            program: What takes them.
            lengths: Of the axes that have one length.
        """
        return Inputs(self, program, lengths)

    def cases(self, program: Program, lengths: Mapping[str, int]) -> Iterator[tuple[str, tuple[Tensor, ...]]]:
        """Yield the inputs to judge on, with what they are called."""
        for path in self.judged:
            yield path.name, program.from_pictures(_read(path, lengths))


@dataclass(frozen=True)
class Inputs:
    """What a program is given of pictures, one after the other: they can be gone through several times."""

    pictures: Pictures
    program: Program
    lengths: Mapping[str, int]

    def __iter__(self) -> Iterator[Sequence[NDArray[np.generic]]]:
        for picture in self._read():
            yield [each.numpy() for each in self.program.from_pictures(picture)]

    def _read(self) -> Iterator[Tensor]:
        if self.pictures.source == NOISE:
            generator = torch.Generator().manual_seed(0)
            height, width = (self.lengths.get(side, 256) for side in ("height", "width"))
            for _ in range(FEWEST):
                yield torch.randint(0, 256, (1, height, width, 3), dtype=torch.uint8, generator=generator)
        for path in self.pictures.ranges:
            yield _read(path, self.lengths)


def _read(path: Path, lengths: Mapping[str, int]) -> Tensor:
    """Return a picture, uint8 `(1, height, width, 3)`, of its own size unless there is another."""
    image = read_image(path)
    size = (lengths.get("height", image.height), lengths.get("width", image.width))
    pixels = pil_to_tensor(image if size == (image.height, image.width) else resize(image, size))
    return pixels.permute(1, 2, 0)[None].contiguous()


def _spread(paths: Sequence[Path], most: int) -> tuple[Path, ...]:
    """Return so many of the paths at most, at even distances."""
    count = min(len(paths), most)
    return tuple(paths[place * len(paths) // count] for place in range(count))
