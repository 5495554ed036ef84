"""What the caches hold: the files of weights entries, and what was left over."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ._candidates import local_candidates
from ._receive import WORK_FOLDER
from ._settings import Settings
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
    """Yield what no load will ever use: quarantined files, and the partial files of downloads that were cut off."""
    for folder in (settings.quarantine, settings.checkpoints / WORK_FOLDER / "partial"):
        if folder.is_dir():
            yield from sorted(path for path in folder.iterdir() if path.is_file())
