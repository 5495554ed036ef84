"""Fetches a file from the first source that has it."""

import errno
import logging
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from zoo_core.errors import WrongBytesError

from ._hub import HubMirror
from ._local import Verifier
from ._partial import remove_unused_partials
from ._receive import SourceError
from ._resolved import ResolvedFile, verified_file
from ._settings import Settings
from ._sources import Source, Upstream, download_folders, mirrors_of
from ._weights_file import WeightsFile

logger = logging.getLogger("zoo")

PAUSES = (1.0, 2.0)
"""Seconds after which those sources are asked again that failed only for the moment, when no other has the file."""

LONGEST_PAUSE = 5.0
"""Seconds that a source may want to be waited for."""


def sources_of(file: WeightsFile, settings: Settings) -> Iterator[Source]:
    """Yield where a file may come from, in order."""
    yield from mirrors_of(settings)
    yield Upstream(file.url)


def fetch(file: WeightsFile, settings: Settings, reasons: dict[str, str], *, progress: bool) -> ResolvedFile | None:
    """Ask one source after the other, at once; then again those that only failed for the moment.

    Args:
        file: What to get.
        settings: The sources, and the folders for what they give.
        reasons: Gets an entry for every source that does not have it.
        progress: Show a bar on stderr.
    """
    asked = list(sources_of(file, settings))
    for pause in (*PAUSES, None):
        failures: dict[Source, SourceError] = {}
        found = _first(asked, file, settings, failures, progress=progress)
        reasons.update({source.label: str(error) for source, error in failures.items()})
        if found is not None or pause is None:
            return found
        waits = {
            source: max(error.retry_after or 0.0, pause) for source, error in failures.items() if error.is_temporary
        }
        asked = [source for source, wait in waits.items() if wait <= LONGEST_PAUSE]
        if not asked:
            return None
        time.sleep(max(waits[source] for source in asked))
    return None


def _first(
    sources: Iterable[Source],
    file: WeightsFile,
    settings: Settings,
    failures: dict[Source, SourceError],
    *,
    progress: bool,
) -> ResolvedFile | None:
    """Return the file from the first source that gives it; note why others do not."""
    unusable: dict[Path, str] = {}
    for source in sources:
        folder, variable = _kept_in(source, settings)
        try:
            if folder in unusable:
                raise SourceError(unusable[folder])
            fetched = source.fetch(file, settings, progress=progress)
            found = verified_file(fetched.path, source.label, fetched.file, Verifier.of(settings))
        except SourceError as error:
            failures[source] = error
            logger.info("%s: %s; the next source is asked", source.label, error)
        except WrongBytesError as error:
            failures[source] = SourceError(f"{error}, although it came right: what writes to it?")
        except OSError as error:
            unusable[folder] = _cannot_keep(folder, variable, error)
            failures[source] = SourceError(unusable[folder])
            logger.warning("%s", unusable[folder])
        else:
            logger.info("%s came from %s, verified", fetched.file.name, source.label)
            _clean_up(file, settings)
            return found
    return None


def _clean_up(file: WeightsFile, settings: Settings) -> None:
    """Delete what other sources have given of a file before they failed."""
    for folder in download_folders(settings):
        remove_unused_partials(folder, file.name)


def _kept_in(source: Source, settings: Settings) -> tuple[Path, str]:
    """Return where a source's files are kept, and the environment variable that says so."""
    return (settings.hub_cache, "HF_HOME") if isinstance(source, HubMirror) else (settings.checkpoints, "TORCH_HOME")


def _cannot_keep(folder: Path, variable: str, error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return f"{folder} has no room: {error}. Make room, or set {variable} to a folder on another disk"
    return f"{folder} cannot be written: {error}. Set {variable} to a folder that can"
