"""What a file says about its video."""

from dataclasses import dataclass

from ._container import VideoFile
from ._decoding import first_timestamp
from ._source import VideoSource


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
    with VideoFile.opened(source) as video:
        first_timestamp(video, is_rewound=True)
        assert video.shape is not None
        height, width = video.shape
        rate = float(video.rate) if video.stream.average_rate or video.stream.guessed_rate else None
        return VideoInfo(width, height, rate, video.duration, video.stream.frames or None, video.codec.name)
