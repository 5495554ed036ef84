"""Full digests for a lock file: of the catalogue, of mirrors' manifests, else of the file itself."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from zoo_core.errors import SourceError

from ._resolve import resolve
from ._settings import Settings
from .manifests._format import FileFact, Manifest
from .sources._named import mirrors_of, repository_of
from .store._digest import Digest
from .store._weights_file import WeightsFile


def learn_digests(files: Iterable[WeightsFile], settings: Settings, *, progress: bool = True) -> Manifest:
    """Return the full digests of files, and of the safetensors twins that the mirrors have.

    Only files whose full digest neither the catalogue nor the manifest of a trusted mirror knows are fetched.

    Raises:
        WeightsUnavailableError: A file has to be fetched, and no source has it.
        ManifestError: Two mirrors, or a mirror and the catalogue, contradict each other.
    """
    settings = replace(settings, lock=None, requires_full=False)
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
    if file.stays_in_place or repository_of(file) is not None:  # mirrors have nothing to say about it
        manifests = ()
    pinned = file
    for manifest in manifests:  # one after the other, so that each must agree with those before
        pinned = manifest.pin(pinned)
    if pinned.digest is None or not pinned.digest.is_full:
        found = resolve(pinned, settings=settings, progress=progress, original=True)
        fact = FileFact(found.sha256, found.path.stat().st_size)
    else:
        fact = FileFact(pinned.digest.hexadecimal, pinned.size)
    path = file.paths_in_mirror[0]
    pinned = replace(pinned, digest=Digest(fact.sha256))
    twin = next(filter(None, (manifest.twin(pinned) for manifest in manifests)), None)
    if twin is None or twin.digest is None:
        return {path: fact}
    return {path: fact, f"{file.folder}/{twin.name}": FileFact(twin.digest.hexadecimal, twin.size, twin_of=fact.sha256)}
