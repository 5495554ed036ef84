"""A table: containers and codecs against the ways of reading, on videos whose frames and times are known."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from torch import Tensor

from video.encoding import grey
from zoo_video.io import Video, clip_times, iterate, read_clips, read_frames, read_frames_at, read_video

RATE, COUNT = 25, 40


@dataclass(frozen=True)
class Case:
    """A container and a codec.

    Args:
        suffix: Of the file, which tells the container.
        codec: FFmpeg's encoder.
        pixels: The encoder's pixel format.
        size: Height and width.
        options: Of the encoder.
        muxer: The container, where the suffix does not tell it; with its options.
        daily: Whether it is among those that are tried at every change.
    """

    suffix: str
    codec: str
    pixels: str = "yuv420p"
    size: tuple[int, int] = (48, 64)
    options: dict[str, str] = field(default_factory=dict)
    muxer: str | None = None
    muxing: dict[str, str] = field(default_factory=dict)
    daily: bool = False

    def __str__(self) -> str:
        details = [f"{name}={value}" for name, value in (self.options | self.muxing).items() if name != "g"]
        return " ".join([self.suffix, self.codec, *details])

    def write(self, folder: Path) -> Path:
        """Encode `COUNT` numbered frames."""
        path = folder / f"video.{self.suffix}"
        with av.open(str(path), "w", format=self.muxer, options=self.muxing) as container:
            stream: Any = container.add_stream(self.codec, rate=RATE, options=self.options)
            stream.height, stream.width, stream.pix_fmt = *self.size, self.pixels
            stream.bit_rate = 4_000_000  # frames as different as these are blurred by less
            for number in range(COUNT):
                frame = self._frame(number_picture(number, *self.size))
                frame.pts, frame.time_base = number, Fraction(1, RATE)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    def _frame(self, grey_picture: np.ndarray) -> av.VideoFrame:
        if self.pixels == "pal8":
            levels = np.arange(256, dtype=np.uint8)
            palette = np.stack([np.full_like(levels, 255), levels, levels, levels], 1)
            return av.VideoFrame.from_ndarray((grey_picture, palette), format="pal8")  # type: ignore[arg-type]
        return av.VideoFrame.from_ndarray(np.repeat(grey_picture[..., None], 3, 2), format="rgb24")


B, NO_B, GROUP = {"g": "12", "bf": "2"}, {"g": "12", "bf": "0"}, {"g": "12"}
X265 = {"x265-params": "log-level=none:keyint=12"}
AV1 = {"preset": "12", "svtav1-params": "keyint=12"}
VP = {"g": "12", "deadline": "realtime", "cpu-used": "8"}
CASES = (
    Case("mp4", "libx264", options=B, daily=True),
    Case("mp4", "libx264", options=NO_B),
    Case("mp4", "libx264", options=B, muxing={"movflags": "frag_keyframe+empty_moov"}),
    Case("mp4", "libx265", options=X265),
    Case("mp4", "mpeg4", options=B),
    Case("mp4", "libvpx-vp9", options=VP),
    Case("mp4", "libsvtav1", size=(64, 64), options=AV1),
    Case("mp4", "mjpeg", pixels="yuvj420p"),
    Case("mov", "libx264", options=B, daily=True),
    Case("mov", "mpeg4", options=B),
    Case("mov", "prores", pixels="yuv422p10le"),
    Case("mov", "png", pixels="rgb24"),
    Case("mov", "qtrle", pixels="rgb24", options=GROUP),
    Case("mkv", "libx264", options=B, daily=True),
    Case("mkv", "libx264", options=B | {"x264-params": "open-gop=1"}),
    Case("mkv", "libx265", options=X265),
    Case("mkv", "mpeg4", options=B),
    Case("mkv", "mpeg2video", options=B),
    Case("mkv", "libvpx", options=VP),
    Case("mkv", "ffv1"),
    Case("mkv", "mjpeg", pixels="yuvj420p"),
    Case("webm", "libvpx", options={"g": "12", "auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "4"}),
    Case("webm", "libvpx-vp9", options=VP, daily=True),
    Case("webm", "libvpx-vp9", options=VP, muxing={"live": "1"}),
    Case("webm", "libsvtav1", size=(64, 64), options=AV1),
    Case("avi", "mpeg4", options=NO_B),
    Case("avi", "mpeg4", options=B, daily=True),
    Case("avi", "libx264", options=B, daily=True),
    Case("avi", "msmpeg4v2", options=GROUP),
    Case("avi", "mjpeg", pixels="yuvj420p"),
    Case("avi", "ffv1"),
    Case("avi", "rawvideo", pixels="pal8", daily=True),
    Case("avi", "huffyuv", pixels="yuv422p"),
    Case("ts", "libx264", options=B, daily=True),
    Case("ts", "libx265", options=X265),
    Case("ts", "mpeg2video", options=B),
    Case("mts", "libx264", options=B, muxer="mpegts", muxing={"mpegts_m2ts_mode": "1"}),
    Case("m2ts", "mpeg2video", options=B),
    Case("mpg", "mpeg1video", options=B),
    Case("mpg", "mpeg2video", options=B, muxer="vob", daily=True),
    # Interlaced frames are encoded 32 rows at a time: of 48, the last ones would be what lies in memory behind them.
    Case("mpg", "mpeg2video", size=(64, 64), options=B | {"flags": "+ilme+ildct"}, muxer="vob", daily=True),
    Case("flv", "flv", options=GROUP),
    Case("flv", "libx264", options=B, daily=True),
    Case("3gp", "h263", size=(144, 176), options=GROUP),
    Case("3gp", "mpeg4", options=B, daily=True),
    Case("wmv", "wmv2", options=GROUP, daily=True),
    Case("wmv", "wmv1", options=GROUP),
    Case("asf", "libx264", options=B),
    Case("gif", "gif", pixels="rgb8", daily=True),
    Case("apng", "apng", pixels="rgb24"),
    Case("h264", "libx264", options=B, daily=True),
    Case("hevc", "libx265", options=X265),
    Case("mjpeg", "mjpeg", pixels="yuvj420p", daily=True),
    Case("m4v", "mpeg4", options=B, muxer="m4v"),
    Case("m2v", "mpeg2video", options=B),
    Case("ivf", "libvpx-vp9", options=VP),
    Case("nut", "libx264", options=B),
    Case("mxf", "mpeg2video", options=B),
    Case("y4m", "wrapped_avframe", muxer="yuv4mpegpipe"),
    Case("dv", "dvvideo", size=(576, 720)),
)

EACH = [pytest.param(case, id=str(case), marks=() if case.daily else pytest.mark.slow) for case in CASES]
"""The cases as pytest takes them: all but a few are for long runs."""


def number_picture(number: int, height: int, width: int) -> np.ndarray:
    """Return a picture (H, W), uint8, that tells a number below 144 by the grey of its halves."""
    picture = np.empty((height, width), np.uint8)
    picture[:, : width // 2], picture[:, width // 2 :] = grey(number % 12), grey(number // 12)
    return picture


def numbers_of(frames: Tensor) -> list[int]:
    """Return the numbers that frames `(N, 3, H, W)` show."""
    levels = torch.tensor([grey(digit) for digit in range(12)])
    quarter = frames.shape[3] // 4
    digits = [
        (frames[:, :, :, column - 2 : column + 3].float().mean((1, 2, 3))[:, None] - levels).abs().argmin(1)
        for column in (quarter, 3 * quarter)
    ]
    return (digits[0] + 12 * digits[1]).tolist()


def whole(path: Path, video: Video) -> bool:
    expected = [number / RATE for number in range(COUNT)]
    near = len(video.times) == COUNT and np.allclose(video.times, expected, rtol=0, atol=2e-3)
    return numbers_of(video.frames) == list(range(COUNT)) and near


def ranges(path: Path, video: Video) -> bool:
    return all(
        _same(
            read_video(path, start=video.times[first].item() - early, end=video.times[last].item()), video, first, last
        )
        for first, last, early in ((1, 9, 0.0), (13, 20, 0.01), (25, 39, 0.0), (38, 39, 0.02), (12, 36, 0.0))
    )


def numbers(path: Path, video: Video) -> bool:
    return all(
        _same(read_frames(path, chosen), video, chosen)
        for chosen in ([COUNT - 1], [0], [27, 3, 14, 15, 14], [11, 12, 13], list(range(COUNT)))
    )


def times(path: Path, video: Video) -> bool:
    chosen = [27, 3, 14, 15, 14, 0, COUNT - 1]
    asked = [video.times[number].item() + 0.015 for number in chosen]
    return _same(read_frames_at(path, [*asked, -1.0, 1e6]), video, [*chosen, 0, COUNT - 1])


def clips(path: Path, video: Video) -> bool:
    timing = {"num_frames": 4, "frame_rate": 12.5, "num_clips": 3}
    asked = [time for clip in clip_times(video.times[-1].item(), **timing) for time in clip]  # type: ignore[arg-type]
    chosen = torch.searchsorted(video.times, torch.tensor(asked, dtype=torch.float64) + 1e-6, right=True) - 1
    return torch.equal(read_clips(path, **timing).flatten(0, 1), video.frames[chosen])  # type: ignore[arg-type]


def stream(path: Path, video: Video) -> bool:
    found = list(iterate(path, frame_rate=RATE / 2, start=video.times[10].item()))
    expected = list(range(10, COUNT, 2))
    return numbers_of(torch.stack([frame.image for frame in found])) == expected


WAYS: dict[str, Callable[[Path, Video], bool]] = {
    "whole": whole, "range": ranges, "number": numbers, "time": times, "clip": clips, "stream": stream,
}  # fmt: skip


def results(case: Case, folder: Path) -> Iterator[tuple[str, bool | str]]:
    """Yield, for each way of reading, whether it gives what there is, else what it raises."""
    path = case.write(folder)
    video = read_video(path)
    for name, is_right in WAYS.items():
        try:
            yield name, is_right(path, video)
        except Exception as error:  # noqa: BLE001 # a cell of the table
            yield name, f"{type(error).__name__}: {error}"


def _same(found: Video, video: Video, *chosen: Any) -> bool:
    if len(chosen) == 2:
        chosen = (list(range(*chosen)),)
    return torch.equal(found.frames, video.frames[chosen[0]]) and torch.equal(found.times, video.times[chosen[0]])
