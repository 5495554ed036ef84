"""Reading single frames, by their numbers or times, without decoding everything before them."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Self, TypeVar

import av
import torch
from torch import Tensor

from ._clip_times import clip_times
from ._container import VideoFile
from ._decoding import read_through, warn_of_damage
from ._errors import VideoError
from ._index import Indexed, WrongIndexError, number_at
from ._pixels import check_memory, room_for, to_tensor, turn_of
from ._source import VideoSource
from ._truncation import is_cut_off
from ._video import Video

T = TypeVar("T")


def read_frames(source: VideoSource, indices: Sequence[int]) -> Video:
    """Read frames by their numbers, in the order that they are shown.

    Args:
        source: A path, the bytes of a video file, or a file opened in binary mode that can be wound back.
        indices: From 0, in any order, also repeated.

    Returns:
        One frame for each index, in the order of `indices`.

    Raises:
        FileNotFoundError: There is no such file.
        VideoError: It is no video, or cannot be wound back.
        ValueError: There is no such frame; the message says how many there are.

    Warns:
        VideoWarning: The file is damaged: the frames that can be decoded are counted.

    Example:
        >>> from zoo_video.io import read_frames
        >>> read_frames("clip.mp4", [0, 30, 60]).times
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
        VideoError: It is no video, or cannot be wound back.

    Warns:
        VideoWarning: The file is damaged: of the frames that can be decoded, the last one before the time is given.

    Example:
        >>> from zoo_video.io import read_frames_at
        >>> read_frames_at("clip.mp4", [0.5, 1.5]).frames.shape
        torch.Size([2, 3, 720, 1280])
    """
    with FrameReader.open(source) as reader:
        return reader.by_time(times)


class FrameReader:
    """A video whose frames have been counted so that any of them can be read.

    They are counted by their packets, without being decoded. Where packets do not tell, or turn out to have told
    something else than what is decoded, everything is decoded from the beginning.

    Args:
        video: A file that has just been opened.

    Raises:
        VideoError: Nothing can be decoded, or the file cannot be wound back.
    """

    def __init__(self, video: VideoFile) -> None:
        if not video.source.is_seekable:
            raise VideoError(f"{video.name} cannot be wound back: read it in order, with iterate or read_video.")
        self._video = video
        self._indexed = Indexed.of(video)
        self._times = self._all_times() if self._indexed is None else self._indexed.times
        if is_cut_off(video):
            warn_of_damage(video, "the file ends too early", len(self._times))

    @classmethod
    @contextmanager
    def open(cls, source: VideoSource) -> Iterator[Self]:
        """Open a file for the time of a context."""
        with VideoFile.opened(source) as video:
            yield cls(video)

    @property
    def last_time(self) -> float:
        """When the last frame begins to be shown, in seconds."""
        return self._times[-1]

    def by_number(self, indices: Sequence[int]) -> Video:
        """Read frames by their numbers.

        Raises:
            ValueError: There is no such frame.
            VideoError: They take more memory than is allowed.
        """
        return self._stacked(lambda: self._checked(indices))

    def by_time(self, times: Sequence[float]) -> Video:
        """Read the frames that are shown at given times.

        Raises:
            VideoError: They take more memory than is allowed.
        """
        return self._stacked(lambda: self._numbers_at(times))

    def clips(self, *, num_frames: int, frame_rate: float, num_clips: int) -> Tensor:
        """Read clips as `read_clips` does.

        Raises:
            ValueError: A number is not positive.
            VideoError: They take more memory than is allowed.
        """
        frames = self._stacked(lambda: self._clip_numbers(num_frames, frame_rate, num_clips)).frames
        return frames.view(num_clips, num_frames, *frames.shape[1:])

    def map_clips(
        self,
        function: Callable[[Tensor, Sequence[int]], T],
        *,
        num_frames: int,
        frame_rate: float,
        num_clips: int,
    ) -> list[T]:
        """Read the frames of clips, and keep what a function makes of them: clips of large frames in little memory.

        Args:
            function: Called once for each frame that is needed, in order, as soon as it has been decoded, with the
                frame, uint8 RGB `(3, H, W)`, and its places among the frames of all clips. If the file turns out to
                be damaged it is called again.
            num_frames: As for `read_clips`.
            frame_rate: As for `read_clips`.
            num_clips: As for `read_clips`.

        Returns:
            What the function gave for each frame of the first clip, then of the second, and so on; for a frame that
            is needed several times, the same object.

        Raises:
            ValueError: A number is not positive.
        """
        return self._mapped(function, lambda: self._clip_numbers(num_frames, frame_rate, num_clips))

    def map_times(self, function: Callable[[Tensor, Sequence[int]], T], times: Sequence[float]) -> list[T]:
        """Read the frames that are shown at given times, and keep what a function makes of them.

        Args:
            function: As for `map_clips`; the places are those of the times.
            times: As for `read_frames_at`.

        Returns:
            What the function gave for the frame of each time; the same object where several times have one frame.
        """
        return self._mapped(function, lambda: self._numbers_at(times))

    def _mapped(self, function: Callable[[Tensor, Sequence[int]], T], choose: Callable[[], Sequence[int]]) -> list[T]:
        def collect(numbers: Sequence[int]) -> list[T]:
            results = self._visit(numbers, function)
            return [results[number] for number in numbers]

        return self._reading(choose, collect)

    def _reading(self, choose: Callable[[], Sequence[int]], read: Callable[[Sequence[int]], T]) -> T:
        """Read chosen frames, if need be again, with what there is when everything is decoded."""
        if self._indexed is not None:
            try:
                return read(choose())
            except WrongIndexError:
                self._indexed = None
                self._times = self._all_times()
        return read(choose())

    def _stacked(self, choose: Callable[[], Sequence[int]]) -> Video:
        return self._reading(choose, self._stack)

    def _stack(self, numbers: Sequence[int]) -> Video:
        times = torch.tensor([self._times[number] for number in numbers], dtype=torch.float64)
        if len(set(numbers)) == 1:  # a picture; any number of copies take the memory of one
            check_memory(self._video, 1)
            (image,) = self._visit(numbers, lambda image, _: image).values()
            return Video(image.expand(len(numbers), -1, -1, -1), times)
        frames = room_for(self._video, len(numbers))

        def put(image: Tensor, places: Sequence[int]) -> None:
            for place in places:
                frames[place] = image

        self._visit(numbers, put)
        return Video(frames, times)

    def _visit(self, numbers: Sequence[int], function: Callable[[Tensor, Sequence[int]], T]) -> dict[int, T]:
        """Decode frames, each once, in order, and return what a function makes of them, by their numbers."""
        if not numbers:
            raise ValueError("Expected at least one frame to read, found none.")
        places: dict[int, list[int]] = {}
        for place, number in enumerate(numbers):
            places.setdefault(number, []).append(place)
        results: dict[int, T] = {}
        wanted = sorted(places)
        while len(results) < len(wanted):
            before = len(results)
            frames = self._frames_from(wanted[before])
            for number, frame in frames:
                if number == wanted[len(results)]:
                    with turn_of(frame):
                        results[number] = function(to_tensor(frame, self._video), places[number])
                    if len(results) == len(wanted) or self._is_worth_seeking(number, wanted[len(results)]):
                        break
            frames.close()
            if len(results) == before:
                raise VideoError(f"{self._video.name} is damaged: it gave other frames when it was read again.")
        return results

    def _frames_from(self, number: int) -> Generator[tuple[int, av.VideoFrame], None, None]:
        if self._indexed is not None:
            yield from self._indexed.frames_from(number)
        else:
            yield from enumerate(frame for frame, _ in read_through(self._video, is_quiet=True))

    def _is_worth_seeking(self, current: int, wanted: int) -> bool:
        return self._indexed is not None and self._indexed.is_worth_seeking(current, wanted)

    def _all_times(self) -> list[float]:
        """Decode everything, for the times alone."""
        return [time for _, time in read_through(self._video)]

    def _checked(self, indices: Sequence[int]) -> Sequence[int]:
        count = len(self._times)
        wrong = [number for number in indices if not 0 <= number < count]
        if wrong:
            raise ValueError(f"{self._video.name} has {count} frames, numbered from 0: found the number {wrong[0]}.")
        return indices

    def _numbers_at(self, times: Sequence[float]) -> list[int]:
        return [number_at(self._times, time) for time in times]

    def _clip_numbers(self, num_frames: int, frame_rate: float, num_clips: int) -> list[int]:
        clips = clip_times(self.last_time, num_frames=num_frames, frame_rate=frame_rate, num_clips=num_clips)
        return self._numbers_at([time for clip in clips for time in clip])
