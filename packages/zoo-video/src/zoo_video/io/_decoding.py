"""Decoding from one place of a file on: which frames there are, and when each is shown."""

import heapq
from collections.abc import Iterator
from fractions import Fraction

import av

from . import _formats
from ._container import VideoFile, VideoPacket, upright_shape
from ._errors import VideoError
from ._limits import PIXELS
from ._truncation import is_cut_off

GUESSED = 16
"""Frames by which a time may be wrong in a good file: program streams state few times, FFmpeg guesses the others."""


class Decoder:
    """Decodes a video from where its file is wound to, beginning with a key frame, and goes on behind damage.

    Args:
        video: The open file.
        waits_for_key: Pass over what cannot be decoded for lack of frames before it.
    """

    def __init__(self, video: VideoFile, *, waits_for_key: bool = True) -> None:
        self._video = video
        self._waits = waits_for_key
        self.landing: int | None = None
        """The timestamp of the packet that decoding began with."""
        self.landing_size = 0
        """Its size in bytes."""
        self.problem: str | None = None
        """What was wrong first."""
        self.timeline = Timeline(video)

    @property
    def has_begun(self) -> bool:
        """Whether there has been anything to decode."""
        return not self._waits

    def frames(self) -> Iterator[av.VideoFrame]:
        """Yield frames in the order in which they are shown."""
        self._video.source.start_clock()
        try:
            for packet in self._video.packets():
                if self._waits and not packet.is_keyframe:
                    continue
                if self._waits or self.landing is None:
                    self._waits, self.landing, self.landing_size = False, packet.pts, packet.size
                if packet.is_corrupt:
                    self._note("data is missing")
                self.timeline.feed(packet)
                yield from self._decoded(packet)
        except av.FFmpegError as error:
            self._note(error.strerror)
        yield from self._decoded(None)

    def _decoded(self, packet: VideoPacket | None) -> Iterator[av.VideoFrame]:
        try:
            frames = self._video.codec.decode(packet)
        except av.FFmpegError as error:
            self._note(error.strerror)
            return
        except ValueError as error:  # from PyAV 19 on: the stream is of another kind by now, which it does not know
            self._note(str(error))
            return
        for frame in frames:
            if frame.is_corrupt:
                self._note("data is missing")
            yield frame
            self._video.source.start_clock()

    def _note(self, problem: str | None) -> None:
        self.problem = self.problem or problem or "unknown error"


class Timeline:
    """Gives each decoded frame its time, in seconds from the first one.

    Formats without presentation times have those of their packets, in ascending order; raw streams the frame rate.

    Args:
        video: The open file.
        first: The timestamp that times count from, where decoding does not begin with the first frame.
    """

    def __init__(self, video: VideoFile, first: int | None = None) -> None:
        self._video, self._first = video, first
        self._counts = video.format in _formats.WITHOUT_TIMES
        self._sorts = is_out_of_order(video)
        self._base = 1 / video.rate if self._counts else video.time_base
        self._step = max(1, round(1 / video.rate / self._base))
        self._waiting: list[int] = []
        self._last: int | None = None
        self._offset = 0
        self._catches_up = False

    def feed(self, packet: VideoPacket) -> None:
        """Take note of a packet before it is decoded."""
        timestamp = packet.pts if packet.dts is None else packet.dts
        if self._sorts and timestamp is not None:
            heapq.heappush(self._waiting, timestamp)

    def time_of(self, frame: av.VideoFrame) -> float:
        """Return the time of the next frame; times never fall."""
        timestamp = self._timestamp(frame)
        if self._first is None:
            self._first = timestamp
        timestamp += self._offset
        if self._last is not None and (timestamp < self._last or (self._catches_up and timestamp == self._last)):
            self._catches_up = self._last - timestamp <= GUESSED * self._step
            if not self._catches_up:
                self._go_on_behind(self._last, timestamp)
            timestamp = self._last + self._step
        else:
            self._catches_up = False
        self._last = timestamp
        return seconds(timestamp - self._first, self._base)

    def _go_on_behind(self, last: int, timestamp: int) -> None:
        """Take a second recording for the continuation of the first one."""
        if not self._offset:
            where = seconds(last - (self._first or 0), self._base)
            self._video.warn(f"has times that fall, after {where:.3f} s: they are counted on from there.")
        self._offset += last + self._step - timestamp

    def _timestamp(self, frame: av.VideoFrame) -> int:
        if self._sorts and self._waiting:
            return heapq.heappop(self._waiting)
        if frame.pts is not None and not self._counts and not self._sorts:
            return frame.pts
        return 0 if self._last is None else self._last - self._offset + self._step


def is_out_of_order(video: VideoFile) -> bool:
    """Tell whether frames are stored in another order than they are shown in, without the times of the latter."""
    return video.format in _formats.WITHOUT_PRESENTATION_TIMES and bool(video.codec.has_b_frames)


def seconds(ticks: int, base: Fraction) -> float:
    """Return a number of units of time in seconds, rounded once."""
    return ticks * base.numerator / base.denominator


def read_through(
    video: VideoFile, *, is_rewound: bool = False, is_quiet: bool = False
) -> Iterator[tuple[av.VideoFrame, float]]:
    """Yield all frames with their times, from the beginning. What other ways of reading give is measured by this.

    Args:
        video: The open file.
        is_rewound: Whether nothing has been read from it yet.
        is_quiet: Whether damage has been told of already.

    Raises:
        VideoError: Not even one frame can be decoded.

    Warns:
        VideoWarning: The file is damaged.
    """
    problem = None
    for waits_for_key in (True, False):  # not all containers tell which frames are key frames
        if not is_rewound:
            video.rewind()
        decoder = Decoder(video, waits_for_key=waits_for_key)
        number = 0
        for timed in with_times(video, decoder, is_quiet=is_quiet):
            number += 1
            yield timed
        problem = problem or decoder.problem
        if number:
            return
        if decoder.has_begun or not video.source.is_seekable:
            break
        is_rewound = False
    if problem is not None:
        raise VideoError(f"{video.name} cannot be read as a video: {problem}.{_hint(video)}")
    raise VideoError(f"{video.name} has a video stream without frames.")


def _hint(video: VideoFile) -> str:
    """Tell of the limit that FFmpeg keeps silent about where it forgets the size of frames beyond it."""
    if video.codec.width and video.codec.height:
        return ""
    return (
        f" Perhaps its frames have more than {video.limits.pixels} pixels: if you trust the file, the environment "
        f"variable {PIXELS} sets another limit."
    )


def with_times(
    video: VideoFile, decoder: Decoder, *, landing_by: int | None = None, is_quiet: bool = False
) -> Iterator[tuple[av.VideoFrame, float]]:
    """Yield a decoder's frames with their times, and warn where the file turns out to be damaged.

    Args:
        video: The open file.
        decoder: Not used yet.
        landing_by: Yield nothing if decoding begins behind this timestamp.
        is_quiet: Do not warn.
    """
    number, warned = 0, is_quiet
    for frame in decoder.frames():
        if landing_by is not None:
            if decoder.landing is None or decoder.landing > landing_by:
                return
            if frame.pts is None or frame.pts < decoder.landing:
                continue  # shown before the key frame, which it needs others for
        if decoder.problem is not None and not warned:
            warned = True
            warn_of_damage(video, decoder.problem, number)
        if video.shape is None:
            video.shape = upright_shape(frame)
        yield frame, decoder.timeline.time_of(frame)
        number += 1
    if number and not warned:
        if decoder.problem is not None:
            warn_of_damage(video, decoder.problem, number)
        elif is_cut_off(video):
            warn_of_damage(video, "the file ends too early", number)


def warn_of_damage(video: VideoFile, problem: str, number: int | None = None) -> None:
    """Warn that a file is damaged."""
    where = "" if number is None else f" after {number} frames"
    video.warn(f"is damaged{where}: {problem}. What can be decoded is used.")


def first_timestamp(video: VideoFile, *, is_rewound: bool = False) -> int | None:
    """Decode the first frame, which tells the size of all, and return its timestamp.

    Raises:
        VideoError: Not even one frame can be decoded.
    """
    for frame, _ in read_through(video, is_rewound=is_rewound, is_quiet=True):
        return frame.pts
    return None
