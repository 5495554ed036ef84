"""Whether files of true flow are whole, as far as a look at their ends tells."""

import struct
from collections.abc import Sequence
from pathlib import Path

from ._dataset import DatasetError
from ._image_size import image_size
from .pixel_samples import FlowSample

FLOW_SUFFIXES = (".flo", ".png")
_PNG_BEGINS, _PNG_ENDS = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_TOLD = 3
"""How many problems a message lists."""


def check_flow_files(root: Path, samples: Sequence[FlowSample]) -> None:
    """Check the beginning and the length of all files of true flow.

    Raises:
        DatasetError: Some are truncated, or something else; the text names the first ones.
    """
    found = [told for sample in samples if (told := _problem(sample.flow))]
    if found:
        lines = "".join(f"\n  {told}" for told in found[:_TOLD])
        raise DatasetError(
            f"{len(found)} of {len(samples)} files of true flow in {root} are not whole; unpack or copy them again:"
            f"{lines}" + ("\n  ..." if len(found) > _TOLD else "")
        )


def flow_size(path: Path) -> tuple[int, int] | None:
    """Return height and width in pixels of a file of true flow, as its header says; `None` if it does not tell."""
    if path.suffix == ".png":
        return image_size(path)
    with path.open("rb") as file:
        header = file.read(12)
    if len(header) < 12:
        return None
    width, height = struct.unpack("<ii", header[4:])
    return height, width


def _problem(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        begins = file.read(12)
        if path.suffix == ".png":
            file.seek(max(0, size - len(_PNG_ENDS)))
            whole = begins.startswith(_PNG_BEGINS) and file.read() == _PNG_ENDS
            return "" if whole else f"{path} is not a whole PNG file: it has {size} bytes."
    if not begins.startswith(b"PIEH") or len(begins) < 12:
        return f"{path} is not a .flo file: it begins with {begins[:4]!r}."
    width, height = struct.unpack("<ii", begins[4:])
    expected = 12 + 8 * width * height
    return (
        "" if size == expected else f"{path} should have {expected} bytes for {width} x {height} pixels, found {size}."
    )
