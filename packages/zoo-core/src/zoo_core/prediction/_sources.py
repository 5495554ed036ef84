"""What to predict on, and with what, before torch is needed."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, groupby, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from zoo_core._registry import get_model_weights, list_models, task_of
from zoo_core.images import image_suffixes
from zoo_core.names import Later
from zoo_core.tasks import Media

from ._found import Found, is_folder, is_link, problem_of, reason_of
from ._inputs import MediaInput, check_is_no_url, in_memory, is_path
from ._stamp import is_stamped

if TYPE_CHECKING:
    from PIL import Image
else:
    Image = Later("PIL.Image")

T = TypeVar("T")

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
        paths: Its file, or its two files; for what is in memory a name, such as `<image 1>`.
        problem: Why it cannot be read, where that is known already: its prediction is a `Failure` that says so.
        contents: Where something is in memory: for each path, what is read instead of a file, or `None`.
    """

    paths: tuple[Path, ...]
    problem: str | None = None
    contents: tuple[object, ...] = field(default=(), repr=False, compare=False)

    @property
    def files(self) -> tuple[object, ...]:
        """What is read: a path, or what is in memory, for each of `paths`."""
        if not self.contents:
            return self.paths
        return tuple(
            path if content is None else content for path, content in zip(self.paths, self.contents, strict=True)
        )

    @property
    def stem(self) -> str:
        """What a file made of it may be called, without a suffix."""
        return self.paths[0].stem.strip("<>")

    def __str__(self) -> str:
        return " -> ".join(map(str, self.paths))


@dataclass(frozen=True, slots=True)
class FrameSource(Source):
    """A frame of a video.

    Args:
        video: The source that it is of.
        number: Counted from 0.
        time: In seconds from the beginning of the video.
        image: A list of the frame itself, until it is read.
    """

    video: Source = Source(())
    number: int = 0
    time: float = 0.0
    image: "list[Image.Image]" = field(default_factory=list, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.video}#frame={self.number}"


_Given: TypeAlias = Path | Found | tuple[Found, Found]
"""What somebody has given: a folder, something that is none, or a pair for optical flow."""


def find_sources(
    inputs: "Iterable[MediaInput | tuple[MediaInput, MediaInput]]",
    media: Media = "images",
    *,
    strict: bool = True,
    without: Iterable[Path] = (),
) -> Iterator[Source]:
    """Yield what there is to predict on in files, in folders and in memory, in order.

    Whatever is there under a fitting name is a source, and so is a folder that cannot be listed: what cannot be read,
    such as a link that leads nowhere, is one with a `problem`. A link to a folder is followed, once, unless it leads
    to where the files are found anyhow. What zoo itself has drawn into a folder, and says so in the file, is left out.

    Args:
        inputs: Files, taken as they are; folders, of which the files with a fitting suffix are taken, however deep;
            and what is in memory, which is named by its place among the inputs: `<image 1>` is the first. Files that
            are open, and images that Pillow has not decoded yet, are read when their turn comes here. Only videos are
            not: their files must stay open until they have been predicted on.
        media: What the model takes. Of image pairs, consecutive inputs are one, and so are two in a tuple.
        strict: Whether a path that does not exist is an error, or a source with a problem.
        without: Folders in the folders that are not entered.

    Raises:
        FileNotFoundError: A path does not exist.
        ValueError: A path is a URL.
        TypeError: An input is nothing that can be predicted on.
    """
    left_out = frozenset(os.path.realpath(folder) for folder in without)
    suffixes = VIDEO_SUFFIXES if media == "videos" else image_suffixes()
    if media == "image pairs":
        return _pairs(_given(inputs, media, strict), suffixes, left_out)
    return (_source(found) for found in _files(_given(inputs, media, strict), suffixes, left_out))


def image_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files given, and the images in the folders given, however deep, in order of their paths.

    Raises:
        FileNotFoundError: A path does not exist.
        OSError: Another cannot be read; the text says why.
    """
    for found in _files(_given(paths, "images", strict=True), image_suffixes(), frozenset()):
        if found.problem is not None:
            raise OSError(f"{found.path}: {found.problem}")
        yield found.path


def _given(inputs: Iterable[Any], media: Media, strict: bool) -> Iterator[_Given]:
    """Look at inputs one by one, and name those that are in memory."""
    numbers = count(1)
    noun = "video" if media == "videos" else "image"

    def single(value: Any) -> Found:
        number = next(numbers)
        if is_path(value):
            check_is_no_url(value)
            return Found.given(Path(value), strict=strict)
        return in_memory(value, f"<{noun} {number}>", media)

    for value in inputs:
        if media == "image pairs" and isinstance(value, (tuple, list)) and len(value) == 2:
            yield single(value[0]), single(value[1])
        elif is_path(value) and is_folder(Path(value)):
            next(numbers)
            yield Path(value)
        else:
            yield single(value)


def _source(*found: Found) -> Source:
    """Return the source that consists of one or two things."""
    problems = [one for one in found if one.problem is not None]
    said = [str(one.problem) if len(found) == 1 else f"{one.path}: {one.problem}" for one in problems]
    contents = tuple(one.content for one in found)
    in_memory_at_all = any(content is not None for content in contents)
    return Source(tuple(one.path for one in found), "; ".join(said) or None, contents if in_memory_at_all else ())


def _files(given: Iterable[_Given], suffixes: frozenset[str], left_out: frozenset[str]) -> Iterator[Found]:
    for one in given:
        if isinstance(one, Path):
            yield from _Walk(suffixes, left_out).files_of(one)
        elif isinstance(one, Found):
            yield one


def _pairs(given: Iterable[_Given], suffixes: frozenset[str], left_out: frozenset[str]) -> Iterator[Source]:
    """Yield consecutive files: of those that are given, and of each folder; no pair is of two folders."""
    for kind, run in groupby(given, type):
        if kind is tuple:
            yield from (_source(*pair) for pair in run if isinstance(pair, tuple))
        elif kind is Found:
            yield from (_source(*both) for both in pairwise(one for one in run if isinstance(one, Found)))
        else:
            for folder in run:
                assert isinstance(folder, Path)
                yield from _pairs_of(folder, suffixes, left_out)


def _pairs_of(folder: Path, suffixes: frozenset[str], left_out: frozenset[str]) -> Iterator[Source]:
    last: dict[Path, Found] = {}
    for found in _Walk(suffixes, left_out).files_of(folder):
        if found.is_folder:
            yield _source(found)
            continue
        if found.path.parent in last:
            yield _source(last[found.path.parent], found)
        last[found.path.parent] = found


@dataclass(frozen=True, slots=True)
class _Subfolder:
    path: Path
    is_link: bool = False


@dataclass(slots=True)
class _Walk:
    """The files of a folder, however deep, sorted, and what cannot be read of it.

    Names count by their suffixes, and links that lead nowhere without a suffix, too, for they may have led to folders.
    Folders of the tree come once, under their own names. A link to a folder elsewhere is followed, the first time.
    """

    suffixes: frozenset[str]
    left_out: frozenset[str] = frozenset()
    """Where folders really are that are not entered."""
    roots: list[Path] = field(default_factory=list)
    """Where the folders really are that are gone through, each with all that is below it."""
    entered: set[tuple[int, int]] = field(default_factory=set)
    """Devices and inodes of the folders."""

    def files_of(self, folder: Path) -> Iterator[Found]:
        """Yield what is in a folder; the names of one folder at a time, and of those above it, are in memory."""
        stack = [self._found_in(_Subfolder(folder, is_link=True))]
        while stack:  # folders may be deeper than calls
            found = next(stack[-1], None)
            if found is None:
                stack.pop()
            elif isinstance(found, _Subfolder):
                if self.left_out and os.path.realpath(found.path) in self.left_out:
                    continue
                stack.append(self._found_in(found))
            else:
                yield found

    def _found_in(self, subfolder: "_Subfolder") -> "Iterator[Found | _Subfolder]":
        """Yield what is directly in a folder, unless it has been entered before."""
        folder, problem = subfolder.path, None
        entries: list[tuple[str, bool]] = []
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in self.entered:
                return
            self.entered.add((status.st_dev, status.st_ino))
            if subfolder.is_link:
                self.roots.append(Path(os.path.realpath(folder)))
            with os.scandir(folder) as scanned:
                for entry in scanned:
                    entries.append((entry.name, _is_real_folder(entry)))  # noqa: PERF401 # kept where an error comes
        except OSError as error:
            problem = reason_of(error)
        for name, is_real_folder in sorted(entries):
            path = folder / name
            suffix = name[name.rfind(".") :].lower() if "." in name else ""
            if is_real_folder:
                yield _Subfolder(path)
            elif suffix in self.suffixes or is_link(path):
                yield from self._look_at(path, suffix)
        if problem is not None:
            yield Found(folder, f"this folder cannot be listed: {problem}", is_folder=True)

    def _look_at(self, path: Path, suffix: str) -> "Iterator[Found | _Subfolder]":
        """Yield what is under the name of a file or a link."""
        fits = suffix in self.suffixes
        try:
            mode = path.stat().st_mode
        except OSError as error:
            if fits or not suffix:
                yield Found(path, reason_of(error, is_link=is_link(path)))
            return
        if stat.S_ISDIR(mode):
            if self._leads_elsewhere(path):
                yield _Subfolder(path, is_link=True)
        elif fits and not (suffix == ".png" and stat.S_ISREG(mode) and is_stamped(path)):
            yield Found(path, problem_of(mode))

    def _leads_elsewhere(self, link: Path) -> bool:
        target = Path(os.path.realpath(link))
        return not any(target.is_relative_to(root) for root in self.roots)


def _is_real_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def shard(sources: Iterable[T], number: int, count: int) -> Iterator[T]:
    """Yield every `count`-th source, beginning with the one of that `number`, which counts from 1.

    Args:
        sources: The same for every shard, in the same order.
        number: Which shard, from 1 to `count`.
        count: How many shards there are.

    Raises:
        ValueError: There is no such shard.

    Example:
        >>> from zoo_core.prediction import shard
        >>> list(shard("abcde", 2, 3))
        ['b', 'e']
    """
    if not 1 <= number <= count:
        raise ValueError(f"shard is I/N, with I from 1 to N: found {number}/{count}.")
    return islice(iter(sources), number - 1, None, count)


def embedded_model(*, embeds: bool = False) -> str | None:
    """Return the first registered model whose weights come inside an installed package: it needs no download.

    Args:
        embeds: Only a model of a task that has vectors.
    """
    for name in list_models():
        weights = get_model_weights(name).verify("DEFAULT")
        if weights is None or not weights.url.startswith("package:"):
            continue
        if not embeds or task_of(name).embedder is not None:
            return name
    return None
