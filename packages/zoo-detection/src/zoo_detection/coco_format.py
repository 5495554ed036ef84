"""Masks and detections as COCO's result files hold them.

Tsung-Yi Lin et al.: Microsoft COCO: Common Objects in Context, 2014, arXiv:1405.0312. Masks are the lengths of runs of
zeros and ones in turn, column by column, written as text in groups of five bits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor


@dataclass(frozen=True, slots=True)
class RunLengths:
    """A mask.

    Args:
        height: In pixels.
        width: In pixels.
        counts: How many pixels of 0, of 1, of 0, and so on, follow each other, column by column. The first may be 0.
    """

    height: int
    width: int
    counts: tuple[int, ...]

    @classmethod
    def of_mask(cls, mask: Tensor) -> "RunLengths":
        """Encode a mask `(H, W)`, true where the object is.

        Example:
            >>> RunLengths.of_mask(torch.tensor([[0, 1, 1], [0, 0, 1]]) > 0)
            RunLengths(height=2, width=3, counts=(2, 1, 1, 2))
        """
        pixels = mask.t().flatten().bool()
        changes = (pixels[1:] != pixels[:-1]).nonzero()[:, 0] + 1
        first = pixels.new_zeros(int(pixels[:1].any()), dtype=torch.int64)
        ends = pixels.new_full((1,), len(pixels), dtype=torch.int64)
        edges = torch.cat([ends * 0, first, changes, ends])
        return cls(mask.shape[0], mask.shape[1], tuple((edges[1:] - edges[:-1]).tolist()))

    def to_image(self) -> Image.Image:
        """Return the mask as an image of mode `"L"`, 255 where the object is."""
        runs = (bytes([255 * (index % 2)]) * count for index, count in enumerate(self.counts))
        columns = Image.frombytes("L", (self.height, self.width), b"".join(runs))
        return columns.transpose(Image.Transpose.TRANSPOSE)

    def to_dict(self) -> dict[str, Any]:
        """Return the mask as `"segmentation"` in COCO's result files.

        Example:
            >>> RunLengths(2, 3, (2, 1, 1, 2)).to_dict()
            {'size': [2, 3], 'counts': '2111'}
        """
        return {"size": [self.height, self.width], "counts": _as_text(self.counts)}

    @classmethod
    def of_dict(cls, segmentation: Mapping[str, Any]) -> "RunLengths":
        """Read what `to_dict` writes, and other tools for COCO: counts as text, as bytes, or as numbers.

        Raises:
            ValueError: The text does not describe as many pixels as the size says.
        """
        height, width = segmentation["size"]
        counts = segmentation["counts"]
        if isinstance(counts, bytes):
            counts = counts.decode("ascii")
        counts = tuple(_of_text(counts) if isinstance(counts, str) else counts)
        if sum(counts) != height * width:
            raise ValueError(f"The mask has {height} x {width} pixels, but its counts describe {sum(counts)}.")
        return cls(height, width, counts)


def _as_text(counts: Sequence[int]) -> str:
    """Write counts, from the fourth on as differences from the last but one, in groups of five bits and a sign."""
    text = []
    for index, count in enumerate(counts):
        rest = count - counts[index - 2] if index > 2 else count
        while True:
            group, rest = rest & 31, rest >> 5
            last = rest == (-1 if group & 16 else 0)
            text.append(chr(48 + group + (0 if last else 32)))
            if last:
                break
    return "".join(text)


def _of_text(text: str) -> list[int]:
    counts: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - 48
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return counts
