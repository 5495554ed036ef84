"""Images as tensors (C, H, W), from files and bytes, and back."""

import io
import os
from enum import Enum
from pathlib import Path
from typing import overload

import torch
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError
from torch import Tensor

from zoo_core.transforms import pil_to_tensor
from zoo_torchvision.transforms.functional import to_pil_image

FilePath = str | os.PathLike[str]


class ImageReadMode(Enum):
    """Which channels an image is read with; `UNCHANGED` are those of the file."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = RGB_ALPHA


_PILLOW_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}
_AS_THEY_ARE = {"L", "LA", "P", "RGB", "RGBA", "I;16"}


def read_image(
    path: FilePath, mode: ImageReadMode | str = ImageReadMode.UNCHANGED, apply_exif_orientation: bool = False
) -> Tensor:
    """Read an image file.

    Args:
        path: The file.
        mode: Which channels the result has, an `ImageReadMode` or its name.
        apply_exif_orientation: Whether the picture is turned as its EXIF data says.

    Returns:
        uint8 (C, H, W), or uint16 for 16-bit grey; of an animated GIF (N, 3, H, W). Unchanged, a PNG with a palette
        has numbers of colours, (1, H, W), as label maps are kept.

    Raises:
        FileNotFoundError: There is no such file.
        RuntimeError: It is no image, or a damaged one.
    """
    return _decoded(Path(path).read_bytes(), os.fspath(path), mode, apply_exif_orientation)


def decode_image(
    input: Tensor | FilePath,  # noqa: A002 # torchvision's name
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """Read an image from the bytes of its file, a tensor uint8 (n,), or from a path. As `read_image`.

    Raises:
        RuntimeError: It is no image, or a damaged one.
        ValueError: The tensor is no row of bytes.
    """
    if not isinstance(input, Tensor):
        return read_image(input, mode, apply_exif_orientation)
    return _decoded(_bytes_of(input), "the data", mode, apply_exif_orientation)


def decode_png(
    input: Tensor,  # noqa: A002 # torchvision's name
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """Read an image from the bytes of a PNG file. As `decode_image`."""
    return decode_image(input, mode, apply_exif_orientation)


@overload
def decode_jpeg(
    input: Tensor,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    device: torch.device | str = "cpu",
    apply_exif_orientation: bool = False,
) -> Tensor: ...


@overload
def decode_jpeg(
    input: list[Tensor],
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    device: torch.device | str = "cpu",
    apply_exif_orientation: bool = False,
) -> list[Tensor]: ...


def decode_jpeg(
    input: Tensor | list[Tensor],  # noqa: A002 # torchvision's name
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    device: torch.device | str = "cpu",
    apply_exif_orientation: bool = False,
) -> Tensor | list[Tensor]:
    """Read an image from the bytes of a JPEG file, on the CPU, and put it on a device. As `decode_image`.

    Of a list, each is read, and the images are a list.
    """
    if isinstance(input, list):
        return [decode_jpeg(each, mode, device, apply_exif_orientation) for each in input]
    return decode_image(input, mode, apply_exif_orientation).to(device)


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:  # noqa: A002 # torchvision's name
    """Return a picture, uint8 (1 or 3, H, W), as the bytes of a PNG file, a tensor uint8 (n,).

    Raises:
        ValueError: It is no such picture, or the level is not from 0 to 9.
    """
    if not 0 <= compression_level <= 9:
        raise ValueError(f"compression_level should be from 0 to 9; found {compression_level}.")
    return _encoded(input, "PNG", compress_level=compression_level)


@overload
def encode_jpeg(input: Tensor, quality: int = 75) -> Tensor: ...


@overload
def encode_jpeg(input: list[Tensor], quality: int = 75) -> list[Tensor]: ...


def encode_jpeg(
    input: Tensor | list[Tensor],  # noqa: A002 # torchvision's name
    quality: int = 75,
) -> Tensor | list[Tensor]:
    """Return a picture, uint8 (1 or 3, H, W), as the bytes of a JPEG file, a tensor uint8 (n,); of a list, a list.

    Raises:
        ValueError: It is no such picture, or the quality is not from 1 to 100.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"Image quality should be a positive number between 1 and 100; found {quality}.")
    if isinstance(input, list):
        return [_encoded(each, "JPEG", quality=quality) for each in input]
    return _encoded(input, "JPEG", quality=quality)


def write_png(input: Tensor, filename: FilePath, compression_level: int = 6) -> None:  # noqa: A002 # torchvision's name
    """Write a picture, uint8 (1 or 3, H, W), as a PNG file."""
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Tensor, filename: FilePath, quality: int = 75) -> None:  # noqa: A002 # torchvision's name
    """Write a picture, uint8 (1 or 3, H, W), as a JPEG file."""
    write_file(filename, encode_jpeg(input, quality))


def read_file(path: FilePath) -> Tensor:
    """Return the bytes of a file as uint8 (n,)."""
    content = bytearray(Path(path).read_bytes())
    return torch.frombuffer(content, dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)


def write_file(filename: FilePath, data: Tensor) -> None:
    """Write bytes, uint8 (n,), to a file."""
    Path(filename).write_bytes(_bytes_of(data))


def _decoded(content: bytes, name: str, mode: ImageReadMode | str, upright: bool) -> Tensor:
    wanted = ImageReadMode[mode.upper()] if isinstance(mode, str) else mode
    try:
        image: Image.Image = Image.open(io.BytesIO(content))
        image.load()
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise RuntimeError(f"{name} is not an image that Pillow can read, or is damaged: {error}") from error
    if image.format == "GIF" and wanted is ImageReadMode.UNCHANGED:
        wanted = ImageReadMode.RGB
    frames = [_pixels(frame, wanted, upright) for frame in ImageSequence.Iterator(image)] if _is_animated(image) else []
    return torch.stack(frames) if frames else _pixels(image, wanted, upright)


def _is_animated(image: Image.Image) -> bool:
    return image.format == "GIF" and getattr(image, "n_frames", 1) > 1


def _pixels(image: Image.Image, wanted: ImageReadMode, upright: bool) -> Tensor:
    if upright:
        image = ImageOps.exif_transpose(image)
    if wanted in _PILLOW_MODES:
        return pil_to_tensor(image.convert(_PILLOW_MODES[wanted]))
    return pil_to_tensor(image if image.mode in _AS_THEY_ARE else _with_channels(image))


def _with_channels(image: Image.Image) -> Image.Image:
    """Convert modes that have no tensor of their own: bits, print colours."""
    if image.mode in {"1", "I", "F"}:
        return image.convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _encoded(picture: Tensor, kind: str, **options: int) -> Tensor:
    if picture.dtype != torch.uint8 or picture.dim() != 3 or picture.shape[0] not in {1, 3}:
        raise ValueError(
            f"The picture should be uint8 of shape (1 or 3, H, W); found {picture.dtype} {tuple(picture.shape)}."
        )
    file = io.BytesIO()
    to_pil_image(picture).save(file, kind, **options)
    return torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)


def _bytes_of(data: Tensor) -> bytes:
    if data.dtype != torch.uint8 or data.dim() != 1:
        raise ValueError(f"Expected bytes, uint8 of shape (n,); found {data.dtype} of shape {tuple(data.shape)}.")
    content = bytearray(data.numel())
    if content:
        torch.frombuffer(content, dtype=torch.uint8).copy_(data)
    return bytes(content)
