"""From decoded frames to tensors."""

from contextlib import AbstractContextManager, nullcontext
from threading import RLock

import av
import numpy as np
import torch
from torch import Tensor

from ._container import VideoFile, quarter_turns, upright_shape
from ._errors import VideoError
from ._limits import MEMORY

LARGE = 4096 * 4096
"""Pixels of frames that threads treat one after the other: converting and resizing take several times their memory."""
_LARGE_ONES = RLock()


def turn_of(frame: av.VideoFrame) -> AbstractContextManager[object]:
    """Return a context in which a frame may be converted and made smaller: of large ones there is one at a time."""
    return _LARGE_ONES if frame.width * frame.height >= LARGE else nullcontext()


def to_tensor(frame: av.VideoFrame, video: VideoFile) -> Tensor:
    """Convert a frame to upright RGB, uint8 `(3, H, W)`, in the size of the video's first frame.

    Raises:
        VideoError: Its pixels have a form that cannot be converted, or the memory is not enough.

    Warns:
        VideoWarning: The frame has another size than the first one.
    """
    turns, shape = quarter_turns(frame), upright_shape(frame)
    if video.shape is None:
        video.shape = shape
    height, width = video.shape[::-1] if turns % 2 else video.shape
    if shape != video.shape:
        video.warn(
            f"has frames of several sizes: those of {shape[1]} x {shape[0]} pixels are brought to the first one's, "
            f"{video.shape[1]} x {video.shape[0]}."
        )
    try:
        array = frame.to_ndarray(format="rgb24", width=width, height=height)
        # By NumPy, in this thread: those of torch would wait for each other at every frame.
        return torch.from_numpy(np.rot90(array, turns).transpose(2, 0, 1).copy())
    except (av.FFmpegError, ValueError) as error:
        raise VideoError(f"{video.name} has frames that cannot be converted to RGB: {error}.") from error
    except (MemoryError, RuntimeError) as error:  # torch says so in a RuntimeError
        raise VideoError(f"{video.name} has frames of {width} x {height} pixels: the memory is not enough.") from error


def room_for(video: VideoFile, count: int) -> Tensor:
    """Return memory for so many frames, uint8 `(count, 3, H, W)`.

    Raises:
        VideoError: That is more than may be, or than there is.
    """
    assert video.shape is not None
    check_memory(video, count)
    try:
        return torch.empty((count, 3, *video.shape), dtype=torch.uint8)
    except RuntimeError as error:
        raise VideoError(_too_much(video, count, "than there is")) from error


def check_memory(video: VideoFile, count: int) -> None:
    """Check that so many frames may be in memory at once.

    Raises:
        VideoError: They take more than is allowed.
    """
    assert video.shape is not None
    if count * 3 * video.shape[0] * video.shape[1] > video.limits.memory:
        allowed = f"than the {video.limits.memory / 2**30:.1f} GiB that the environment variable {MEMORY} sets"
        raise VideoError(_too_much(video, count, allowed))


def _too_much(video: VideoFile, count: int, limit: str) -> str:
    height, width = video.shape or (0, 0)
    return (
        f"{video.name}: {count} frames of {width} x {height} pixels take {count * 3 * height * width / 2**30:.1f} GiB, "
        f"more {limit}. Read fewer at once, or one after the other with iterate."
    )
