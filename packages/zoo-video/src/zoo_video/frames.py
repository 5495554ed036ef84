"""Frames of videos as images, and images as frames of a video: for models that take images."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image

from zoo_core.transforms import tensor_to_pil

from .io import iterate

SUFFIX = ".mp4"
"""Of the videos that are written."""
_COMMENT = "drawn by zoo from "
_TICKS = 90_000
"""Of a second: what times are rounded to."""


def iterate_frames(path: str | os.PathLike[str], every: int = 1) -> Iterator[tuple[int, float, Image.Image]]:
    """Yield frames of a video, each with its number, from 0 on, and its time in seconds.

    Args:
        path: The video.
        every: Of so many frames the first.

    Raises:
        FileNotFoundError: There is no such file.
        VideoError: It is no video.
        ValueError: `every` is less than 1.

    Warns:
        VideoWarning: The file is damaged: the frames before that have been given.

    Example:
        >>> from zoo_video.frames import iterate_frames
        >>> for number, time, image in iterate_frames("clip.mp4", every=30):
        ...     print(number, time, image.size)
        0 0.0 (1280, 720)
        30 1.0 (1280, 720)
        60 2.0 (1280, 720)
    """
    for index, frame in enumerate(iterate(path, every=every)):
        yield index * every, frame.time, tensor_to_pil(frame.image)


class write_frames:  # noqa: N801 # called like a function
    """A video of pictures, written as H.264 in an MP4 file.

    The first picture tells the size. A later one is put into it, made smaller if it is larger.

    Args:
        path: A new file.
        source: What the pictures show, which the file says.

    Example:
        >>> from PIL import Image
        >>> from zoo_video.frames import write_frames
        >>> video = write_frames("drawn.mp4", "clip.mp4")
        >>> for number in range(10):
        ...     video.add(Image.new("RGB", (64, 48), (25 * number, 0, 0)), number / 10)
        >>> video.close()
    """

    def __init__(self, path: str | os.PathLike[str], source: str = "") -> None:
        self._container = av.open(os.fspath(path), "w", format="mp4")
        self._container.metadata["comment"] = f"{_COMMENT}{source}"
        self._stream: Any = None
        self._last = -1

    def add(self, picture: Image.Image, time: float) -> None:
        """Append a picture, shown from that time on, in seconds; times rise."""
        if self._stream is None:
            self._stream = self._begin(picture)
        frame: Any = av.VideoFrame.from_image(self._fitted(picture))  # type: ignore[no-untyped-call] # PyAV's
        self._last = max(self._last + 1, round(time * _TICKS))
        frame.pts, frame.time_base = self._last, Fraction(1, _TICKS)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file."""
        try:
            if self._stream is not None:
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()

    def _begin(self, picture: Image.Image) -> Any:  # PyAV's stream
        stream: Any = self._container.add_stream("libx264", rate=30)
        stream.width, stream.height = picture.width + picture.width % 2, picture.height + picture.height % 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS)
        return stream

    def _fitted(self, picture: Image.Image) -> Image.Image:
        size = self._stream.width, self._stream.height
        if picture.size == size and picture.mode == "RGB":
            return picture
        canvas = Image.new("RGB", size, "white")
        if picture.width > size[0] or picture.height > size[1]:
            picture = picture.copy()
            picture.thumbnail(size)
        canvas.paste(picture)
        return canvas


def drawn_from(path: str | os.PathLike[str]) -> str | None:
    """Return what a video shows that `write_frames` has written; `None` for whatever else there is under the path.

    Example:
        >>> from zoo_video.frames import drawn_from
        >>> drawn_from("clip.mp4")
    """
    try:
        if Path(path).is_symlink() or not Path(path).is_file():
            return None
        with Path(path).open("rb") as file, av.open(file, format="mp4") as container:
            comment = str(container.metadata.get("comment", ""))
    except (OSError, ValueError, av.FFmpegError):
        return None
    return comment.removeprefix(_COMMENT) if comment.startswith(_COMMENT) else None
