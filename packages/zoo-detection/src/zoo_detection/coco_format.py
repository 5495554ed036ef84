"""Masks and detections as COCO's result files hold them.

Tsung-Yi Lin et al.: Microsoft COCO: Common Objects in Context, 2014, arXiv:1405.0312. Masks are the lengths of runs of
zeros and ones in turn, column by column, written as text in groups of five bits.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import torch
from PIL import Image
from torch import Tensor

SHOWN_COUNTS = 8
"""How many counts a `repr` shows of a mask, which has thousands."""


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

    def __repr__(self) -> str:
        counts = ", ".join(map(str, self.counts[:SHOWN_COUNTS]))
        more = f", … {len(self.counts)} in all" if len(self.counts) > SHOWN_COUNTS else ""
        return f"RunLengths(height={self.height}, width={self.width}, counts=({counts}{more}))"

    @classmethod
    def of_mask(cls, mask: Tensor) -> "RunLengths":
        """Encode a mask `(H, W)`, true where the object is.

        Example:
            >>> import torch
            >>> from zoo_detection.coco_format import RunLengths
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
            >>> from zoo_detection.coco_format import RunLengths
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


def result_document(rows: Iterable[Mapping[str, Any]], _weights: object = None) -> Iterator[str]:
    r"""Yield the text of a COCO result file, a JSON list of the detections of all images.

    `image_id` is the number that each image is called by, as in COCO's data sets (`000000000139.jpg` is 139); unless
    all are called by a number, and no two by the same, it is the `source` of the row.

    Args:
        rows: Of predictions, as `Detection.to_dict` gives them; gone through twice. Those of failures are left out.

    Example:
        >>> from zoo_detection.coco_format import result_document
        >>> found = {"category_id": 18, "category": "dog", "score": 0.9, "bbox": [1.0, 2.0, 3.0, 4.0]}
        >>> "".join(result_document([{"source": "val/000000000139.jpg", "detections": [found]}]))
        '[\n{"image_id": 139, "category_id": 18, "score": 0.9, "bbox": [1.0, 2.0, 3.0, 4.0]}\n]\n'
    """
    numbers = _numbers(row["source"] for row in rows if "detections" in row)
    start = "[\n"
    for row in rows:
        for found in row.get("detections", ()):
            image = {"image_id": row["source"] if numbers is None else _number(row["source"])}
            facts = {name: value for name, value in found.items() if name != "category"}
            yield f"{start}{json.dumps(image | facts)}"
            start = ",\n"
    yield "[]\n" if start == "[\n" else "\n]\n"


def _numbers(sources: Iterable[str]) -> set[int] | None:
    """Return the numbers that sources are called by, or `None` where they are not, or two by the same."""
    numbers: set[int] = set()
    for source in sources:
        number = _number(source)
        if number is None or number in numbers:
            return None
        numbers.add(number)
    return numbers


def _number(source: str) -> int | None:
    stem = PurePath(source).stem
    return int(stem) if stem.isascii() and stem.isdecimal() else None


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
