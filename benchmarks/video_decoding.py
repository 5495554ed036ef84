"""How many frames a second videos are read at: `zoo_video.io` against a plain loop over PyAV, in turn.

nox -s bench -- video_decoding
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import torch

from measure import in_turn, print_table, ratio
from reference.fill import photo
from video.encoding import encode
from zoo_video.io import iterate, read_clips

FRAMES = 300


def main(rounds: int = 5) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for codec, name in (("libx264", "a.mp4"), ("libvpx-vp9", "a.webm")):
            for height, width in ((240, 320), (720, 1280)):
                path = str(encode(Path(folder) / name, frames(height, width), codec=codec, rate=30))
                reading = [timed(function, path) for function in (streamed, plain, read_clips)]
                ours, theirs, clips = in_turn(reading, rounds)
                speeds = [f"{FRAMES / sorted(times)[len(times) // 2]:.0f}" for times in (ours, theirs)]
                clip_speed = f"{1e3 * sorted(clips)[len(clips) // 2]:.0f} ms"
                rows.append((codec, f"{width} x {height}", *speeds, f"{ratio(ours, theirs):.2f}", clip_speed))
    header = ("codec", "size", "zoo, frames/s", "PyAV loop, frames/s", "times faster", "5 clips of 16 frames")
    print_table(f"Reading a video of {FRAMES} frames", header, rows)


def frames(height: int, width: int) -> list[np.ndarray]:
    """Return a picture that moves."""
    picture = photo(height, width)
    return [np.roll(picture, 2 * number, axis=1) for number in range(FRAMES)]


def streamed(path: str) -> int:
    """Read every frame, one after the other."""
    return sum(1 for _ in iterate(path))


def plain(path: str) -> int:
    """Read every frame as a tensor, as one would by hand."""
    with av.open(path) as container:
        container.streams.video[0].thread_type = "AUTO"
        decoded = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
        return sum(len(torch.from_numpy(array).permute(2, 0, 1).contiguous()) for array in decoded)


def timed(function: Callable[[str], object], path: str) -> Callable[[], float]:
    """Return a function that measures one call."""

    def run() -> float:
        started = time.perf_counter()
        function(path)
        return time.perf_counter() - started

    return run


if __name__ == "__main__":
    main()
