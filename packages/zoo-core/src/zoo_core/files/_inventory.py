"""What the caches hold: the files of weights entries, and what was left over."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from ._local import local_copies
from ._settings import Settings
from .sources._mirror import CachedFile
from .sources._named import download_folders
from .store._quarantine import files_in_quarantine
from .store._weights_file import WeightsFile
from .transfer._owner_process import is_recent
from .transfer._partial import partials
from .transfer._work_folder import work_files


def cached_files(files: Iterable[WeightsFile], settings: Settings) -> Iterator[CachedFile]:
    """Yield every copy of the files that is in a cache of this machine, right or wrong. Nothing is read."""
    for file in files:
        if not file.stays_in_place:
            yield from local_copies(file, settings, reasons={})


def leftovers(settings: Settings) -> Iterator[Path]:
    """Yield what no load will ever use: `quarantined` and `unfinished` files."""
    yield from quarantined(settings)
    yield from unfinished(settings)


def quarantined(settings: Settings) -> Iterator[Path]:
    """Yield the files that had wrong bytes."""
    yield from files_in_quarantine(settings.quarantine)


def unfinished(settings: Settings) -> Iterator[Path]:
    """Yield what is left of downloads and writes that were cut off; nothing that somebody may still be writing."""
    for folder in download_folders(settings):
        found = [(partial, partial.files()) for partial in partials(folder)]
        mine = {path for _, paths in found for path in paths}
        yield from (path for partial, paths in found if not partial.is_in_use for path in paths)
        there = work_files(folder, "partial")
        yield from _abandoned(path for path in there if path not in mine)
        if folder != settings.checkpoints and not folder.is_symlink():  # links are not followed
            yield from _abandoned(path for path in sorted(folder.rglob("*.new")) if path not in there)
    yield from _abandoned(path for path in _files_in(settings.state / "verified") if path.suffix == ".new")


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _abandoned(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        with contextlib.suppress(OSError):  # it has got its name meanwhile
            if not is_recent(path.lstat().st_mtime):
                yield path
