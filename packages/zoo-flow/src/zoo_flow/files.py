"""Reading and writing flow: Middlebury's `.flo` files, and the 16-bit PNG files of KITTI."""

import os
import struct
from pathlib import Path

import torch
from torch import Tensor

from zoo_core.errors import MediaError

from . import _png
from ._memory import from_bytes, to_bytes

_FLO_MAGIC = b"PIEH"
"""The number 202021.25 as a little-endian float."""
_MAX_SIDE = 99_999
"""Greatest height and width in a `.flo` file, as in Middlebury's own reader."""
_KITTI_ZERO = 2**15
_KITTI_STEPS = 64
"""Steps of a pixel, and what stands for no motion, in KITTI's files."""


def read_flo(path: str | os.PathLike[str]) -> Tensor:
    """Read a `.flo` file of the Middlebury benchmark, as Sintel and FlyingChairs have them, too.

    Args:
        path: The file.

    Returns:
        float32 `(2, H, W)`, to the right and downwards, in pixels. Pixels whose flow is not known have 1e9 or more.

    Raises:
        MediaError: It is not such a file, or is truncated.
        OSError: It cannot be read.

    Example:
        >>> write_flo("flow.flo", torch.ones(2, 3, 4))  # doctest: +SKIP
        >>> read_flo("flow.flo").shape  # doctest: +SKIP
        torch.Size([2, 3, 4])
    """
    data = Path(path).read_bytes()
    if data[:4] != _FLO_MAGIC:
        raise MediaError(f"{path} is no .flo file: expected it to begin with {_FLO_MAGIC!r}, found {data[:4]!r}.")
    if len(data) < 12:
        raise MediaError(f"{path} is truncated: a .flo file has a header of 12 bytes, found {len(data)} bytes.")
    width, height = struct.unpack("<ii", data[4:12])
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise MediaError(f"{path} is damaged: its header says {width} x {height} pixels.")
    size = 12 + 8 * width * height
    if len(data) != size:
        state = "truncated" if len(data) < size else "too long"
        raise MediaError(f"{path} is {state}: {width} x {height} pixels are {size} bytes, found {len(data)}.")
    values = from_bytes(data[12:], torch.float32)
    return values.view(height, width, 2).permute(2, 0, 1).contiguous()


def write_flo(path: str | os.PathLike[str], flow: Tensor) -> None:
    """Write a `.flo` file.

    Args:
        path: The file.
        flow: `(2, H, W)`, to the right and downwards, in pixels; 1e10 where it is not known.

    Raises:
        ValueError: The shape is another.
        OSError: It cannot be written.
    """
    _, height, width = _checked(flow).shape
    header = _FLO_MAGIC + struct.pack("<ii", width, height)
    Path(path).write_bytes(header + to_bytes(flow.detach().permute(1, 2, 0).to("cpu", torch.float32)))


def read_kitti(path: str | os.PathLike[str]) -> tuple[Tensor, Tensor]:
    """Read a flow file of the KITTI benchmark, a PNG file of 16-bit RGB; HD1K has them, too.

    Args:
        path: The file.

    Returns:
        The flow, float32 `(2, H, W)`, to the right and downwards, in pixels, and which pixels of it are known, booleans
        `(H, W)`. It is 0 where it is not known.

    Raises:
        MediaError: It is not such a file, is truncated or damaged.
        OSError: It cannot be read.

    Example:
        >>> flow, valid = read_kitti("000000_10.png")  # doctest: +SKIP
    """
    try:
        pixels = _png.decode(Path(path).read_bytes())
    except ValueError as error:
        raise MediaError(f"{path} cannot be read as a flow file of KITTI: {error}.") from error
    valid = pixels[2] > 0
    flow = (pixels[:2] - _KITTI_ZERO).to(torch.float32) / _KITTI_STEPS
    return torch.where(valid, flow, 0.0), valid


def write_kitti(path: str | os.PathLike[str], flow: Tensor, valid: Tensor | None = None) -> None:
    """Write a flow file as KITTI's server takes it. Flow is rounded to 1/64 of a pixel.

    Args:
        path: The file.
        flow: `(2, H, W)`, to the right and downwards, from -512 to below 512 pixels where it is valid.
        valid: Booleans `(H, W)`: which pixels are known. `None` for all.

    Raises:
        ValueError: The shape is another, or a valid pixel moves farther than the format can say.
        OSError: It cannot be written.
    """
    _, height, width = _checked(flow).shape
    if valid is None:
        valid = torch.ones(height, width, dtype=torch.bool)
    if valid.shape != (height, width) or valid.dtype != torch.bool:
        raise ValueError(
            f"valid should be booleans of shape {[height, width]}, found {valid.dtype} {list(valid.shape)}"
        )
    valid = valid.cpu()
    steps = (flow.detach().cpu().double() * _KITTI_STEPS).round() + _KITTI_ZERO
    steps = torch.where(valid, steps, 0.0)
    if not ((steps >= 0) & (steps < 2**16)).all():
        raise ValueError(
            "KITTI's files hold flow from -512 to below 512 pixels: mark what is beyond, or NaN, as not valid, or "
            "write a .flo file"
        )
    Path(path).write_bytes(_png.encode(torch.cat([steps.to(torch.int32), valid[None].to(torch.int32)])))


def _checked(flow: Tensor) -> Tensor:
    if flow.ndim != 3 or flow.shape[0] != 2 or not flow.numel():
        raise ValueError(f"flow should have shape (2, H, W) and at least one pixel, found {list(flow.shape)}")
    return flow
