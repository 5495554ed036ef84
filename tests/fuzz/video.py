"""Damages video files at random, and looks that reading them gives frames or the documented errors, soon."""

import random
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from video.table import CASES
from zoo_video.io import VideoError, VideoWarning, iterate, probe, read_clips, read_frames, read_frames_at, read_video

LONGEST = 30.0
"""Seconds that one file may take, on a machine with other things to do."""
NUMBERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1")
MOST_MEMORY = 4 * 2**30
"""Bytes that a process may have taken at most after reading, unless it had before."""

READERS: dict[str, Callable[[bytes], object]] = {
    "probe": probe,
    "read_video": read_video,
    "read_video from a time": lambda data: read_video(data, start=0.7, end=1.2),
    "read_frames": lambda data: read_frames(data, [0, 7]),
    "read_frames_at": lambda data: read_frames_at(data, [0.3, 1.1]),
    "read_clips": lambda data: read_clips(data, num_frames=2, num_clips=2),
    "iterate": lambda data: sum(1 for _ in iterate(data, frame_rate=10)),
}


def run(seconds: float, seed: int) -> int:
    """Damage and read files for so long.

    Returns:
        How many files were read.

    Raises:
        AssertionError: Reading one gave another error, took too long or too much memory; the message says how to make
            it again.
    """
    files = samples()
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        check(files, seed + count)
        count += 1
    return count


def samples() -> list[bytes]:
    """Return a small file of each container."""
    with tempfile.TemporaryDirectory() as folder:
        return [case.write(Path(folder)).read_bytes() for case in CASES if case.daily]


def peak() -> int:
    """Return the most bytes that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def check(files: list[bytes], seed: int) -> None:
    """Read one damaged file in one way."""
    choose = random.Random(seed)
    data = damaged(choose, files)
    name, read = choose.choice(list(READERS.items()))
    before, started = peak(), time.monotonic()
    found = "nothing wrong"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", VideoWarning)
        try:
            read(data)
        except VideoError as error:
            if not str(error):
                found = "an error that says nothing"
        except ValueError as error:  # there is no such frame
            if name != "read_frames" or "numbered from 0" not in str(error):
                found = f"{type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001 # what is looked for
            found = f"{type(error).__name__}: {error}"
    took = time.monotonic() - started
    if took > LONGEST:
        found = f"{took:.0f} s"
    if (memory := peak()) > max(before, MOST_MEMORY):
        found = f"{memory / 2**30:.1f} GiB"
    assert found == "nothing wrong", (
        f"{name} of fuzz.video.damaged(random.Random({seed}), fuzz.video.samples()): {found}"
    )


def damaged(choose: random.Random, files: list[bytes]) -> bytes:
    """Return a file with some damage, or made of two."""
    data = bytearray(choose.choice(files))
    for _ in range(choose.choice((1, 1, 2, 4, 16))):
        # Headers are where damage does most.
        position = choose.randrange(min(len(data), choose.choice((64, 1024, len(data)))))
        length = choose.choice((1, 2, 4, 8, 64, 1024))
        kind = choose.randrange(8)
        if kind == 0:
            data[position] ^= 1 << choose.randrange(8)
        elif kind == 1:
            data[position : position + length] = choose.randbytes(length)
        elif kind == 2:
            data[position : position + 4] = choose.choice(NUMBERS)
        elif kind == 3:
            del data[position : position + length]
        elif kind == 4:
            data[position:position] = data[position : position + length]
        elif kind == 5:
            del data[max(1, position) :]
        elif kind == 6:
            other = choose.choice(files)
            data[position:] = other[choose.randrange(len(other)) :]
        else:
            data += choose.choice(files)
        if not data:
            return b"\0"
    return bytes(data)
