"""Damaged flow files of KITTI: flow, or a MediaError. Half of them get checksums that match, so that more is read."""

import io
import random
import struct
import zlib
from collections.abc import Iterator

from zoo_core.errors import MediaError
from zoo_flow import _png
from zoo_flow.files import read_kitti

from .mutations import Report, fuzz, mutated


def seeds() -> list[bytes]:
    """Return small files with each filter."""
    return [png(7, 5, zlib.compress((bytes([kind]) + bytes(range(42))) * 5)) for kind in range(5)]


def png(width: int, height: int, content: bytes) -> bytes:
    """Return a file with this compressed content."""
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"tEXt", b"Comment\0text"), (b"IDAT", content), (b"IEND", b""))
    return _png._SIGNATURE + b"".join(_png._chunk(*chunk) for chunk in chunks)


def files(seed: int) -> Iterator[bytes]:
    """Yield damaged files: the file as a whole, or parts of it under checksums that match."""
    rng = random.Random(seed)
    whole = seeds()
    chunks = [list(_png._chunks(data)) for data in whole]
    while True:
        if rng.random() < 0.5:
            yield mutated(whole, rng)
            continue
        parts = [list(chunk) for chunk in rng.choice(chunks)]
        part = rng.choice(parts[:3])
        part[1] = mutated([part[1]], rng)
        yield _png._SIGNATURE + b"".join(_png._chunk(kind, content) for kind, content in parts)


def run(seconds: float, seed: int) -> Report:
    """Read damaged files for a time."""
    return fuzz(lambda data: read_kitti(io.BytesIO(data)), files(seed), seconds=seconds, refusals=MediaError)
