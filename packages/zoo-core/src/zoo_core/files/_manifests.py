"""Manifests that are here: of a folder, and those of mirrors that were read before."""

import contextlib
import hashlib
import logging
from functools import lru_cache
from pathlib import Path

from zoo_core.errors import ManifestError

from ._manifest import MANIFEST_LIMIT, MANIFEST_NAME, Manifest
from ._partial import replace_text
from ._receive import SourceError
from ._settings import Settings

logger = logging.getLogger("zoo")


def manifest_of_folder(folder: Path, label: str) -> Manifest:
    """Return the manifest of a mirror's folder; one without files where there is none.

    Raises:
        SourceError: There is one, and it cannot be read.
    """
    try:
        return read_manifest(folder / MANIFEST_NAME, label)
    except ManifestError as error:
        raise SourceError(str(error)) from None


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
        replace_text(path, manifest.to_json().decode())


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
    except OSError:
        return Manifest(label=label)
    return _parse(path, label, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _parse(path: Path, label: str, _mtime_ns: int, size: int) -> Manifest:
    """Parse a file once, as long as it stays as it is."""
    if size > MANIFEST_LIMIT:
        raise ManifestError(f"{label} cannot be read: {path} has {size:,} bytes")
    try:
        return Manifest.parse(path.read_bytes(), label)
    except OSError as error:
        raise ManifestError(f"{label} cannot be read: {error}") from None
