"""What the caches hold: the files of weights entries, and what was left over."""

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ._candidates import local_candidates
from ._owners import is_recent
from ._partial import WORK_FOLDER, partials
from ._settings import Settings
from ._sources import download_folders
from ._weights_file import WeightsFile


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file of a weights entry that is on this machine.

    Args:
        file: The entry's file, or its safetensors twin.
        path: Where it is.
        place: What that place is called.
        removable: Whether it is in a cache; the folders of `ZOO_WEIGHTS_PATH` are never written to.
    """

    file: WeightsFile
    path: Path
    place: str
    removable: bool


def cached_files(files: Iterable[WeightsFile], settings: Settings) -> Iterator[CachedFile]:
    """Yield every copy of the files that is on this machine, right or wrong. Nothing is read."""
    for file in files:
        for candidate in local_candidates(file, settings):
            if candidate.path is not None:
                yield CachedFile(candidate.file, candidate.path, candidate.place, candidate.removable)


def leftovers(settings: Settings) -> Iterator[Path]:
    """Yield what no load will ever use: `quarantined` and `unfinished` files."""
    yield from quarantined(settings)
    yield from unfinished(settings)


def quarantined(settings: Settings) -> Iterator[Path]:
    """Yield the files that had wrong bytes."""
    if settings.quarantine.is_dir():
        yield from sorted(path for path in settings.quarantine.iterdir() if path.is_file())


def unfinished(settings: Settings) -> Iterator[Path]:
    """Yield what is left of downloads and writes that were cut off; nothing that somebody may still be writing."""
    for folder in download_folders(settings):
        found = [(partial, partial.files()) for partial in partials(folder)]
        mine = {path for _, paths in found for path in paths}
        yield from (path for partial, paths in found if not partial.is_in_use for path in paths)
        work = folder / WORK_FOLDER / "partial"
        yield from _abandoned(path for path in _files_in(work) if path not in mine)
        if folder != settings.checkpoints:
            yield from _abandoned(path for path in sorted(folder.rglob("*.new")) if path.parent != work)
    yield from _abandoned(path for path in _files_in(settings.state / "verified") if path.suffix == ".new")


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _abandoned(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        with contextlib.suppress(OSError):  # it has got its name meanwhile
            if not is_recent(path.lstat().st_mtime):
                yield path
