"""Checks of the clips that networks are called with."""

from torch import Tensor

from zoo_core.layers import is_symbol


def require_clips(clips: Tensor, frames: int = 1, height: int = 1, width: int = 1) -> None:
    """Check that clips, `(N, C, T, H, W)`, are not smaller than a network can take; exported programs do, too.

    Example:
        >>> import torch
        >>> require_clips(torch.zeros(1, 3, 8, 32, 20), frames=8, height=32, width=32)
        Traceback (most recent call last):
        ValueError: clips should be at least 8 frames of 32 x 32 pixels, found 8 of 32 x 20
    """
    if is_symbol(clips):
        return
    if clips.ndim != 5:
        raise ValueError(
            f"expected 5D input, clips (N, C, T, H, W), found {clips.ndim}D input of shape {list(clips.shape)}: "
            "one clip is `clip.unsqueeze(0)`"
        )
    found = clips.shape[2:]
    if found[0] < frames or found[1] < height or found[2] < width:
        raise ValueError(
            f"clips should be at least {frames} frames of {height} x {width} pixels, "
            f"found {found[0]} of {found[1]} x {found[2]}"
        )
