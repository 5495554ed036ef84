"""Takes the files of a bundle into the cache."""

from dataclasses import dataclass, replace
from pathlib import Path

from zoo_core._registry import get_weight
from zoo_core.errors import BundleError, ManifestError
from zoo_core.files import Manifest, Settings, Verifier, WeightsFile, find_local
from zoo_core.files._pinning import pin_to_lock
from zoo_core.files._receive import SourceError, receive

from ._read import Bundle, read_bundle


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file of a bundle that is here now.

    Args:
        entry: The weights entry.
        path: Where it is.
        is_new: Whether it was not here before.
    """

    entry: str
    path: Path
    is_new: bool


def load_bundle(path: Path, settings: Settings, *, dry_run: bool = False, progress: bool = True) -> list[LoadedFile]:
    """Put the files of a bundle where weights are looked for. Makes no connection.

    Before anything is written, the whole bundle is read, and compared with its own manifest, with the catalogue, and
    with the lock file where there is one.

    Args:
        path: The bundle.
        settings: Where files are kept.
        dry_run: Only verify, and tell where the files would be.
        progress: Show bars on stderr.

    Raises:
        BundleError: It is not whole, holds anything unexpected, or contradicts the catalogue.
        ManifestError: The lock file (`ZOO_LOCK`) lacks an entry.
        OSError: It cannot be read, or the files cannot be written.
    """
    with read_bundle(path) as bundle:
        files = {name: _known_file(name, bundle.manifest, path, settings) for name in sorted(bundle.manifest.files)}
        return [
            _load(name, file, bundle, settings, path, dry_run=dry_run, progress=progress)
            for name, file in files.items()
        ]


def _known_file(name: str, manifest: Manifest, path: Path, settings: Settings) -> WeightsFile:
    """Return the catalogue's file of that name, pinned to what the bundle and the lock file state."""
    try:
        file = get_weight(name.partition("/")[0]).file
        if name != f"{file.entry}/{file.name}":
            raise BundleError(f"the file of {file.entry} is {file.name}")
        return manifest.pin(pin_to_lock(file, settings))
    except (ValueError, KeyError, BundleError, ManifestError) as error:
        raise BundleError(f"The bundle {path} is refused, and nothing of it was used: {name}: {error}") from None


def _load(
    name: str, file: WeightsFile, bundle: Bundle, settings: Settings, path: Path, *, dry_run: bool, progress: bool
) -> LoadedFile:
    here = find_local(replace(file, twin=None), settings)
    if here is not None:
        return LoadedFile(file.entry, here.path, is_new=False)
    if dry_run:
        return LoadedFile(file.entry, settings.checkpoints / file.name, is_new=True)
    try:
        target, _ = receive(
            bundle.blocks(name),
            file,
            settings.checkpoints,
            Verifier.of(settings),
            size=file.size,
            progress=progress,
            source=f"bundle {path.name}",
        )
    except SourceError as error:
        raise BundleError(f"{path} changed while it was read: {name}: {error}") from None
    return LoadedFile(file.entry, target, is_new=True)
