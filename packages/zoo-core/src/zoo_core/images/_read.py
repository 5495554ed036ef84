"""From a file to its pixels."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

from PIL import Image, UnidentifiedImageError

from ._errors import ImageError
from ._kinds import looks_like
from ._limits import MOST_BYTES_OF_A_STREAM, most_pixels, too_large
from ._opened import decode_in_place
from ._orientation import upright
from ._pillow import lenient_pillow
from ._png import raw_mode, with_exact_transparency, without_long_texts
from ._rgb import to_rgb

ImageSource: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | Image.Image
"""A path, the bytes of an image file, a file opened in binary mode, or an image."""

_CHUNK = 1 << 20


def read_image(source: ImageSource, *, at_least: int | None = None) -> Image.Image:
    """Read an image file, or take an image that has been opened, as upright RGB.

    The orientation in the EXIF data is applied. Of an animation the first frame is read. Pixels become RGB as
    `to_rgb` says.

    Args:
        source: A path, the bytes of an image file, a file opened in binary mode (read from its beginning; it stays
            open), or an image of Pillow's, which stays as it is but for being decoded.
        at_least: Pixels that are needed on each side, if the image has them. A JPEG file that has twice as many, or
            more, is then decoded to a half, a quarter or an eighth, which is several times as fast.

    Returns:
        The image in mode `"RGB"`, decoded in full; it does not depend on the file any more.

    Raises:
        FileNotFoundError: There is no such file.
        ImageError: The source is a folder, is not an image, is truncated or otherwise damaged, holds pixels that have
            no known range, or has more of them than `most_pixels` allows, which is checked before decoding.
        OSError: The file cannot be opened.
        ValueError: `ZOO_MAX_PIXELS` is no number.
        TypeError: `source` is none of the above.

    Example:
        >>> from PIL import Image
        >>> from zoo_core.images import read_image
        >>> from io import BytesIO
        >>> file = BytesIO()
        >>> Image.new("LA", (4, 3)).save(file, "PNG")
        >>> image = read_image(file)
        >>> image.mode, image.size, image.getpixel((0, 0))
        ('RGB', (4, 3), (255, 255, 255))
    """
    name, limit = _name(source), most_pixels()
    if isinstance(source, Image.Image):
        decode_in_place(source, name)
        with lenient_pillow(limit):
            return _upright_rgb(source, name)
    with _opened(source, name) as file, lenient_pillow(limit):
        try:
            image = _decoded(file, name, limit, at_least)
        except ImageError as error:
            if "MAX_TEXT_" not in str(error.__cause__):  # Pillow's limits, for what comes with the pixels
                raise
            image = _decoded(without_long_texts(file), name, limit)
        return _upright_rgb(image, name)


def _upright_rgb(image: Image.Image, name: str) -> Image.Image:
    try:
        result = to_rgb(upright(image))
    except ValueError as error:
        raise ImageError(f"{name} cannot be turned into RGB: {error}") from error
    return result.copy() if result is image else result  # without its file


def _decoded(file: BinaryIO, name: str, limit: int | None, at_least: int | None = None) -> Image.Image:
    image = _identified(file, name, limit)
    if at_least is not None and image.format == "JPEG":
        image.draft(None, (at_least, at_least))
    raw = raw_mode(image) if image.format == "PNG" else ""
    try:
        image.load()
        loaded = with_exact_transparency(image, raw, file)
    except Image.DecompressionBombError as error:
        raise ImageError(too_large(name, str(error), limit)) from error
    except MemoryError as error:
        raise ImageError(f"{name} needs more memory than there is: {image.width} x {image.height} pixels.") from error
    except Exception as error:  # what decoders raise when the bytes are damaged: anything
        raise ImageError(f"{name} is a truncated or damaged {image.format} image: {error}.") from error
    _check_size(image, name, limit)  # that of the largest picture in an icon is found while it is loaded
    return loaded


def _identified(file: BinaryIO, name: str, limit: int | None) -> Image.Image:
    """Read the header only."""
    try:
        image = Image.open(file)
    except UnidentifiedImageError as error:
        raise ImageError(f"{name} is not an image that Pillow can read: {looks_like(file)}.") from error
    except Image.DecompressionBombError as error:
        raise ImageError(too_large(name, str(error), limit)) from error
    except Exception as error:
        raise ImageError(f"{name} has a damaged header: {error}.") from error
    if image.format == "EPS":
        raise ImageError(f"{name} is PostScript, a program that read_image does not run: export it as PNG first.")
    _check_size(image, name, limit)
    return image


def _check_size(image: Image.Image, name: str, limit: int | None) -> None:
    pixels = image.width * image.height
    if limit is not None and pixels > limit:
        raise ImageError(too_large(name, f"it has {image.width} x {image.height} = {pixels} pixels", limit))


def _name(source: object) -> str:
    """Return what messages call the source."""
    if isinstance(source, str | os.PathLike):
        return repr(os.fspath(source))
    if isinstance(source, bytes):
        return f"the data of {len(source)} bytes"
    if isinstance(source, Image.Image):
        return "the image"
    if not hasattr(source, "read"):
        raise TypeError(
            "read_image takes a path, the bytes of an image file, a file opened in binary mode, or a PIL image, "
            f"but received {type(source).__module__}.{type(source).__qualname__}."
        )
    name = getattr(source, "name", None)
    shown = repr(name) if isinstance(name, str) else "the file object"
    if isinstance(source, io.TextIOBase):
        raise TypeError(f"{shown} is opened as text: open it in binary mode, `open(path, 'rb')`.")
    return shown


@contextmanager
def _opened(source: str | os.PathLike[str] | bytes | BinaryIO, name: str) -> Iterator[BinaryIO]:
    """Open the source; what cannot be wound back, such as a pipe, is read into memory."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif isinstance(source, str | os.PathLike):
        if Path(source).is_dir():
            raise ImageError(f"{name} is a folder: pass the path of one image file.")
        with Path(source).open("rb") as file:
            yield _windable(file, name)
    else:
        yield _windable(source, name)


def _windable(file: BinaryIO, name: str) -> BinaryIO:
    if file.seekable():
        return file
    copy = io.BytesIO()
    while chunk := file.read(_CHUNK):
        copy.write(chunk)
        if copy.tell() > MOST_BYTES_OF_A_STREAM:
            raise ImageError(f"{name} does not end: no image has more than {MOST_BYTES_OF_A_STREAM} bytes.")
    return copy
