"""Which frames a file has, told from its packets, and going to any of them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import av

from . import _formats
from ._container import VideoFile, VideoPacket
from ._decoding import Decoder, first_timestamp, is_out_of_order, seconds

STEPS_BACK = (0, 1, 4, 16)
"""Seconds before a key frame to try, as formats differ in where they go to."""
TOLERANCE = 1e-6
"""Seconds by which a time may be rounded."""
WORTH_SEEKING = 8
"""Fewer frames than that are decoded rather than passed over."""


class WrongIndexError(Exception):
    """What is decoded is not what the packets told. Everything is to be decoded from the beginning then."""


@dataclass(frozen=True, slots=True)
class Packets:
    """What the packets of a video tell of its frames.

    Args:
        timestamps: Of the frames, ascending.
        keys: Timestamps of the key frames, at which decoding can begin, ascending.
        seek_to: For each key frame, the timestamp by which containers find it.
        sizes: Bytes of each key frame's packet, by which it is known again: after seeking, MPEG program streams may
            give a packet the time of the next one.
    """

    timestamps: list[int]
    keys: list[int]
    seek_to: list[int]
    sizes: list[int]

    @classmethod
    def of(cls, video: VideoFile) -> Self | None:
        """Look through a file that has just been opened, without decoding; `None` if packets do not tell."""
        if video.format in _formats.WITHOUT_TIMES or is_out_of_order(video):
            return None
        timestamps, keys = list[int](), list[tuple[int, int, int]]()
        packets = _from_first_key(video)
        try:
            for number, packet in enumerate(packets):
                if packet.pts is None or packet.is_corrupt or (number and _changes_decoding(packet)):
                    return None
                if not (packet.is_discard or _is_invisible(packet)):
                    timestamps.append(packet.pts)
                if packet.is_keyframe:
                    found_by = packet.pts if packet.dts is None else min(packet.pts, packet.dts)
                    keys.append((packet.pts, found_by, packet.size))
        except (av.FFmpegError, WrongIndexError):
            return None
        timestamps.sort()
        keys.sort()
        if not timestamps or any(first == second for first, second in pairwise(timestamps)):
            return None
        return cls(timestamps, *map(list, zip(*keys, strict=True)))


class Indexed:
    """A video whose packets tell which frames it has: any of them is reached from the key frame before it.

    What is decoded is compared with what the packets told, frame by frame.

    Args:
        video: The open file.
        packets: What its packets tell, with the first frame that can be decoded at their beginning.
    """

    def __init__(self, video: VideoFile, packets: Packets) -> None:
        self._video, self._packets = video, packets
        self.times = [seconds(each - packets.timestamps[0], video.time_base) for each in packets.timestamps]
        """When each frame is shown, in seconds, ascending."""

    @classmethod
    def of(cls, video: VideoFile) -> Self | None:
        """Look through a file that has just been opened; `None` if its packets do not tell."""
        packets = Packets.of(video)
        if packets is None:
            return None
        # Frames that need others before the beginning cannot be decoded. The first one also brings what only its
        # packet has, such as the palette of an AVI.
        first = first_timestamp(video)
        position = None if first is None else bisect_left(packets.timestamps, first)
        if position is None or packets.timestamps[position : position + 1] != [first]:
            return None
        return cls(video, replace(packets, timestamps=packets.timestamps[position:]))

    def frames_from(self, number: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield the frames from some one on, or from one before it, with their numbers.

        Raises:
            WrongIndexError: They are not those that the packets told.
        """
        for decoder in self._decoders(number):
            expected = None
            for frame in decoder.frames():
                if not self._is_before(decoder, number):
                    break
                landing = decoder.landing or 0
                if expected is None:
                    expected = bisect_left(self._packets.timestamps, landing)
                if frame.pts is None or frame.pts < max(landing, self._packets.timestamps[0]):
                    continue  # shown before the key frame, which it needs others for
                if decoder.problem or self._packets.timestamps[expected : expected + 1] != [frame.pts]:
                    raise WrongIndexError
                yield expected, frame
                expected += 1
            else:
                if expected is not None and (decoder.problem or expected < len(self._packets.timestamps)):
                    raise WrongIndexError
                if expected is not None:
                    return
        raise WrongIndexError

    def is_worth_seeking(self, current: int, wanted: int) -> bool:
        """Tell whether a frame is reached faster by going to its key frame than by decoding on."""
        key = bisect_left(self._packets.timestamps, self._packets.keys[self._key_of(wanted)])
        return key > current + WORTH_SEEKING

    def _is_before(self, decoder: Decoder, number: int) -> bool:
        """Tell whether decoding began with a known key frame that is not after a frame."""
        landing, keys = decoder.landing, self._packets.keys
        if landing is None or landing > self._packets.timestamps[number]:
            return False
        place = bisect_left(keys, landing)
        return keys[place : place + 1] == [landing] and self._packets.sizes[place] == decoder.landing_size

    def _key_of(self, number: int) -> int:
        """Return the place, among the key frames, of the last one that is not after a frame."""
        return max(0, bisect_right(self._packets.keys, self._packets.timestamps[number]) - 1)

    def _decoders(self, number: int) -> Iterator[Decoder]:
        """Go to the key frame of a frame, or before it; in the end, to the beginning."""
        target = self._packets.seek_to[self._key_of(number)]
        for step in STEPS_BACK:
            if self._video.seek(target - round(step / self._video.time_base)):
                yield Decoder(self._video)
        self._video.rewind()
        yield Decoder(self._video)


def number_at(times: Sequence[float], time: float) -> int:
    """Return the number of the frame that is shown at a time: the first one before all of them.

    Args:
        times: When each frame begins to be shown, in seconds, ascending.
        time: In seconds.

    Example:
        >>> number_at([0.0, 0.1, 0.2], 0.15)
        1
    """
    return max(0, bisect_right(times, time + TOLERANCE) - 1)


def _from_first_key(video: VideoFile) -> Iterator[VideoPacket]:
    """Yield the packets that can be decoded, as long as their decoding times do not fall."""
    begun, last = False, None
    for packet in video.packets():
        video.source.start_clock()
        begun = begun or packet.is_keyframe
        if packet.dts is not None:
            if last is not None and packet.dts < last:
                raise WrongIndexError
            last = packet.dts
        if begun:
            yield packet


def _changes_decoding(packet: VideoPacket) -> bool:
    """Tell whether a packet brings what later frames need: decoding can then not begin behind it."""
    return packet.has_sidedata("palette") or packet.has_sidedata("new_extradata")


def _is_invisible(packet: VideoPacket) -> bool:
    """Tell whether a packet of VP8 holds a frame that only others refer to."""
    return packet.stream.codec_context.name == "vp8" and not bytes(memoryview(packet)[:1])[0] & 0x10
