"""What reading gives."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame.

    Args:
        image: uint8 RGB `(3, H, W)`, upright.
        time: When it is shown, in seconds from the beginning of the video.
    """

    image: Tensor
    time: float


@dataclass(frozen=True, slots=True)
class Video:
    """Frames in the order of their times.

    Args:
        frames: uint8 RGB `(T, 3, H, W)`.
        times: Seconds from the beginning of the video, float64 `(T,)`.
    """

    frames: Tensor
    times: Tensor
