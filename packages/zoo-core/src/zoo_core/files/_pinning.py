"""The lock file: with `ZOO_LOCK`, exactly the files that it states are loaded, or none."""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from zoo_core.errors import ManifestError

from ._manifest import TWIN_SUFFIX, Manifest
from ._manifests import read_manifest
from ._settings import Settings
from ._weights_file import WeightsFile


def pin_to_lock(file: WeightsFile, settings: Settings) -> WeightsFile:
    """Return the file with the digests of the lock file; unchanged where there is no lock file.

    Raises:
        ManifestError: The lock file cannot be read, lacks the entry, or contradicts the catalogue.
    """
    if settings.lock is None:
        return file
    lock = read_lock(settings.lock)
    path = lock.path_of(file)
    if path is None:
        raise ManifestError(
            f"{file.entry} ({file.name}) is not in {lock.label}, so it is not loaded: "
            f"run `zoo lock` with all the names that you use, or unset ZOO_LOCK."
        )
    twin = lock.files.get(str(PurePosixPath(path).with_suffix(TWIN_SUFFIX)))
    return replace(lock.pin(file), twin=twin.sha256 if twin is not None and twin.twin_of else None)


def read_lock(path: Path) -> Manifest:
    """Read a lock file.

    Raises:
        ManifestError: There is none, or it cannot be read.
    """
    label = f"the lock file {path}"
    if not path.is_file():
        raise ManifestError(f"{label} (ZOO_LOCK) does not exist: write it with `zoo lock NAME… -o {path}`.")
    return read_manifest(path, label)
