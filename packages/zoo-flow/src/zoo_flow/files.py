"""Reading and writing flow: Middlebury's `.flo` files, and the 16-bit PNG files of KITTI."""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

from zoo_core.errors import MediaError

from . import _png
from ._limits import MOST_PIXELS, check_size
from ._memory import to_bytes

_FLO_MAGIC = b"PIEH"
"""The number 202021.25 as a little-endian float."""
_PART = 1 << 20
_MOST_BYTES_OF_PNG = 8 * MOST_PIXELS
"""More than pixels have that nothing compresses."""
_KITTI_ZERO = 2**15
_KITTI_STEPS = 64
"""Steps of a pixel, and what stands for no motion, in KITTI's files."""


def read_flo(source: str | os.PathLike[str] | BinaryIO) -> Tensor:
    """Read a `.flo` file of the Middlebury benchmark, as Sintel and FlyingChairs have them, too.

    Args:
        source: The file, or one that is opened in binary mode.

    Returns:
        float32 `(2, H, W)`, to the right and downwards, in pixels. Pixels whose flow is not known have 1e9 or more.

    Raises:
        MediaError: It is not such a file, is truncated, or has more than 2²⁵ pixels.
        OSError: It cannot be read.

    Example:
        >>> import torch
        >>> from zoo_flow.files import read_flo, write_flo
        >>> write_flo("flow.flo", torch.ones(2, 3, 4))
        >>> read_flo("flow.flo").shape
        torch.Size([2, 3, 4])
    """
    with _opened(source) as (file, name):
        header = _up_to(file, 12)
        if header[:4] != _FLO_MAGIC:
            raise MediaError(
                f"{name} is no .flo file: expected it to begin with {_FLO_MAGIC!r}, found {bytes(header[:4])!r}."
            )
        if len(header) < 12:
            raise MediaError(f"{name} is truncated: a .flo file has a header of 12 bytes, found {len(header)} bytes.")
        width, height = struct.unpack("<ii", header[4:])
        try:
            check_size(width, height)
        except ValueError as error:
            raise MediaError(f"{name} is damaged: {error}.") from None
        size = 8 * width * height
        data = _up_to(file, size + 1)
    if len(data) != size:
        state = "truncated" if len(data) < size else "too long"
        found = f"{12 + len(data)}{' or more' * (len(data) > size)}"
        raise MediaError(f"{name} is {state}: {width} x {height} pixels are {12 + size} bytes, found {found}.")
    return torch.frombuffer(data, dtype=torch.float32).view(height, width, 2).permute(2, 0, 1).contiguous()


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


def read_kitti(source: str | os.PathLike[str] | BinaryIO) -> tuple[Tensor, Tensor]:
    """Read a flow file of the KITTI benchmark, a PNG file of 16-bit RGB; HD1K has them, too.

    Args:
        source: The file, or one that is opened in binary mode.

    Returns:
        The flow, float32 `(2, H, W)`, to the right and downwards, in pixels, and which pixels of it are known, booleans
        `(H, W)`. It is 0 where it is not known.

    Raises:
        MediaError: It is not such a file, is truncated or damaged, or has more than 2²⁵ pixels.
        OSError: It cannot be read.

    Example:
        >>> import torch
        >>> from zoo_flow.files import read_kitti, write_kitti
        >>> write_kitti("000000_10.png", torch.ones(2, 3, 4))
        >>> flow, valid = read_kitti("000000_10.png")
    """
    with _opened(source) as (file, name):
        data = bytes(_up_to(file, _MOST_BYTES_OF_PNG + 1))
    try:
        if len(data) > _MOST_BYTES_OF_PNG:
            raise ValueError(f"it has more than {_MOST_BYTES_OF_PNG} bytes")
        pixels = _png.decode(data)
    except ValueError as error:
        raise MediaError(f"{name} cannot be read as a flow file of KITTI: {error}.") from error
    valid = pixels[2] > 0
    flow = pixels[:2].to(torch.float32).sub_(_KITTI_ZERO).div_(_KITTI_STEPS)
    return flow.masked_fill_(~valid, 0.0), valid


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


@contextmanager
def _opened(source: str | os.PathLike[str] | BinaryIO) -> Iterator[tuple[BinaryIO, str]]:
    """Open a file, and say what messages call it; one that is open already stays open."""
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as file:
            yield file, os.fspath(source)
    else:
        name = getattr(source, "name", None)
        yield source, name if isinstance(name, str) else "the file object"


def _up_to(file: BinaryIO, size: int) -> bytearray:
    """Read so many bytes, or those that there are; a file that states a wrong size takes no memory for it."""
    data = bytearray()
    while len(data) < size and (part := file.read(min(size - len(data), _PART))):
        data += part
    return data


def _checked(flow: Tensor) -> Tensor:
    if flow.ndim != 3 or flow.shape[0] != 2 or not flow.numel():
        raise ValueError(f"flow should have shape (2, H, W) and at least one pixel, found {list(flow.shape)}")
    return flow
