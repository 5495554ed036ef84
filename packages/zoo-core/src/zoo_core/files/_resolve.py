"""Resolves a weights entry to a verified local file: what is here, else the mirrors, else upstream."""

import errno
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from zoo_core.errors import CheckpointError, WeightsUnavailableError, WrongBytesError

from ._candidates import local_candidates
from ._hub import HubMirror
from ._local import Verifier
from ._locks import locked
from ._pinning import pin_to_lock
from ._receive import SourceError
from ._settings import Settings
from ._sources import Source, Upstream, mirrors_of
from ._stamps import identity
from ._weights_file import WeightsFile

logger = logging.getLogger("zoo")

PAUSES = (1.0, 2.0)
"""Seconds after which those sources are asked again that failed only for the moment, when no other has the file."""

LONGEST_PAUSE = 5.0
"""Seconds that a source may want to be waited for."""

PACKAGE_SCHEME = "package:"


@dataclass(frozen=True, slots=True)
class ResolvedFile:
    """A file that is here and has been verified.

    Args:
        path: Where it is.
        source: What gave it: a folder, a mirror, the upstream URL or a package.
        sha256: Its digest, computed on this machine.
        verified: What the digest was compared with: `"full digest"`, `"prefix"`, or `"unknown"` where none is known.
        identity: The state that it had before it was verified.
    """

    path: Path
    source: str
    sha256: str
    verified: str
    identity: tuple[int, ...] = field(repr=False)

    @contextmanager
    def unchanged(self) -> Iterator[Path]:
        """Give the path to read from; what was read is what was verified, or an error says that it is not.

        Raises:
            CheckpointError: Meanwhile the file was changed or replaced.

        Example:
            >>> with resolve(get_weight("ResNet18_Weights.DEFAULT").file).unchanged() as path:  # doctest: +SKIP
            ...     state = read_state_dict(path)
        """
        try:
            yield self.path
        except Exception as error:
            self._check_unchanged(error)
            raise
        self._check_unchanged(None)

    def _check_unchanged(self, cause: Exception | None) -> None:
        try:
            if identity(self.path) == self.identity:
                return
        except OSError as error:
            cause = error
        raise CheckpointError(
            f"{self.path} was changed while it was read: what was read of it is not used. Try again; "
            f"if that does not help, find out what writes to the file."
        ) from cause


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
        ManifestError: The lock file (`ZOO_LOCK`) lacks the entry, or contradicts the catalogue.

    Example:
        >>> from zoo_core import get_weight
        >>> resolve(get_weight("ResNet18_Weights.DEFAULT").file).path.name  # doctest: +SKIP
        'resnet18-f37072fd.pth'
    """
    settings = settings or Settings.from_environment()
    reasons: dict[str, str] = {}
    file = pin_to_lock(file, settings)
    if original:
        file = replace(file, twin=None)
    if file.url.startswith(PACKAGE_SCHEME):
        found = _in_package(file, settings, reasons)
    else:
        found = find_local(file, settings, reasons) or _fetch_once(file, settings, reasons, progress=progress)
    if found is None:
        raise WeightsUnavailableError(_explain(file, settings, reasons))
    return found


def find_local(file: WeightsFile, settings: Settings, reasons: dict[str, str] | None = None) -> ResolvedFile | None:
    """Return the file if it is on this machine already and right. Makes no connection.

    Args:
        file: What to look for.
        settings: The folders to look in.
        reasons: Gets an entry for every place that does not have it, or has it wrong.
    """
    reasons = {} if reasons is None else reasons
    for candidate in local_candidates(file, settings):
        place, path, may_move = candidate.place, candidate.path, candidate.removable and settings.lock is None
        if path is None:
            reasons.setdefault(place, candidate.reason)
        elif (found := _verified(path, place, candidate.file, settings, reasons, may_move=may_move)) is not None:
            return found
    return None


def _in_package(file: WeightsFile, settings: Settings, reasons: dict[str, str]) -> ResolvedFile | None:
    package, _, inside = file.url.removeprefix(PACKAGE_SCHEME).partition("/")
    spec = find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or ()
    path = next((Path(folder) / inside for folder in folders if (Path(folder) / inside).is_file()), None)
    label = f"package {package}"
    if path is None:
        reasons[label] = f"has no file {inside}: install it again"
        return None
    return _verified(path, label, file, settings, reasons, may_move=False)


def _verified(
    path: Path, source: str, file: WeightsFile, settings: Settings, reasons: dict[str, str], *, may_move: bool
) -> ResolvedFile | None:
    verifier = Verifier.of(settings)
    try:
        return _resolved(path, source, file, verifier)
    except WrongBytesError as error:
        kept = verifier.put_away(path, file.name, error.found) if may_move else None
        reasons[source] = f"{error}; kept for a look at {kept}" if kept else str(error)
    except OSError as error:
        reasons[source] = f"cannot be read: {error}"
    logger.warning("%s: %s", source, reasons[source])
    return None


def _fetch_once(
    file: WeightsFile, settings: Settings, reasons: dict[str, str], *, progress: bool
) -> ResolvedFile | None:
    """Fetch under a lock, so that however many processes ask, one downloads; the others find its file."""
    if settings.offline:
        reasons.update(dict.fromkeys((source.label for source in _sources(file, settings)), "not asked: offline"))
        return None
    with locked(file.name, settings.checkpoints):
        return find_local(file, settings) or _fetch(file, settings, reasons, progress=progress)


def _fetch(file: WeightsFile, settings: Settings, reasons: dict[str, str], *, progress: bool) -> ResolvedFile | None:
    """Ask one source after the other, at once; then again those that only failed for the moment."""
    asked = list(_sources(file, settings))
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
            found = _resolved(fetched.path, source.label, fetched.file, Verifier.of(settings))
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
            return found
    return None


def _kept_in(source: Source, settings: Settings) -> tuple[Path, str]:
    """Return where a source's files are kept, and the environment variable that says so."""
    return (settings.hub_cache, "HF_HOME") if isinstance(source, HubMirror) else (settings.checkpoints, "TORCH_HOME")


def _cannot_keep(folder: Path, variable: str, error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return f"{folder} has no room: {error}. Make room, or set {variable} to a folder on another disk"
    return f"{folder} cannot be written: {error}. Set {variable} to a folder that can"


def _sources(file: WeightsFile, settings: Settings) -> Iterator[Source]:
    yield from mirrors_of(settings)
    yield Upstream(file.url)


def _resolved(path: Path, source: str, file: WeightsFile, verifier: Verifier) -> ResolvedFile:
    """Verify a file that is here.

    Raises:
        WrongBytesError: It is not what it should be.
    """
    before = identity(path)
    sha256 = verifier.verify(path, file)
    if file.digest is None or not file.digest.matches(sha256):
        verified = "unknown"
    else:
        verified = "full digest" if file.digest.is_full else "prefix"
    return ResolvedFile(path, source, sha256, verified, before)


def _explain(file: WeightsFile, settings: Settings, reasons: dict[str, str]) -> str:
    lines = [f"No source has {file.name} ({file.entry}, SHA-256 {file.digest or 'unknown'}):"]
    lines += [f"  {source}: {reason}" for source, reason in reasons.items()]
    if file.url.startswith(PACKAGE_SCHEME):
        return "\n".join(lines)
    folder = settings.search_path[0] if settings.search_path else settings.checkpoints
    download = f"run `zoo download {file.entry}`"
    elsewhere = f"on a machine with a connection {download} and copy the file that it names to {folder}."
    if settings.offline:
        lines.append(f"zoo is offline (ZOO_OFFLINE or HF_HUB_OFFLINE is set). Unset it, or {elsewhere}")
    else:
        lines.append(f"Mend one of these, or {elsewhere}")
    return "\n".join(lines)
