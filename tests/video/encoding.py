"""Writes the videos that the tests read."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

LEVELS = 20
"""Grey levels that neighbouring frames of `grey_frames` are apart, modulo 240."""


def grey(number: int) -> int:
    """Return the grey level of a frame."""
    return 8 + number * LEVELS % 240


def grey_frames(count: int, height: int = 48, width: int = 64) -> Iterable[np.ndarray]:
    """Yield frames that are told apart by their grey level."""
    return (np.full((height, width, 3), grey(number), np.uint8) for number in range(count))


def encode(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    codec: str = "libx264",
    rate: int = 10,
    times: Iterable[float] | None = None,
    audio: bool = False,
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Encode frames; `times` in seconds for those that are not regular."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream: Any = None
        if audio:
            sound = container.add_stream("aac", rate=8000)
        stamps = iter(times) if times is not None else None
        for number, pixels in enumerate(frames):
            if stream is None:
                stream = container.add_stream(codec, rate=rate, options=options or {})
                stream.height, stream.width, stream.pix_fmt = *pixels.shape[:2], pixel_format
                stream.codec_context.time_base = Fraction(1, 1000)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            seconds = number / rate if stamps is None else next(stamps)
            frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if audio:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
            silence.sample_rate = 8000
            container.mux([*sound.encode(silence), *sound.encode()])
    return path


def turn(path: Path, quarters: int) -> Path:
    """Write into an MP4 file that its video is to be shown turned counter-clockwise by so many quarters."""
    content = bytearray(path.read_bytes())
    cosine, sine = [(1, 0), (0, -1), (-1, 0), (0, 1)][quarters]
    matrix = (cosine << 16, sine << 16, 0, -sine << 16, cosine << 16, 0, 0, 0, 1 << 30)
    position = content.index(b"tkhd") + 4 + 40
    content[position : position + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(content)
    return path
