"""Videos as torchvision read them until 0.25."""

import os
from typing import Any, Literal

import torch
from torch import Tensor

from zoo_video.io import probe
from zoo_video.io import read_video as read_frames


def read_video(
    filename: str | os.PathLike[str],
    start_pts: float = 0.0,
    end_pts: float | None = None,
    pts_unit: Literal["pts", "sec"] = "pts",
    output_format: str = "THWC",
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Read a video's frames from one time to another.

    Args:
        filename: The file.
        start_pts: From when on.
        end_pts: Until when, inclusive as in torchvision; `None` for all.
        pts_unit: `"sec"`: times are seconds. `"pts"`, a file's own unit, only goes with the whole video.
        output_format: `"THWC"` or `"TCHW"`.

    Returns:
        Frames uint8; the sound, of which nothing is read, (1, 0); and `{"video_fps": …}`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The format is another, or times are in the file's own unit.
    """
    layout = output_format.upper()
    if layout not in {"THWC", "TCHW"}:
        raise ValueError(f"output_format should be either 'THWC' or 'TCHW', got {output_format}.")
    if pts_unit != "sec" and (start_pts or end_pts not in {None, float("inf")}):
        raise ValueError("Times in a file's own unit cannot be used: pass seconds, with pts_unit='sec'.")
    end = None if end_pts in {None, float("inf")} else float(end_pts or 0) + _AFTER
    frames = read_frames(filename, start=float(start_pts), end=end).frames
    rate = probe(filename).frame_rate
    return frames if layout == "TCHW" else frames.permute(0, 2, 3, 1), torch.empty(1, 0), {"video_fps": rate}


_AFTER = 1e-6
"""Seconds: less than a frame is shown, so that the one at the end is among them."""
