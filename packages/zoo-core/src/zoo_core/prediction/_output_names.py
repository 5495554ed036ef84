"""Under which names results of inputs are saved in a folder."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ._found import is_folder
from ._sources import FrameSource, Source

_LONGEST_STEM = 200
"""Bytes; most file systems take names of 255."""


class OutputNames:
    """Names for what is saved of each source: its own without the suffix, in the folders that it is in.

    Of `photos/a/x.jpg` that is `a/x`, where `photos` was given. Where several folders were given, the name of each
    comes first: `photos/a/x`. Where two sources would have one name, the second has a number in it: `x-2`.

    Args:
        given: The files and folders of the run.
    """

    def __init__(self, given: Iterable[Path] = ()) -> None:
        self._folders = sorted({path for path in given if is_folder(path)}, key=lambda path: -len(path.parts))
        self._names: dict[Source, str] = {}
        self._taken: set[str] = set()

    def named(self, sources: Iterable[Source]) -> Iterator[Source]:
        """Yield sources, each of which has got a name, in their order."""
        for source in sources:
            folder = Path() if source.contents else self._folder_of(source.paths[0])
            name = stem = str(folder / _short(source.stem))
            number = 1
            while name.lower() in self._taken:
                number += 1
                name = f"{stem}-{number}"
            self._taken.add(name.lower())
            self._names[source] = name
            yield source

    def of(self, source: Source) -> str:
        """Return the name of a source that has one; frames have theirs in a folder of their video's name."""
        if isinstance(source, FrameSource):
            return f"{self._names[source.video]}/{source.number:06}"
        return self._names[source]

    def _folder_of(self, path: Path) -> Path:
        for folder in self._folders:
            if path.is_relative_to(folder):
                inner = path.parent.relative_to(folder)
                name = os.path.basename(os.path.abspath(folder))  # noqa: PTH100, PTH119 # of links, their own
                return inner if len(self._folders) == 1 else name / inner
        return Path()


def _short(stem: str) -> str:
    """Leave room in a name for a number and a suffix."""
    return os.fsencode(stem)[:_LONGEST_STEM].decode(errors="ignore") if len(os.fsencode(stem)) > _LONGEST_STEM else stem
