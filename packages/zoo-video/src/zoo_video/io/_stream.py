"""Reading a video from one time to another, frame after frame."""

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import torch
from av.container import InputContainer
from av.video.stream import VideoStream
from torch import Tensor

from ._container import VideoError, VideoSource, VideoWarning, name_of, opened, quarter_turns, start_of, time_base_of


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame.

    Args:
        image: uint8 RGB `(3, H, W)`, upright.
        time: When it is shown, in seconds from the beginning of the video.
    """

    image: Tensor
    time: float


@dataclass(frozen=True, slots=True)
class Video:
    """Frames in the order of their times.

    Args:
        frames: uint8 RGB `(T, 3, H, W)`.
        times: Seconds from the beginning of the video, float64 `(T,)`.
    """

    frames: Tensor
    times: Tensor


def read_video(
    source: VideoSource, *, start: float = 0.0, end: float | None = None, frame_rate: float | None = None
) -> Video:
    """Read a video, or a part of it, into memory.

    Args:
        source: A path, the bytes of a video file, or a file opened in binary mode.
        start: From this time on, in seconds.
        end: Before this time, in seconds; `None` for all.
        frame_rate: Sample to so many frames a second, as `iterate` does.

    Raises:
        FileNotFoundError: There is no such file.
        VideoError: It is no video, or has no frame in that range.
        ValueError: An argument is out of range.

    Warns:
        VideoWarning: The file is damaged: what could be read is returned.

    Example:
        >>> read_video("clip.mp4", end=2.0, frame_rate=15).frames.shape  # doctest: +SKIP
        torch.Size([30, 3, 720, 1280])
    """
    frames = list(iterate(source, start=start, end=end, frame_rate=frame_rate))
    if not frames:
        raise VideoError(
            f"{name_of(source)} has no frames from {start:g} s to {'its end' if end is None else f'{end:g} s'}."
        )
    times = torch.tensor([frame.time for frame in frames], dtype=torch.float64)
    return Video(torch.stack([frame.image for frame in frames]), times)


def iterate(
    source: VideoSource, *, start: float = 0.0, end: float | None = None, frame_rate: float | None = None
) -> Iterator[Frame]:
    """Yield a video's frames one after the other, in memory that does not depend on its length. Audio is ignored.

    Args:
        source: A path, the bytes of a video file, or a file opened in binary mode.
        start: From this time on, in seconds.
        end: Before this time, in seconds; `None` for all.
        frame_rate: Yield so many frames a second, at `start + k / frame_rate`: each the one that is shown at that time.
            Those of a slower video come repeatedly, of a faster one some are left out. `None`: every frame, whatever
            the times between them.

    Raises:
        FileNotFoundError: There is no such file.
        VideoError: It is no video.
        ValueError: An argument is out of range.

    Warns:
        VideoWarning: The file is damaged: the frames before that have been given.

    Example:
        >>> for frame in iterate("clip.mp4", frame_rate=5):  # doctest: +SKIP
        ...     print(frame.time, frame.image.float().mean())
    """
    if not (start >= 0 and math.isfinite(start)):
        raise ValueError(f"start is a time in seconds from the beginning: expected 0 or more, found {start}.")
    if end is not None and not end > start:
        raise ValueError(f"end is a time in seconds after start: expected more than {start}, found {end}.")
    if frame_rate is not None and not (frame_rate > 0 and math.isfinite(frame_rate)):
        raise ValueError(f"frame_rate is a number of frames a second: expected more than 0, found {frame_rate}.")
    return _iterate(source, start, math.inf if end is None else end, frame_rate)


def _iterate(source: VideoSource, start: float, end: float, frame_rate: float | None) -> Iterator[Frame]:
    with opened(source) as (container, stream):
        if start > 0:
            seek(container, stream, start)
        shown = _shown(decode(container, stream, name_of(source)), start)
        if frame_rate is not None:
            shown = _sampled(shown, start, frame_rate, float(1 / _rate_of(stream)))
        for frame, time in shown:
            if time >= end:
                return
            if time >= start:
                yield Frame(to_tensor(frame), time)


def decode(container: InputContainer, stream: VideoStream, name: str) -> Iterator[tuple[av.VideoFrame, float]]:
    """Yield decoded frames with their times, as far as the file can be decoded.

    Raises:
        av.FFmpegError: Not even one frame can be.
    """
    number, time, base, first = 0, -math.inf, time_base_of(stream), start_of(stream)
    rate = _rate_of(stream)
    try:
        for frame in container.decode(stream):
            # Raw streams have no timestamps: their frames follow each other at the average rate.
            time = float(number / rate) if frame.pts is None else float((frame.pts - first) * base)
            number += 1
            yield frame, time
    except av.FFmpegError as error:
        if number == 0:
            raise
        _warn_of_damage(name, number, error.strerror)
    else:
        if number and _is_cut_off(container, stream, time):
            _warn_of_damage(name, number, "the file ends too early")


def _rate_of(stream: VideoStream) -> Fraction:
    """Return the average number of frames a second, as far as it is known."""
    return stream.average_rate or stream.guessed_rate or Fraction(25)


def seek(container: InputContainer, stream: VideoStream, time: float) -> None:
    """Go to the last key frame at or before a time; where that is not possible, to the beginning."""
    timestamp = start_of(stream) + math.floor(time / time_base_of(stream))
    try:
        container.seek(timestamp, stream=stream, backward=True)
    except av.FFmpegError:  # some files have no index
        container.seek(start_of(stream), stream=stream, backward=True)


def to_tensor(frame: av.VideoFrame) -> Tensor:
    """Convert a frame to upright RGB, uint8 `(3, H, W)`."""
    image = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
    return torch.rot90(image, quarter_turns(frame), (1, 2)).contiguous()


def _shown(frames: Iterator[tuple[av.VideoFrame, float]], start: float) -> Iterator[tuple[av.VideoFrame, float]]:
    """Leave out what comes before the last frame that is not after `start`."""
    last = None
    for frame, time in frames:
        if time <= start:
            last = (frame, time)
            continue
        if last is not None:
            yield last
            last = None
        yield frame, time
    if last is not None:
        yield last


def _sampled(
    frames: Iterator[tuple[av.VideoFrame, float]], start: float, frame_rate: float, duration: float
) -> Iterator[tuple[av.VideoFrame, float]]:
    """Yield, for each time of a regular grid, the last frame that is not after it; at least one.

    Args:
        frames: With their times.
        start: Where the grid begins.
        frame_rate: Of the grid.
        duration: How long the last of the frames is shown, in seconds.
    """
    count, current, last, tolerance = 0, None, -math.inf, 1e-6
    for frame, time in frames:
        while current is not None and start + count / frame_rate < time - tolerance:
            yield current, start + count / frame_rate
            count += 1
        current, last = frame, time
    while current is not None and (count == 0 or start + count / frame_rate < last + duration - tolerance):
        yield current, start + count / frame_rate
        count += 1


def _is_cut_off(container: InputContainer, stream: VideoStream, time: float) -> bool:
    """Tell whether a file is shorter than it says: decoders with several threads leave out silently what is missing.

    Args:
        container: Read to its end.
        stream: Its video stream.
        time: Of the last frame.
    """
    index = stream.index_entries
    if len(index) > 1:
        return 0 < container.size < index[-1].pos + index[-1].size
    # Matroska's index is at the end of the file. A longer sound track would make the file longer than its frames.
    if container.duration is None or len(container.streams) > 1:
        return False
    duration = container.duration / av.time_base
    return duration - time > max(1.0, 0.1 * duration)


def _warn_of_damage(name: str, number: int, reason: str | None) -> None:
    warnings.warn(f"{name} is damaged after {number} frames: {reason}. Those are used.", VideoWarning, stacklevel=2)
