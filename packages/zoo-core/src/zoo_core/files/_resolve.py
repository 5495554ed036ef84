"""Resolves a weights entry to a verified local file: what is here, else the mirrors, else upstream."""

import errno
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

from zoo_core.errors import SourceError, WeightsUnavailableError

from ._license_gate import require_allowed
from ._local import find_local
from ._settings import Settings
from .manifests._on_disk import pin_to_lock
from .sources._mirror import Mirror
from .sources._named import download_folders, mirrors_of, repository_of
from .sources._web_server import Upstream
from .store._resolved_file import ResolvedFile
from .store._weights_file import WeightsFile
from .transfer._locks import locked
from .transfer._partial import remove_unused_partials

logger = logging.getLogger("zoo")

PAUSES = (1.0, 2.0)
"""Seconds after which those sources are asked again that failed only for the moment, when no other has the file."""

LONGEST_PAUSE = 5.0
"""Seconds that a source may want to be waited for."""

_resolved: ContextVar[dict[WeightsFile, ResolvedFile] | None] = ContextVar("resolved", default=None)


@contextmanager
def resolving_once() -> Iterator[None]:
    """Inside, a file that has been resolved is not looked for again; whoever reads it still checks that it is the same.

    Example:
        >>> from zoo_core import get_model, get_weight
        >>> from zoo_core.files import resolve, resolving_once
        >>> weights = get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT")
        >>> with resolving_once():
        ...     print(resolve(weights.file).source)
        ...     model = get_model("shufflenet_v2_x0_5_digits", weights=weights)
        package zoo_digits
    """
    token = _resolved.set({})
    try:
        yield
    finally:
        _resolved.reset(token)


def resolve(
    file: WeightsFile, *, settings: Settings | None = None, progress: bool = True, original: bool = False
) -> ResolvedFile:
    """Return the verified local file of a weights entry, fetching it where it is not here yet.

    Args:
        file: As a weights entry's `.file` gives it.
        settings: Folders and sources; by default those of the environment.
        progress: Show a bar on stderr while downloading.
        original: Give the published file itself, also where a mirror has a safetensors file with the same tensors.

    Raises:
        WeightsUnavailableError: No source has it; lists every source, its reason, and what to do.
        LicenseRefusedError: Its licence is not among those that `ZOO_LICENSES` allows.
        ManifestError: The lock file (`ZOO_LOCK`) lacks the entry, or contradicts the catalogue.

    Example:
        >>> from zoo_core import get_weight
        >>> from zoo_core.files import resolve
        >>> resolve(get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT").file).path.name
        'digits_v1.safetensors'
    """
    before, asked = _resolved.get() if settings is None and not original else None, file
    if before is not None and asked in before:
        return before[asked]
    settings = settings or Settings.from_environment()
    require_allowed(file, settings)
    reasons: dict[str, str] = {}
    file = pin_to_lock(file, settings)
    if original:
        file = replace(file, twin=None)
    found = find_local(file, settings, reasons)
    if found is None and not file.stays_in_place:
        found = _fetch(file, settings, reasons, progress=progress)
    if found is None:
        raise WeightsUnavailableError(_explain(file, settings, reasons))
    if before is not None:
        before[asked] = found
    return found


def _fetch(file: WeightsFile, settings: Settings, reasons: dict[str, str], *, progress: bool) -> ResolvedFile | None:
    """Fetch under a lock, so that however many processes ask, one downloads; the others find its file."""
    if settings.offline:
        reasons.update(dict.fromkeys((source.label for source in _sources_of(file, settings)), "not asked: offline"))
        return None
    with locked(file.name, settings.checkpoints):
        return find_local(file, settings) or _ask_all(file, settings, reasons, progress=progress)


def _sources_of(file: WeightsFile, settings: Settings) -> Iterator[Mirror]:
    """Yield where a file may come from, in order."""
    own = repository_of(file)
    if own is not None:
        yield own
        return
    yield from mirrors_of(settings)
    yield Upstream(file.url)


def _ask_all(file: WeightsFile, settings: Settings, reasons: dict[str, str], *, progress: bool) -> ResolvedFile | None:
    """Ask one source after the other, at once; then again those that only failed for the moment."""
    asked = list(_sources_of(file, settings))
    for pause in (*PAUSES, None):
        failures: dict[Mirror, SourceError] = {}
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
    sources: Sequence[Mirror],
    file: WeightsFile,
    settings: Settings,
    failures: dict[Mirror, SourceError],
    *,
    progress: bool,
) -> ResolvedFile | None:
    """Return the file from the first source that gives it; note why others do not."""
    unusable: dict[Path, str] = {}
    last = sources[-1]
    for source in sources:
        folder, variable = source.kept_in(settings)
        try:
            if folder in unusable:
                raise SourceError(unusable[folder])
            found = source.fetch(file, settings, progress=progress)
        except SourceError as error:
            failures[source] = error
            if source is not last:  # all reasons are in the error, if none has it
                logger.info("%s: %s; the next source is asked", source.label, error)
        except OSError as error:
            unusable[folder] = _cannot_keep(folder, variable, error)
            failures[source] = SourceError(unusable[folder])
            logger.warning("%s", unusable[folder])
        else:
            logger.info("%s came from %s, verified", found.path.name, source.label)
            for kept in download_folders(settings):  # what other sources have given before they failed
                remove_unused_partials(kept, file.name)
            return found
    return None


def _cannot_keep(folder: Path, variable: str, error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return f"{folder} has no room: {error}. Make room, or set {variable} to a folder on another disk"
    return f"{folder} cannot be written: {error}. Set {variable} to a folder that can"


def _explain(file: WeightsFile, settings: Settings, reasons: dict[str, str]) -> str:
    lines = [f"No source has {file.name} ({file.entry}, SHA-256 {file.digest or 'unknown'}):"]
    lines += [f"  {source}: {reason}" for source, reason in reasons.items()]
    if file.stays_in_place:
        return "\n".join(lines)
    folder = settings.search_path[0] if settings.search_path else settings.checkpoints
    download = f"run `zoo download {file.entry}`"
    elsewhere = f"on a machine with a connection {download} and copy the file that it names to {folder}."
    if settings.requires_full and not (file.digest and file.digest.is_full):
        lines.append(
            f"Where you trust the network, run `zoo lock {file.entry} -o zoo.lock`; then set ZOO_LOCK to that file, "
            "or name a mirror whose manifest states the digest."
        )
    elif settings.offline:
        lines.append(f"zoo is offline (ZOO_OFFLINE or HF_HUB_OFFLINE is set). Unset it, or {elsewhere}")
    else:
        lines.append(f"Mend one of these, or {elsewhere}")
    return "\n".join(lines)
