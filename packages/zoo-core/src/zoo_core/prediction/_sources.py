"""What to predict on, and with what, before torch is needed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeAlias

from zoo_core._registry import get_model_weights, list_models
from zoo_core.images import IMAGE_SUFFIXES

Media: TypeAlias = Literal["images", "videos", "image pairs"]
"""What a task predicts on. Image pairs are consecutive files: three frames are two pairs."""

VIDEO_SUFFIXES = frozenset(
    {
        ".3gp", ".asf", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts",
        ".webm", ".wmv",
    }
)  # fmt: skip
"""The file name suffixes, in lower case, by which a folder's videos are told from its other files."""


@dataclass(frozen=True, slots=True)
class Source:
    """One input to predict on.

    Args:
        paths: Its file, or its two files.
    """

    paths: tuple[Path, ...]

    def __str__(self) -> str:
        return " -> ".join(map(str, self.paths))


def find_sources(paths: Iterable[Path], media: Media = "images") -> Iterator[Source]:
    """Yield what there is to predict on in files and folders, in order.

    Args:
        paths: Files, taken as they are, and folders, of which the files with a fitting suffix are taken, however deep.
        media: What the model takes.

    Raises:
        FileNotFoundError: A path does not exist.
    """
    suffixes = VIDEO_SUFFIXES if media == "videos" else IMAGE_SUFFIXES
    files = _files(paths, suffixes)
    return (Source(pair) for pair in pairwise(files)) if media == "image pairs" else (Source((file,)) for file in files)


def image_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files given, and the images in the folders given, however deep, in order of their paths.

    Raises:
        FileNotFoundError: A path does not exist.
    """
    return _files(paths, IMAGE_SUFFIXES)


def _files(paths: Iterable[Path], suffixes: frozenset[str]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes and file.is_file())
        elif path.exists():
            yield path
        else:
            raise FileNotFoundError(f"There is no file or folder {path}.")


def embedded_model() -> str | None:
    """Return the first registered model whose weights come inside an installed package: it needs no download."""
    for name in list_models():
        weights = get_model_weights(name).verify("DEFAULT")
        if weights is not None and weights.url.startswith("package:"):
            return name
    return None
