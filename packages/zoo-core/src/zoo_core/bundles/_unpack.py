"""Takes the files of a bundle into the cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from zoo_core._registry import get_weight
from zoo_core.errors import BundleError, ManifestError, SavedModelError, SourceError
from zoo_core.files import Manifest, Settings, WeightsFile, find_local
from zoo_core.files.manifests._on_disk import pin_to_lock
from zoo_core.files.transfer._download import write_stream

from ._read import Bundle, read_bundle
from ._saved import is_of_saved, plan_saved, saved_folders


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


def load_bundle(
    path: Path, settings: Settings, *, dry_run: bool = False, progress: bool = True, folder: Path = Path()
) -> list[LoadedFile]:
    """Put the files of a bundle where weights are looked for. Makes no connection.

    Before anything is written, the whole bundle is read, and compared with its own manifest, with the catalogue, and
    with the lock file where there is one.

    Args:
        path: The bundle.
        settings: Where files are kept.
        dry_run: Only verify, and tell where the files would be.
        progress: Show bars on stderr.
        folder: Where saved models go that were folders, each under the relative path that it had.

    Raises:
        BundleError: It is not whole, holds anything unexpected, or contradicts the catalogue.
        ManifestError: The lock file (`ZOO_LOCK`) lacks an entry.
        OSError: It cannot be read, or the files cannot be written.
    """
    with read_bundle(path) as bundle:
        with _refused(path):
            saved = [plan_saved(bundle, each, settings, folder) for each in saved_folders(bundle.manifest)]
        published = [name for name in sorted(bundle.manifest.files) if not is_of_saved(name)]
        files = {name: _known_file(name, bundle.manifest, path, settings) for name in published}
        loaded = [
            _load(name, file, bundle, settings, path, dry_run=dry_run, progress=progress)
            for name, file in files.items()
        ]
        for plan in saved:
            if plan.is_new and not dry_run:
                plan.load()
        return loaded + [LoadedFile(plan.model, plan.path, plan.is_new) for plan in saved]


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    """Let what is wrong with a bundle be said of it."""
    try:
        yield
    except (ValueError, KeyError, BundleError, ManifestError, SavedModelError) as error:
        raise BundleError(f"The bundle {path} is refused, and nothing of it was used: {error}") from None


def _known_file(name: str, manifest: Manifest, path: Path, settings: Settings) -> WeightsFile:
    """Return the catalogue's file of that name, pinned to what the bundle and the lock file state."""
    with _refused(path):
        try:
            file = get_weight(name.partition("/")[0]).file
            if name != f"{file.entry}/{file.name}":
                raise BundleError(f"the file of {file.entry} is {file.name}")
            return manifest.pin(pin_to_lock(file, settings))
        except (ValueError, KeyError, BundleError, ManifestError) as error:
            raise BundleError(f"{name}: {error}") from None


def _load(
    name: str, file: WeightsFile, bundle: Bundle, settings: Settings, path: Path, *, dry_run: bool, progress: bool
) -> LoadedFile:
    here = find_local(replace(file, twin=None), settings)
    if here is not None:
        return LoadedFile(file.entry, here.path, is_new=False)
    if dry_run:
        return LoadedFile(file.entry, settings.checkpoints / file.name_in_cache, is_new=True)
    try:
        blocks, source = bundle.blocks(name), f"bundle {path.name}"
        found = write_stream(blocks, file, settings, size=file.size, progress=progress, source=source)
    except SourceError as error:
        raise BundleError(f"{path} changed while it was read: {name}: {error}") from None
    return LoadedFile(file.entry, found.path, is_new=True)
