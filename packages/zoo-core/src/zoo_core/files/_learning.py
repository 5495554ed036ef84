"""Full digests for a lock file: of the catalogue, of mirrors' manifests, else of the file itself."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ._digest import Digest
from ._manifest import FileFact, Manifest
from ._receive import SourceError
from ._resolve import resolve
from ._settings import Settings
from ._sources import mirrors_of
from ._weights_file import WeightsFile


def learn_digests(files: Iterable[WeightsFile], settings: Settings, *, progress: bool = True) -> Manifest:
    """Return the full digests of files, and of the safetensors twins that the mirrors have.

    Only files whose full digest neither the catalogue nor the manifest of a trusted mirror knows are fetched.

    Raises:
        WeightsUnavailableError: A file has to be fetched, and no source has it.
        ManifestError: Two mirrors, or a mirror and the catalogue, contradict each other.
    """
    settings = replace(settings, lock=None)
    manifests = list(_manifests(settings))
    facts: dict[str, FileFact] = {}
    for file in files:
        facts |= _facts(file, manifests, settings, progress=progress)
    return Manifest(facts)


def _manifests(settings: Settings) -> Iterator[Manifest]:
    for mirror in mirrors_of(settings):
        if mirror.is_trusted:
            try:
                yield mirror.manifest_here(settings) if settings.offline else mirror.manifest(settings)
            except SourceError:  # it cannot be reached: others may be
                continue


def _facts(
    file: WeightsFile, manifests: Sequence[Manifest], settings: Settings, *, progress: bool
) -> dict[str, FileFact]:
    pinned = file
    for manifest in manifests:  # one after the other, so that each must agree with those before
        pinned = manifest.pin(pinned)
    if pinned.digest is None or not pinned.digest.is_full:
        found = resolve(pinned, settings=settings, progress=progress, original=True)
        fact = FileFact(found.sha256, found.path.stat().st_size)
    else:
        fact = FileFact(pinned.digest.hexadecimal, pinned.size)
    path = f"{file.entry}/{file.name}"
    pinned = replace(pinned, digest=Digest(fact.sha256))
    twin = next(filter(None, (manifest.twin(pinned) for manifest in manifests)), None)
    if twin is None or twin.digest is None:
        return {path: fact}
    return {
        path: fact,
        f"{file.entry}/{twin.name}": FileFact(twin.digest.hexadecimal, twin.size, twin_of=fact.sha256),
    }
