"""Clips: short runs of frames at a regular distance, as video models are trained and tested on."""

from torch import Tensor

from ._container import VideoSource
from ._frames import FrameReader


def clip_times(duration: float, *, num_frames: int, frame_rate: float, num_clips: int) -> list[list[float]]:
    """Spread clips evenly over a video.

    Args:
        duration: Of the video, in seconds, to the time of its last frame.
        num_frames: Frames of each clip.
        frame_rate: Frames a second within a clip.
        num_clips: How many clips; they overlap where the video is short. One is taken from the middle.

    Returns:
        The times of the frames of each clip, in seconds, the first clip's from 0. Where the video is shorter than a
        clip they go beyond its end.

    Raises:
        ValueError: A number is not positive.

    Example:
        >>> clip_times(2.0, num_frames=3, frame_rate=2.0, num_clips=2)
        [[0.0, 0.5, 1.0], [1.0, 1.5, 2.0]]
    """
    for name, value in (("num_frames", num_frames), ("frame_rate", frame_rate), ("num_clips", num_clips)):
        if not value > 0:
            raise ValueError(f"{name} should be positive, found {value}.")
    room = max(0.0, duration - (num_frames - 1) / frame_rate)
    starts = [room * number / (num_clips - 1) for number in range(num_clips)] if num_clips > 1 else [room / 2]
    return [[start + number / frame_rate for number in range(num_frames)] for start in starts]


def read_clips(source: VideoSource, *, num_frames: int = 16, frame_rate: float = 15.0, num_clips: int = 5) -> Tensor:
    """Read clips that are spread evenly over a video; only what they need is decoded and kept.

    Args:
        source: As for `read_frames`.
        num_frames: Frames of each clip, T. Beyond the end of a short video its last frame is repeated.
        frame_rate: Frames a second within a clip: `stride` frames apart is the video's rate divided by the stride.
        num_clips: How many clips, N.

    Returns:
        uint8 RGB `(N, T, 3, H, W)`.

    Raises:
        FileNotFoundError: There is no such file.
        VideoError: It is no video.
        ValueError: A number is not positive.

    Example:
        >>> read_clips("clip.mp4", num_clips=2).shape  # doctest: +SKIP
        torch.Size([2, 16, 3, 720, 1280])
    """
    with FrameReader.open(source) as reader:
        clips = clip_times(reader.last_time, num_frames=num_frames, frame_rate=frame_rate, num_clips=num_clips)
        frames = reader.by_time([time for clip in clips for time in clip]).frames
    return frames.view(num_clips, num_frames, *frames.shape[1:])
