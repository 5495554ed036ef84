"""What FFmpeg reads from: an open file, never a name, with an end and a time limit."""

import io
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, NoReturn, TypeAlias

from ._errors import VideoError
from ._limits import SECONDS, Limits

VideoSource: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO
"""A path, the bytes of a video file, or a file opened in binary mode."""


class SourceFile:
    """An open file as PyAV reads it. What goes wrong is kept for `check`: FFmpeg sees the end of the file instead.

    Errors that pass through FFmpeg come late, changed, or never.

    Args:
        file: Opened in binary mode; it stays open.
        name: What messages call it.
        seconds: How long FFmpeg may read until `start_clock` is called again.
    """

    def __init__(self, file: BinaryIO, name: str, seconds: float) -> None:
        self.name_in_messages = name
        self._file, self._seconds = file, seconds
        self._error: BaseException | None = None
        self.is_seekable = _is_seekable(file)
        # A file that grows while it is read ends where it ended when it was opened.
        self.size = file.seek(0, os.SEEK_END) if self.is_seekable else None
        self._position = 0
        self.rewind()
        self.start_clock()

    def start_clock(self) -> None:
        """Allow as much time again, as something has been read."""
        self._deadline = time.monotonic() + self._seconds

    def check(self) -> None:
        """Raise what went wrong since the last call.

        Raises:
            VideoError: The time is over.
            BaseException: What the file raised.
        """
        error, self._error = self._error, None
        if error is not None:
            raise error

    def refuse(self, url: str, _flags: int, _options: dict[str, str]) -> NoReturn:
        """Open no other file, for which PyAV calls this.

        Raises:
            PermissionError: Always; `check` raises what says why.
        """
        self._error = VideoError(f"{self.name_in_messages} refers to another file, {url!r}, which is not opened.")
        raise PermissionError(url)

    def rewind(self) -> None:
        """Go to the beginning, if that is possible."""
        if self.is_seekable:
            self._position = self._file.seek(0)

    def read_at(self, position: int, count: int) -> bytes:
        """Return up to `count` bytes from elsewhere, and come back. For files that can be wound."""
        self._file.seek(position)
        try:
            return self._file.read(count)
        finally:
            self._file.seek(min(self._position, self.size or 0))

    def seekable(self) -> bool:
        """Tell PyAV whether it may call `seek`."""
        return self.is_seekable

    def tell(self) -> int:
        """Return the position, as PyAV calls it."""
        return self._position

    def read(self, count: int) -> bytes:
        """Return up to `count` bytes, none at the end or after an error, as PyAV calls it."""
        if self._is_stopped():
            return b""
        if self.size is not None:
            count = min(count, max(0, self.size - self._position))
        if count == 0:
            return b""
        try:
            data: object = self._file.read(count)
            if not isinstance(data, bytes) or len(data) > count:
                found = f"{len(data)} bytes" if isinstance(data, bytes) else type(data).__qualname__
                raise TypeError(  # kept as what the file raises is
                    f"{self.name_in_messages}: read({count}) should return so many bytes at most, found {found}."
                )
        except BaseException as error:  # noqa: BLE001 # raised by `check`
            self._error = error
            return b""
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go elsewhere and return the position, or a negative number, as PyAV calls it."""
        if self._is_stopped():
            return -1
        try:
            base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position}.get(whence, self.size or 0)
            self._position = max(0, base + offset)
            if self._position < (self.size or 0):  # behind the end there is nothing, and files refuse some numbers
                self._file.seek(self._position)
        except BaseException as error:  # noqa: BLE001 # raised by `check`
            self._error = error
            return -1
        return self._position

    def _is_stopped(self) -> bool:
        if self._error is None and time.monotonic() > self._deadline:
            self._error = VideoError(
                f"{self.name_in_messages} gave no frame in {self._seconds:g} s of reading: it is damaged, has no end, "
                f"or comes slowly. The environment variable {SECONDS} sets another limit."
            )
        return self._error is not None


@contextmanager
def open_source(source: VideoSource, limits: Limits) -> Iterator[SourceFile]:
    """Open what a caller gave.

    Raises:
        FileNotFoundError: There is no such file.
        OSError: It cannot be read.
        VideoError: It is a folder, a device or a pipe, or is empty.
        TypeError: It is none of what `VideoSource` says.
    """
    name = name_of(source)
    if isinstance(source, (str, os.PathLike)):
        with _open_path(source, name) as file:
            yield SourceFile(file, name, limits.seconds)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        if not source:
            raise VideoError(f"{name} is empty.")
        yield SourceFile(io.BytesIO(source), name, limits.seconds)
    elif hasattr(source, "read"):
        yield SourceFile(source, name, limits.seconds)
    else:
        raise TypeError(f"Expected a path, bytes, or a file opened in binary mode, found {type(source).__qualname__}.")


def name_of(source: object) -> str:
    """Return what messages call a source."""
    if isinstance(source, (str, os.PathLike)):
        return repr(os.fspath(source))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return f"the data of {len(source)} bytes"
    name = getattr(source, "name", None)
    return repr(name) if isinstance(name, str) else "the file object"


def _open_path(path: str | os.PathLike[str], name: str) -> BinaryIO:
    """Open a regular file; a pipe or a device would have no end, or wait for ever to be opened."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        hint = " URLs are not opened: download the file." if re.match(r"\w+://", os.fspath(path)) else ""
        raise FileNotFoundError(f"There is no file {name}.{hint}") from None
    except OSError as error:
        if os.path.isdir(path):  # noqa: PTH112 # Windows
            raise VideoError(f"{name} is a folder: pass the path of one video file.") from None
        raise OSError(error.errno, f"{name} cannot be read: {error.strerror}.") from error
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise VideoError(f"{name} is a folder: pass the path of one video file.")
        if not stat.S_ISREG(status.st_mode):
            raise VideoError(f"{name} is a pipe or a device: pass it as an open file, to be read from its beginning.")
        if status.st_size == 0:
            raise VideoError(f"{name} is empty.")
        return open(descriptor, "rb", buffering=0)  # noqa: PTH123 # closed by the caller
    except BaseException:
        os.close(descriptor)
        raise


def _is_seekable(file: BinaryIO) -> bool:
    if not (hasattr(file, "seek") and hasattr(file, "tell")):
        return False
    return file.seekable() if hasattr(file, "seekable") else True
