"""Reading a video in order from some time on."""

import math
from collections.abc import Iterator

import av

from . import _formats
from ._container import VideoFile
from ._decoding import Decoder, Timeline, first_timestamp, read_through, warn_of_damage, with_times
from ._index import STEPS_BACK, Indexed, WrongIndexError, number_at
from ._truncation import is_cut_off


def frames_from(video: VideoFile, start: float) -> Iterator[tuple[av.VideoFrame, float]]:
    """Yield the frames from the one that is shown at a time, or one before it, to the end.

    Args:
        video: A file that has just been opened.
        start: In seconds from the first frame.

    Raises:
        VideoError: Nothing can be decoded.

    Warns:
        VideoWarning: The file is damaged.
    """
    if start <= 0 or not video.source.is_seekable:
        yield from read_through(video, is_rewound=True)
    elif video.format in _formats.INDEXED:
        yield from _behind_seek(video, start)
    else:
        yield from _by_index(video, start)


def _behind_seek(video: VideoFile, start: float) -> Iterator[tuple[av.VideoFrame, float]]:
    """Go to the key frame before, without looking at the rest of the file."""
    first = first_timestamp(video)
    target = None if first is None else first + math.floor(start / video.time_base)
    if first is not None and target is not None:
        for step in STEPS_BACK:
            before = target - round(step / video.time_base)
            if before <= first or not video.seek(before):
                break
            decoder = Decoder(video)
            decoder.timeline = Timeline(video, first)
            number = 0
            for timed in with_times(video, decoder, landing_by=target):
                number += 1
                yield timed
            if number:
                return
    yield from read_through(video)


def _by_index(video: VideoFile, start: float) -> Iterator[tuple[av.VideoFrame, float]]:
    """Look through the whole file for its key frames first."""
    indexed, last = Indexed.of(video), -math.inf
    if indexed is not None:
        try:
            for number, frame in indexed.frames_from(number_at(indexed.times, start)):
                last = indexed.times[number]
                yield frame, last
        except WrongIndexError:
            pass
        else:
            if is_cut_off(video):
                warn_of_damage(video, "the file ends too early", len(indexed.times))
            return
    for frame, time in read_through(video):
        if time > last:
            yield frame, time
