"""What to predict on, and with what, before torch is needed."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice, pairwise
from pathlib import Path
from typing import Literal, TypeAlias

from zoo_core._registry import get_model_weights, list_models
from zoo_core.images import IMAGE_SUFFIXES

Media: TypeAlias = Literal["images", "videos", "image pairs"]
"""What a task predicts on. Image pairs are consecutive files of a folder, or as given: three frames are two pairs."""

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
    if media == "image pairs":
        return map(Source, _pairs(paths, suffixes))
    return (Source((file,)) for file in _files(paths, suffixes))


def image_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files given, and the images in the folders given, however deep, in order of their paths.

    Raises:
        FileNotFoundError: A path does not exist.
    """
    return _files(paths, IMAGE_SUFFIXES)


def _files(paths: Iterable[Path], suffixes: frozenset[str]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from _files_in(path, suffixes)
        else:
            yield _existing(path)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}.")
    return path


def _pairs(paths: Iterable[Path], suffixes: frozenset[str]) -> Iterator[tuple[Path, Path]]:
    """Yield consecutive files: of those that are given, and of each folder; no pair is of two folders."""
    for are_folders, run in groupby(paths, Path.is_dir):
        if not are_folders:
            yield from pairwise(map(_existing, run))
            continue
        for folder in run:
            last: dict[Path, Path] = {}
            for file in _files_in(folder, suffixes):
                if file.parent in last:
                    yield last[file.parent], file
                last[file.parent] = file


def _files_in(folder: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    """Yield a folder's files, sorted; the names of one folder at a time are in memory."""
    with os.scandir(folder) as scanned:
        entries = sorted((entry.name, entry.is_dir(follow_symlinks=False), entry.is_file()) for entry in scanned)
    for name, is_folder, is_file in entries:
        if is_folder:
            yield from _files_in(folder / name, suffixes)
        elif is_file and name[name.rfind(".") :].lower() in suffixes:
            yield folder / name


def shard(sources: Iterable[Source], number: int, count: int) -> Iterator[Source]:
    """Yield every `count`-th source, beginning with the one of that `number`, which counts from 1.

    Args:
        sources: The same for every shard, in the same order.
        number: Which shard, from 1 to `count`.
        count: How many shards there are.

    Raises:
        ValueError: There is no such shard.

    Example:
        >>> list(shard("abcde", 2, 3))
        ['b', 'e']
    """
    if not 1 <= number <= count:
        raise ValueError(f"shard is I/N, with I from 1 to N: found {number}/{count}.")
    return islice(iter(sources), number - 1, None, count)


def embedded_model() -> str | None:
    """Return the first registered model whose weights come inside an installed package: it needs no download."""
    for name in list_models():
        weights = get_model_weights(name).verify("DEFAULT")
        if weights is not None and weights.url.startswith("package:"):
            return name
    return None
