"""Resolves a weights entry to a verified local file: what is here, else the mirrors, else upstream."""

import logging
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from zoo_core.errors import WeightsUnavailableError, WrongBytesError

from ._candidates import local_candidates
from ._fetch import fetch, sources_of
from ._local import Verifier
from ._locks import locked
from ._pinning import pin_to_lock
from ._resolved import ResolvedFile, verified_file
from ._settings import Settings
from ._weights_file import WeightsFile

logger = logging.getLogger("zoo")

PACKAGE_SCHEME = "package:"


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
    found = find_local(file, settings, reasons)
    if found is None and not file.url.startswith(PACKAGE_SCHEME):
        found = _fetch_once(file, settings, reasons, progress=progress)
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
    if file.url.startswith(PACKAGE_SCHEME):
        return _in_package(file, settings, reasons)
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
        return verified_file(path, source, file, verifier)
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
        reasons.update(dict.fromkeys((source.label for source in sources_of(file, settings)), "not asked: offline"))
        return None
    with locked(file.name, settings.checkpoints):
        return find_local(file, settings) or fetch(file, settings, reasons, progress=progress)


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
