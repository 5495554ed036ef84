"""Reading single frames, by their numbers or times, without decoding everything before them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

import torch
from av.container import InputContainer
from av.video.stream import VideoStream
from torch import Tensor

from ._container import VideoError, VideoSource, name_of, opened, start_of, time_base_of
from ._stream import Video, decode, to_tensor


def read_frames(source: VideoSource, indices: Sequence[int]) -> Video:
    """Read frames by their numbers, in the order that they are shown.

    Args:
        source: A path, the bytes of a video file, or a file opened in binary mode that can be wound back.
        indices: From 0, in any order, also repeated.

    Returns:
        One frame for each index, in the order of `indices`.

    Raises:
        FileNotFoundError: There is no such file.
        VideoError: It is no video.
        ValueError: There is no such frame; the message says how many there are.

    Example:
        >>> read_frames("clip.mp4", [0, 30, 60]).times  # doctest: +SKIP
        tensor([0., 1., 2.], dtype=torch.float64)
    """
    with FrameReader.open(source) as reader:
        return reader.by_number(indices)


def read_frames_at(source: VideoSource, times: Sequence[float]) -> Video:
    """Read the frames that are shown at given times.

    Args:
        source: As for `read_frames`.
        times: In seconds from the beginning; before the first frame's time it is the first, after the last the last.

    Returns:
        One frame for each time, in the order of `times`, with the time at which it begins to be shown.

    Raises:
        FileNotFoundError: There is no such file.
        VideoError: It is no video.

    Example:
        >>> read_frames_at("clip.mp4", [0.5, 1.5]).frames.shape  # doctest: +SKIP
        torch.Size([2, 3, 720, 1280])
    """
    with FrameReader.open(source) as reader:
        return reader.by_time(times)


class FrameReader:
    """A video whose frames have been counted, without decoding them, so that any of them can be read.

    Args:
        container: The open file, wound to any place.
        stream: Its video stream.
        name: What messages call the file.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, name: str) -> None:
        self._container, self._stream, self._name = container, stream, name
        self._timestamps, self._keys = _timestamps(container, stream)
        if not self._timestamps:
            raise VideoError(f"{name} has no frames with timestamps: read it from its beginning, with read_video.")

    @classmethod
    @contextmanager
    def open(cls, source: VideoSource) -> Iterator[Self]:
        """Open a file for the time of a context."""
        with opened(source) as (container, stream):
            yield cls(container, stream, name_of(source))

    @property
    def last_time(self) -> float:
        """When the last frame begins to be shown, in seconds."""
        return self._seconds(self._timestamps[-1])

    def by_number(self, indices: Sequence[int]) -> Video:
        """Read frames by their numbers.

        Raises:
            ValueError: There is no such frame.
        """
        count = len(self._timestamps)
        wrong = [number for number in indices if not 0 <= number < count]
        if wrong:
            raise ValueError(f"{self._name} has {count} frames, numbered from 0: found the number {wrong[0]}.")
        return self._read([self._timestamps[number] for number in indices])

    def by_time(self, times: Sequence[float]) -> Video:
        """Read the frames that are shown at given times."""
        base = float(time_base_of(self._stream))
        wanted = [start_of(self._stream) + (time + 1e-6) / base for time in times]
        return self._read([self._timestamps[max(0, bisect_right(self._timestamps, time) - 1)] for time in wanted])

    def _read(self, wanted: Sequence[int]) -> Video:
        if not wanted:
            raise ValueError("Expected at least one frame to read, found none.")
        images: dict[int, Tensor] = {}
        remaining = sorted(set(wanted))
        while remaining:
            self._container.seek(self._key_before(remaining[0]), stream=self._stream, backward=True)
            found = self._decode_some(remaining)
            if not found:
                time = self._seconds(remaining[0])
                raise VideoError(f"{self._name} is damaged: the frame at {time:.3f} s cannot be decoded.")
            images |= found
            remaining = remaining[len(found) :]
        times = torch.tensor([self._seconds(timestamp) for timestamp in wanted], dtype=torch.float64)
        return Video(torch.stack([images[timestamp] for timestamp in wanted]), times)

    def _decode_some(self, wanted: Sequence[int]) -> dict[int, Tensor]:
        """Decode from here on, and collect wanted frames, until the next one is behind a key frame still to come."""
        found: dict[int, Tensor] = {}
        for frame, _ in decode(self._container, self._stream, self._name):
            if frame.pts is None or frame.pts > wanted[len(found)]:
                return found
            if frame.pts == wanted[len(found)]:
                found[frame.pts] = to_tensor(frame)
                if len(found) == len(wanted) or self._key_before(wanted[len(found)]) > frame.pts:
                    return found
        return found

    def _key_before(self, timestamp: int) -> int:
        """Return the last key frame at or before a timestamp, else the first frame."""
        position = bisect_right(self._keys, timestamp)
        return self._keys[position - 1] if position else self._timestamps[0]

    def _seconds(self, timestamp: int) -> float:
        return float((timestamp - start_of(self._stream)) * time_base_of(self._stream))


def _timestamps(container: InputContainer, stream: VideoStream) -> tuple[list[int], list[int]]:
    """Return the timestamps of all frames, ascending, and those of the key frames, at which decoding can begin."""
    timestamps, keys = set[int](), set[int]()
    for packet in container.demux(stream):
        if packet.pts is not None and not packet.is_discard:
            timestamps.add(packet.pts)
            if packet.is_keyframe:
                keys.add(packet.pts)
    return sorted(timestamps), sorted(keys)
