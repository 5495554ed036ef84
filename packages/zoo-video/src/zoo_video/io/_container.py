"""Opening a video file, and what is known of it before it is decoded."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, TypeAlias

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from zoo_core.errors import MediaError

VideoSource: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes of a video file, or a file opened in binary mode."""


class VideoError(MediaError):
    """A file is no video, has none inside, or cannot be decoded at all. The message names the file and says why."""


class VideoWarning(UserWarning):
    """A video was read as far as it could be."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a file says about its video.

    Args:
        width: Of the upright frames, in pixels.
        height: Likewise.
        frame_rate: Frames a second, on average; `None` where the file does not tell.
        duration: In seconds; `None` where the file does not tell.
        num_frames: As the file tells; `None` where it does not. Reading may find another number.
        codec: The codec's name, such as `"h264"`.
    """

    width: int
    height: int
    frame_rate: float | None
    duration: float | None
    num_frames: int | None
    codec: str


def probe(source: VideoSource) -> VideoInfo:
    """Read what a file says about its video; the first frame is decoded, which alone knows how it is turned.

    Raises:
        FileNotFoundError: There is no such file.
        VideoError: It is no video.
    """
    with opened(source) as (container, stream):
        first = next(container.decode(stream), None)
        if first is None:
            raise VideoError(f"{name_of(source)} has a video stream without frames.")
        turned = quarter_turns(first) % 2 == 1
        width, height = (first.height, first.width) if turned else (first.width, first.height)
        rate, duration = stream.average_rate, _duration(container, stream)
        return VideoInfo(
            width, height, float(rate) if rate else None, duration, stream.frames or None, stream.codec_context.name
        )


@contextmanager
def opened(source: VideoSource) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a file, find its video stream, and turn what the decoder raises into errors that name the file.

    Raises:
        FileNotFoundError: There is no such file.
        VideoError: It is a folder, is empty, is no video, has no video stream, or is damaged.
        TypeError: `source` is none of the above.
    """
    name = name_of(source)
    try:
        with av.open(_openable(source, name), mode="r") as container:
            stream = _video_stream(container, name)
            stream.thread_type = "AUTO"
            yield container, stream
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {name}.") from None
    except PermissionError:
        raise
    except av.FFmpegError as error:
        raise VideoError(f"{name} cannot be read as a video: {error.strerror}.") from error


def name_of(source: object) -> str:
    """Return what messages call a source."""
    if isinstance(source, (str, os.PathLike)):
        return repr(os.fspath(source))
    if isinstance(source, bytes):
        return f"the data of {len(source)} bytes"
    name = getattr(source, "name", None)
    return repr(name) if isinstance(name, str) else "the file object"


def start_of(stream: VideoStream) -> int:
    """Return the timestamp of the stream's beginning, in its time base; times are counted from there."""
    return stream.start_time or 0


def time_base_of(stream: VideoStream) -> Fraction:
    """Return the length of the stream's unit of time, in seconds."""
    return stream.time_base or Fraction(1, av.time_base)


def quarter_turns(frame: av.VideoFrame) -> int:
    """Return how often a frame is to be turned counter-clockwise by 90 degrees to be upright."""
    return round(frame.rotation / 90) % 4


def _openable(source: VideoSource, name: str) -> str | BinaryIO:
    if isinstance(source, (str, os.PathLike)):
        if Path(source).is_dir():
            raise VideoError(f"{name} is a folder: pass the path of one video file.")
        if Path(source).exists() and Path(source).stat().st_size == 0:
            raise VideoError(f"{name} is empty.")
        return os.fspath(source)
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if not hasattr(source, "read"):
        raise TypeError(f"Expected a path, bytes, or a file opened in binary mode, found {type(source).__qualname__}.")
    return source


def _video_stream(container: InputContainer, name: str) -> VideoStream:
    """Return the first video stream that is no cover picture of an audio file."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    kinds = sorted({stream.type for stream in container.streams})
    raise VideoError(f"{name} has no video stream; it holds {', '.join(kinds) or 'nothing'}.")


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration is not None:
        return float(stream.duration * time_base_of(stream))
    return None if container.duration is None else container.duration / av.time_base
