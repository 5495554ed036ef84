"""What can be given to be predicted on: files by their paths, and what is in memory. Without torch."""

import os
import re
import sys
from collections.abc import Iterable
from io import TextIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ForwardRef, Protocol, TypeAlias, TypeGuard, Union

from zoo_core.names import Later
from zoo_core.tasks import Media

from ._found import Found

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image")


class Array(Protocol):
    """A tensor, an array of NumPy's, or of another library that shares memory as NumPy does."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""

    @property
    def dtype(self) -> Any:
        """The type of the numbers."""


if TYPE_CHECKING:
    _Picture: TypeAlias = Image.Image
else:
    _Picture = ForwardRef("Image.Image", module=__name__)

MediaInput: TypeAlias = Union[str, os.PathLike[str], bytes, bytearray, memoryview, BinaryIO, _Picture, Array]  # noqa: UP007 # of a name to come
"""One image or video: a path, the bytes of a file, a file opened in binary mode, a PIL image, a tensor or an array."""
MediaInputs: TypeAlias = MediaInput | Iterable[MediaInput | tuple[MediaInput, MediaInput]]
"""One input, or any number of them; a path may be a folder's, and two inputs in a tuple are a pair for optical flow."""

TAKEN = "a path, bytes, a file opened in binary mode, a PIL image, an array (H, W, 3), or a tensor (C, H, W)"
"""What messages say can be given."""

_URL = re.compile(r"[a-z][a-z0-9+.-]+://|data:[a-z]+/", re.IGNORECASE)
_SHORTENED_URL = re.compile(r"(https?|ftps?|file|s3|gs|hf):/(?=[^/])", re.IGNORECASE)
"""What `pathlib` makes of a URL."""
_MOST_LETTERS = 200
"""Of a URL in a message."""


def is_path(value: object) -> TypeGuard[str | os.PathLike[str]]:
    """Tell whether an input is named by its path."""
    return isinstance(value, (str, os.PathLike))


def is_array(value: object) -> TypeGuard[Array]:
    """Tell whether an input is a tensor or an array."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def is_image(value: object) -> "TypeGuard[Image.Image]":
    """Tell whether an input is an image of Pillow's."""
    pillow = sys.modules.get("PIL.Image")  # without it nothing can be one
    return pillow is not None and isinstance(value, pillow.Image)


def is_in_memory(value: object) -> bool:
    """Tell whether an input is there itself."""
    is_bytes = isinstance(value, (bytes, bytearray, memoryview))
    return is_bytes or is_image(value) or is_array(value) or hasattr(value, "read")


def listed(inputs: MediaInputs) -> Iterable[Any]:
    """Return the inputs one by one, where a single one may have been given.

    Raises:
        TypeError: It is nothing that can be predicted on.
        ValueError: It is a URL, or a list or tuple that holds one.
    """
    if is_path(inputs) or is_in_memory(inputs):
        inputs = [inputs]  # type: ignore[list-item] # one of them
    if not isinstance(inputs, Iterable):
        raise TypeError(f"Expected {TAKEN}, or an iterable of them, found {type(inputs).__qualname__}.")
    if isinstance(inputs, (list, tuple)):  # said before anything is loaded
        for item in inputs:
            check_is_no_url(item)
    return inputs


def check_is_no_url(value: object) -> None:
    """Check that a path is none that would have to be fetched.

    Raises:
        ValueError: It is a URL.
    """
    if not is_path(value):
        return
    text = os.fspath(value)
    url = _SHORTENED_URL.sub(r"\1://", text, count=1)
    if not _URL.match(url) or os.path.lexists(text[:_MOST_LETTERS]):
        return
    shown = url if len(url) <= _MOST_LETTERS else f"{url[:_MOST_LETTERS]}…"
    raise ValueError(
        f"{shown} is a URL, and zoo opens no connection for an input: download it first, and give the file's path; "
        "in Python, the bytes will do: predict(requests.get(url).content, …)."
    )


def in_memory(value: object, name: str, media: Media) -> Found:
    """Return an input that is in memory, read so far that nothing depends on a file that its caller may close.

    Args:
        value: The input.
        name: What it is called.
        media: What the model takes.

    Raises:
        TypeError: It is nothing that can be predicted on.
    """
    if not is_in_memory(value):
        hint = ": give all inputs in one list" if isinstance(value, (list, tuple)) else ""
        raise TypeError(f"{name} should be {TAKEN}, found {type(value).__qualname__}{hint}.")
    path = Path(name)
    try:
        if hasattr(value, "read"):
            return Found(path, content=_checked_file(value) if media == "videos" else _bytes_of(value))
        if is_image(value):
            from zoo_core.images import decode_in_place

            decode_in_place(value)
    except (OSError, ValueError) as error:
        return Found(path, str(error) or type(error).__name__)
    return Found(path, content=bytes(value) if isinstance(value, (bytearray, memoryview)) else value)


def _checked_file(file: Any) -> Any:  # whatever can be read
    """Return a file, which must be opened in binary mode."""
    if isinstance(file, TextIOBase):
        raise ValueError("this file is opened as text: open it in binary mode, `open(path, 'rb')`.")
    return file


def _bytes_of(file: Any) -> bytes:  # whatever can be read
    """Read a file from its beginning, which is where it is wound to if it can be."""
    from zoo_core.images._limits import MOST_BYTES_OF_A_STREAM

    if hasattr(_checked_file(file), "seekable") and file.seekable():
        file.seek(0)
    parts, held = list[bytes](), 0
    while part := file.read(1 << 20):
        if not isinstance(part, bytes):
            raise ValueError(f"read() of this file should return bytes, found {type(part).__qualname__}.")
        parts.append(part)
        held += len(part)
        if held > MOST_BYTES_OF_A_STREAM:
            raise ValueError(f"this file does not end: no image has more than {MOST_BYTES_OF_A_STREAM} bytes.")
    return b"".join(parts)


def readable(content: object, media: Media) -> object:
    """Return what a predictor's `read` takes: pixels of arrays and tensors as an image, or as the frames of a video.

    Raises:
        ValueError: Their shape, type or range is none that can be understood, or the model takes another kind.
    """
    if is_array(content):
        from ._pixels import frames_of, image_of

        return frames_of(content) if media == "videos" else image_of(content)
    if media == "videos" and is_image(content):
        raise ValueError("the model takes videos, and this is an image: give a video file, or frames (T, H, W, 3).")
    return content
