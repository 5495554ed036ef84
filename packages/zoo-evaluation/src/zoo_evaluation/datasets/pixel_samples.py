"""Samples with something true of each pixel: its class, or where it moves to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from zoo_core.files import sha256_of
from zoo_core.names import Later

from .samples import Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy import typing as npt
else:
    np, npt = Later("numpy"), Later("numpy.typing")

Outline: TypeAlias = Sequence[Sequence[float]] | Mapping[str, Any]
"""An object as COCO has it: polygons (x, y, x, y, ...) in pixels, or run lengths, `{"size": ..., "counts": ...}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMapSample(Sample):
    """An image with the class of each pixel."""

    def label_map(self) -> "npt.NDArray[np.uint8]":
        """Return the classes, uint8 `(H, W)`, as places among the data set's categories; 255 does not count.

        Raises:
            DatasetError: They cannot be read.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFileSample(LabelMapSample):
    """An image with the class of each pixel in a PNG file.

    Args:
        labels: The file: palette indices, or grey values.
    """

    labels: Path

    def label_map(self) -> "npt.NDArray[np.uint8]":
        """Read the file."""
        from ._label_files import read_label_map

        return read_label_map(self.labels)

    def truth(self) -> str:
        """Return the file's SHA-256."""
        return str(sha256_of(self.labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlinedSample(LabelMapSample):
    """An image whose objects are outlined; the rest is of class 0.

    Args:
        height: Of the image, in pixels.
        width: Likewise.
        objects: Class and outline of each.
    """

    height: int
    width: int
    objects: tuple[tuple[int, Outline], ...]

    def label_map(self) -> "npt.NDArray[np.uint8]":
        """Draw the objects; where two of them overlap it is 255."""
        from ._outlines import draw

        return draw(self.objects, self.height, self.width)

    def truth(self) -> object:
        """Return the outlines."""
        return [self.height, self.width, [list(found) for found in self.objects]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSample(Sample):
    """Two images, and where the pixels of the first move to.

    Args:
        flow: The file of the true flow: `.flo`, or a 16-bit PNG as KITTI has it.
    """

    flow: Path

    def truth(self) -> str:
        """Return the file's SHA-256."""
        return str(sha256_of(self.flow))
