"""Damaging files by chance: what readers must survive."""

import random
import resource
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

ODD_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)


@dataclass
class Report:
    """What came of a run.

    Args:
        files: How many damaged files were read.
        read: How many of them could be.
        refused: How many were refused with the documented error.
        slowest: Seconds that the slowest took.
        grown: Bytes by which the process's largest memory grew.
    """

    files: int = 0
    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    grown: int = 0


def mutated(seeds: Sequence[bytes], rng: random.Random) -> bytes:  # noqa: C901 # one case a damage
    """Return one of the files with some damage: bits, numbers, parts cut out, repeated, moved, or of another file."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        place = rng.randrange(len(data) + 1)
        if rng.random() < 0.5:
            place = min(place, rng.randrange(1, 80))  # headers are where most is decided
        match rng.randrange(7):
            case 0:
                data[place : place + 1] = bytes([rng.randrange(256)])
            case 1:
                form = rng.choice(("<H", ">H", "<I", ">I"))
                number = struct.pack(form, rng.choice(ODD_NUMBERS) & (0xFFFF if form[1] == "H" else 0xFFFF_FFFF))
                data[place : place + len(number)] = number
            case 2:
                del data[place:]
            case 3:
                del data[place : place + rng.randrange(1, 40)]
            case 4:
                data[place:place] = rng.randbytes(rng.randrange(1, 40))
            case 5:
                part = data[place : place + rng.randrange(1, 200)]
                data[place:place] = part * rng.choice((1, 2, 50))
            case 6:
                other = rng.choice(seeds)
                start = rng.randrange(len(other) + 1)
                data[place:place] = other[start : start + rng.randrange(200)]
        if not data:
            data = bytearray(1)
    return bytes(data)


def fuzz(
    read: Callable[[bytes], object],
    files: Iterator[bytes],
    *,
    seconds: float,
    refusals: type[Exception] | tuple[type[Exception], ...],
    longest: float = 30.0,
) -> Report:
    """Read files until the time is over.

    Args:
        read: Reads one.
        files: The files.
        seconds: How long.
        refusals: The errors that are documented; any other is raised, with the file in a note.
        longest: Seconds that one file may take.

    Raises:
        AssertionError: One took longer.
    """
    report, end = Report(), time.monotonic() + seconds
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    while time.monotonic() < end:
        data, started = next(files), time.monotonic()
        report.files += 1
        try:
            read(data)
            report.read += 1
        except refusals:
            report.refused += 1
        except BaseException as error:
            error.add_note(f"the file, {len(data)} bytes: {data[:4000].hex()}")
            raise
        report.slowest = max(report.slowest, time.monotonic() - started)
        assert report.slowest < longest, f"{report.slowest:.1f} s for the file, {len(data)} bytes: {data[:4000].hex()}"
    report.grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    return report


def endless(seeds: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Yield damaged files, the same ones for the same seed."""
    rng = random.Random(seed)
    while True:
        yield mutated(seeds, rng)
