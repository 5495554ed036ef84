"""Reading a video from one time to another, frame after frame."""

import math
from collections.abc import Iterator
from itertools import islice

import av
import torch
from torch import Tensor

from ._container import VideoFile
from ._errors import VideoError
from ._pixels import check_memory, room_for, to_tensor
from ._source import VideoSource
from ._starting import frames_from
from ._video import Frame, Video

MOST_REPEATED = 2**20
"""How often a frame is given at most, where times leap."""


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
        >>> from zoo_video.io import read_video
        >>> read_video("clip.mp4", end=2.0, frame_rate=15).frames.shape
        torch.Size([30, 3, 720, 1280])
    """
    check_range(start, end, frame_rate)
    images, times = list[Tensor | None](), list[float]()
    with VideoFile.opened(source) as video:
        for frame in _frames(video, start, math.inf if end is None else end, frame_rate):
            images.append(frame.image)
            times.append(frame.time)
            check_memory(video, len(images))
        if not images:
            until = "its end" if end is None else f"{end:g} s"
            raise VideoError(f"{video.name} has no frames from {start:g} s to {until}.")
        frames = room_for(video, len(images))
    for number, image in enumerate(images):
        assert image is not None
        frames[number], images[number] = image, None  # so that all of them are in memory once
    return Video(frames, torch.tensor(times, dtype=torch.float64))


def iterate(
    source: VideoSource,
    *,
    start: float = 0.0,
    end: float | None = None,
    frame_rate: float | None = None,
    every: int = 1,
) -> Iterator[Frame]:
    """Yield a video's frames one after the other, in memory that does not depend on its length. Audio is ignored.

    Args:
        source: A path, the bytes of a video file, or a file opened in binary mode.
        start: From this time on, in seconds.
        end: Before this time, in seconds; `None` for all.
        frame_rate: Yield so many frames a second, at `start + k / frame_rate`: each the one that is shown at that time.
            Those of a slower video come repeatedly, of a faster one some are left out. `None`: every frame, whatever
            the times between them.
        every: Of so many of these frames only the first.

    Raises:
        FileNotFoundError: There is no such file.
        VideoError: It is no video.
        ValueError: An argument is out of range.

    Warns:
        VideoWarning: The file is damaged: the frames before that have been given.

    Example:
        >>> from zoo_video.io import iterate
        >>> for frame in iterate("clip.mp4", end=0.4, frame_rate=5):
        ...     print(frame.time, tuple(frame.image.shape))
        0.0 (3, 720, 1280)
        0.2 (3, 720, 1280)
    """
    check_range(start, end, frame_rate)
    if every < 1:
        raise ValueError(f"every is a number of frames: expected at least 1, found {every}.")
    return _iterate(source, start, math.inf if end is None else end, frame_rate, every)


def check_range(start: float, end: float | None, frame_rate: float | None) -> None:
    """Check what part of a video is asked for.

    Raises:
        ValueError: An argument is out of range.
    """
    if not (start >= 0 and math.isfinite(start)):
        raise ValueError(f"start is a time in seconds from the beginning: expected 0 or more, found {start}.")
    if end is not None and not end > start:
        raise ValueError(f"end is a time in seconds after start: expected more than {start}, found {end}.")
    if frame_rate is not None and not (frame_rate > 0 and math.isfinite(frame_rate)):
        raise ValueError(f"frame_rate is a number of frames a second: expected more than 0, found {frame_rate}.")


def _iterate(source: VideoSource, start: float, end: float, frame_rate: float | None, every: int) -> Iterator[Frame]:
    with VideoFile.opened(source) as video:
        yield from _frames(video, start, end, frame_rate, every)


def _frames(video: VideoFile, start: float, end: float, frame_rate: float | None, every: int = 1) -> Iterator[Frame]:
    shown = _shown(frames_from(video, start), start)
    if frame_rate is not None:
        shown = _sampled(shown, start, frame_rate, float(1 / video.rate))
    if every > 1:
        shown = islice(shown, 0, None, every)
    previous, image, repeated = None, None, 0
    for frame, time in shown:
        if time >= end:
            return
        if time >= start:
            repeated = repeated + 1 if frame is previous else 0
            if repeated > MOST_REPEATED:
                raise VideoError(
                    f"{video.name} shows one frame for more than {repeated / (frame_rate or 1):.0f} s, which may be "
                    "damage: read it without frame_rate, or a part of it."
                )
            image = image.clone() if frame is previous and image is not None else to_tensor(frame, video)
            previous = frame
            yield Frame(image, time)


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
