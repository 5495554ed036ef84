"""Damaged `.flo` files: flow, or a MediaError."""

import io
import struct

from zoo_core.errors import MediaError
from zoo_flow.files import read_flo

from .mutations import Report, endless, fuzz


def seeds() -> list[bytes]:
    """Return small files."""
    return [
        b"PIEH" + struct.pack("<ii", width, height) + bytes(8 * width * height) for width, height in ((1, 1), (7, 5))
    ]


def run(seconds: float, seed: int) -> Report:
    """Read damaged files for a time."""
    return fuzz(lambda data: read_flo(io.BytesIO(data)), endless(seeds(), seed), seconds=seconds, refusals=MediaError)
