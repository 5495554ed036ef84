"""Opening a video file, and what is known of it before it is decoded."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from zoo_core.building import warn_caller

from . import _formats
from ._errors import VideoError, VideoWarning
from ._limits import PIXELS, Limits
from ._source import SourceFile, VideoSource, open_source

if TYPE_CHECKING:
    VideoPacket: TypeAlias = av.Packet[VideoStream]
else:
    VideoPacket = av.Packet

BUFFER = 128 * 1024
"""How much of a file is read at once."""
DECODING_MEMORY = 512 * 2**20
"""Bytes that the frames of all threads of a decoder may take, about; large frames are decoded by fewer threads."""
LARGEST_TIMESTAMP = 2**62
_METADATA: dict[str, Any] = {"metadata_errors": "replace"} if hasattr(InputContainer, "metadata_errors") else {}
"""For titles that are not in UTF-8, for which PyAV before 19 has an option."""


class VideoFile:
    """An open video: its container, its stream, and what has been found out while reading it.

    Args:
        source: What FFmpeg reads.
        limits: What is refused beyond.

    Raises:
        VideoError: It has no video stream that can be decoded.
        av.FFmpegError: It is no video.
    """

    def __init__(self, source: SourceFile, limits: Limits) -> None:
        self.source, self.limits, self.name = source, limits, source.name_in_messages
        self.shape: tuple[int, int] | None = None
        """Height and width of the first frame, upright; all later ones are brought to that size."""
        self._said: set[str] = set()
        self._open()

    @classmethod
    @contextmanager
    def opened(cls, source: VideoSource) -> Iterator[Self]:
        """Open a file for the time of a context, and turn what PyAV raises into errors that name the file.

        Raises:
            FileNotFoundError: There is no such file.
            OSError: It cannot be read.
            VideoError: It is a folder, is empty, is no video, has no video stream, or is damaged.
            TypeError: `source` is none of what `VideoSource` says.
        """
        limits = Limits.from_environment()
        with open_source(source, limits) as file:
            try:
                video = cls(file, limits)
                try:
                    yield video
                finally:
                    video.close()
            except av.FFmpegError as error:
                file.check()
                raise VideoError(f"{file.name_in_messages} cannot be read as a video: {_reason(error)}.") from error

    def rewind(self) -> None:
        """Go back to the beginning, by opening the file again: not all formats can be wound.

        Raises:
            VideoError: The source cannot be read twice.
        """
        if not self.source.is_seekable:
            raise VideoError(f"{self.name} cannot be wound back: read it in order, with iterate or read_video.")
        self.close()
        self._open()

    def seek(self, timestamp: int) -> bool:
        """Go to a key frame at or before a timestamp, if the format can. Where it ends up is to be looked at."""
        self.source.start_clock()
        try:
            self.container.seek(max(-LARGEST_TIMESTAMP, min(timestamp, LARGEST_TIMESTAMP)), stream=self.stream)
        except av.FFmpegError:
            self.source.check()
            return False
        return True

    def packets(self) -> Iterator[VideoPacket]:
        """Yield the stream's packets from here on; those without content (frames left out in AVI) are passed over.

        Raises:
            av.FFmpegError: The container is damaged.
        """
        demuxed = self.container.demux(self.stream)
        while True:
            try:
                packet = next(demuxed, None)
            except IndexError:  # at the end, PyAV looks for streams that have appeared in the middle of the file
                packet = None
            except av.FFmpegError:
                self.source.check()
                raise
            self.source.check()
            if packet is None:
                return
            if packet.size:
                yield packet

    def close(self) -> None:
        """Close the container; the source stays open."""
        # A decoder's threads that still work may want to log, for which they need the interpreter's lock, while
        # PyAV waits for them, holding it, when the decoder goes. After a flush they are idle.
        self.codec.flush_buffers()
        self.container.close()

    def warn(self, text: str) -> None:
        """Warn, once of everything."""
        if text not in self._said:
            self._said.add(text)
            warn_caller(f"{self.name} {text}", VideoWarning)

    @property
    def format(self) -> str:
        """The name of FFmpeg's demuxer."""
        return self.container.format.name

    @property
    def time_base(self) -> Fraction:
        """The unit of timestamps, in seconds."""
        base = self.stream.time_base
        return base if base else Fraction(1, av.time_base)

    @property
    def rate(self) -> Fraction:
        """The number of frames a second, as far as it is known."""
        stream = self.stream
        guesses = (stream.average_rate, stream.guessed_rate)
        # What a raw stream says itself is the guess; the average is FFmpeg's default.
        for rate in guesses[::-1] if self.format in _formats.WITHOUT_TIMES else guesses:
            if rate and 0 < rate <= 1000:
                return rate
        return Fraction(25)

    @property
    def duration(self) -> float | None:
        """In seconds, as the file says."""
        if self.stream.duration is not None:
            return float(self.stream.duration * self.time_base)
        return None if self.container.duration is None else self.container.duration / av.time_base

    def _open(self) -> None:
        self.source.rewind()
        self.source.start_clock()
        self.container: InputContainer = av.open(
            self.source,
            mode="r",
            options={
                "format_whitelist": ",".join(_formats.ALLOWED),
                "protocol_whitelist": "none",
                "max_pixels": str(self.limits.pixels),
            },
            **_METADATA,
            buffer_size=BUFFER,
            io_open=self.source.refuse,
        )
        try:
            self.source.check()
            self.stream = _video_stream(self.container, self.name)
            self.codec = _decoder(self.stream, self.name, self.limits)
        except BaseException:
            self.container.close()
            raise


def quarter_turns(frame: av.VideoFrame) -> int:
    """Return how often a frame is to be turned counter-clockwise by 90 degrees to be upright."""
    turns = float(frame.rotation) / 90
    return round(turns) % 4 if math.isfinite(turns) else 0


def upright_shape(frame: av.VideoFrame) -> tuple[int, int]:
    """Return a frame's height and width as it is shown."""
    return (frame.width, frame.height) if quarter_turns(frame) % 2 else (frame.height, frame.width)


def _video_stream(container: InputContainer, name: str) -> VideoStream:
    """Return the first video stream that is no cover picture of an audio file."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    kinds = sorted({stream.type for stream in container.streams})
    raise VideoError(f"{name} has no video stream; it holds {', '.join(kinds) or 'nothing'}.")


def _decoder(stream: VideoStream, name: str, limits: Limits) -> VideoCodecContext:
    """Return the stream's decoder, not opened yet, with its limits.

    Raises:
        VideoError: There is none, or the frames are too large.
    """
    codec: VideoCodecContext | None = stream.codec_context
    if codec is None:
        raise VideoError(f"{name} has video of a kind that cannot be decoded.")
    pixels = codec.width * codec.height
    if pixels > limits.pixels:
        raise VideoError(
            f"{name} has frames of {codec.width} x {codec.height} pixels, more than the {limits.pixels} that are read. "
            f"If you trust the file, the environment variable {PIXELS} sets another limit."
        )
    codec.options = {"max_pixels": str(limits.pixels)}
    codec.thread_type = "AUTO"
    threads = (os.cpu_count() or 1) + 1
    if pixels * 4 * threads > DECODING_MEMORY:
        codec.thread_count = max(1, DECODING_MEMORY // (pixels * 4))
    return codec


def _reason(error: av.FFmpegError) -> str:
    if isinstance(error, av.ArgumentError):  # what FFmpeg says of formats that are not on its list
        return "it has none of the formats that are read, or is damaged"
    return str(error.strerror)
