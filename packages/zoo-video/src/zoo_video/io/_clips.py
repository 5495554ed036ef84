"""Clips: short runs of frames at a regular distance, as video models are trained and tested on."""

from torch import Tensor

from ._frames import FrameReader
from ._source import VideoSource


def read_clips(source: VideoSource, *, num_frames: int = 16, frame_rate: float = 15.0, num_clips: int = 5) -> Tensor:
    """Read clips that are spread evenly over a video; each frame that they need is decoded once.

    Args:
        source: As for `read_frames`.
        num_frames: Frames of each clip, T. Beyond the end of a short video its last frame is repeated.
        frame_rate: Frames a second within a clip: `stride` frames apart is the video's rate divided by the stride.
        num_clips: How many clips, N.

    Returns:
        uint8 RGB `(N, T, 3, H, W)`. Where all are the same frame they share its memory: `clone` before writing.

    Raises:
        FileNotFoundError: There is no such file.
        VideoError: It is no video, cannot be wound back, or the clips take more memory than is allowed:
            `FrameReader.map_clips` makes frames smaller as they are decoded.
        ValueError: A number is not positive.

    Example:
        >>> from zoo_video.io import read_clips
        >>> read_clips("clip.mp4", num_clips=2).shape
        torch.Size([2, 16, 3, 720, 1280])
    """
    with FrameReader.open(source) as reader:
        return reader.clips(num_frames=num_frames, frame_rate=frame_rate, num_clips=num_clips)
