"""Manifests that are here: of a folder, those of mirrors that were read before, and the lock file.

With a lock file, `ZOO_LOCK`, exactly the files that it states are loaded, or none.
"""

import contextlib
import errno
import hashlib
import logging
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from zoo_core.errors import ManifestError
from zoo_core.files._settings import Settings
from zoo_core.files.store._paths import replace_file
from zoo_core.files.store._weights_file import WeightsFile

from ._format import MANIFEST_LIMIT, TWIN_SUFFIX, Manifest
from ._small_file import read_small_file

logger = logging.getLogger("zoo")

_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENAMETOOLONG})
"""What says of a path that no manifest is there, as far as that can be seen."""


def manifest_if_here(path: Path, label: str) -> Manifest:
    """Return the manifest at `path`; one without files where there is none, or it cannot be read, which is logged."""
    try:
        return read_manifest(path, label)
    except ManifestError as error:
        logger.warning("%s; it is left aside", error)
        return Manifest()


def remembered_manifest(settings: Settings, mirror: str) -> Manifest:
    """Return the manifest that a mirror had when it was last asked, without asking it."""
    return manifest_if_here(_memory(settings, mirror), manifest_label(mirror))


def remember_manifest(settings: Settings, mirror: str, manifest: Manifest) -> None:
    """Keep a mirror's manifest for the time when nothing can be asked. Where that cannot be written, it is not kept."""
    path = _memory(settings, mirror)
    with contextlib.suppress(OSError):
        if not manifest.files:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, manifest.to_json())


def manifest_label(mirror: str) -> str:
    """Return what messages call the manifest of a mirror."""
    return f"the manifest of {mirror}"


def _memory(settings: Settings, mirror: str) -> Path:
    return settings.state / "manifests" / f"{hashlib.sha256(mirror.encode()).hexdigest()[:32]}.json"


def read_manifest(path: Path, label: str) -> Manifest:
    """Return the manifest at `path`, parsed once as long as the file stays as it is; one without files where none is.

    Raises:
        ManifestError: The file is no manifest.
    """
    try:
        status = path.stat()
    except OSError as error:
        if error.errno in _NOT_THERE:
            return Manifest(label=label)
        raise ManifestError(f"{label} cannot be read: {error}") from None
    return _parse(path, label, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _parse(path: Path, label: str, _mtime_ns: int, _size: int) -> Manifest:
    try:
        return Manifest.parse(read_small_file(path, MANIFEST_LIMIT), label)
    except OSError as error:
        raise ManifestError(f"{label} cannot be read: {error}") from None


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
