"""Compares a mirror with the catalogue, and with its own manifest."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from zoo_core._weights import WeightsEnum
from zoo_core.errors import ManifestError, SourceError
from zoo_core.files import MANIFEST_NAME, Digest, Manifest, Settings, WeightsFile
from zoo_core.files.sources._mirror import Mirror, Seen

from ._contents import paths_of


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about a file of a mirror.

    Args:
        weights: The entry it belongs to, or an empty text.
        file: Its path in the mirror.
        status: `"ok"`, `"missing"` or `"wrong"`; `"unusable"` of a mirror that gives no answer.
        detail: What was compared, or what is wrong.
    """

    weights: str
    file: str
    status: str
    detail: str

    @property
    def is_ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.status == "ok"


def verify_mirror(
    mirror: Mirror, members: Iterable[WeightsEnum], settings: Settings, *, full: bool = False
) -> Iterator[Finding]:
    """Compare a mirror with what the catalogue and the mirror's manifest state of its files.

    Without `full` nothing is downloaded but the manifest: sizes, and on a Hub the SHA-256 of large files, are compared
    as the mirror states them.

    Args:
        mirror: The mirror.
        members: The entries that it is expected to have.
        settings: For the Hub's cache.
        full: Read every file, and hash it.

    Yields:
        A finding for every file that is expected.

    Raises:
        SourceError: The mirror cannot be reached.
    """
    try:
        manifest = mirror.manifest(settings)
    except SourceError as error:
        if mirror.see(MANIFEST_NAME) is None:  # or the mirror itself is not there
            raise
        yield Finding("", MANIFEST_NAME, "wrong", str(error))
        manifest = Manifest()
    for member in members:
        yield from _verify_entry(member, manifest, mirror, full=full)


def _verify_entry(member: WeightsEnum, manifest: Manifest, mirror: Mirror, *, full: bool) -> Iterator[Finding]:
    try:
        original = manifest.pin(member.file)
    except ManifestError as error:
        yield Finding(str(member), str(manifest.path_of(member.file)), "wrong", str(error))
        return
    listed = manifest.path_of(original)
    yield _verify_file(original, (listed,) if listed else original.paths_in_mirror, mirror, full=full)
    for path in paths_of(member, manifest):
        if path != listed:
            fact = manifest.files[path]
            file = WeightsFile(str(member), path, "", Digest(fact.sha256), fact.size)
            yield _verify_file(file, (path,), mirror, full=full)


def _verify_file(file: WeightsFile, paths: Iterable[str], mirror: Mirror, *, full: bool) -> Finding:
    """Compare a file that may be at one of some paths with what is known of it."""
    for path in paths:
        seen = mirror.see(path)
        if seen is not None:
            return _compare(file, path, seen, mirror, full=full)
    return Finding(file.entry, next(iter(paths)), "missing", "the mirror does not have it")


def _compare(file: WeightsFile, path: str, seen: Seen, mirror: Mirror, *, full: bool) -> Finding:
    difference = seen.differs_from(file.digest, file.size)
    if difference is None and full:
        try:
            seen = mirror.hash(path, file.largest)
        except SourceError as error:
            return Finding(file.entry, path, "wrong", str(error))
        difference = seen.differs_from(file.digest, file.size)
    return Finding(file.entry, path, "wrong" if difference else "ok", difference or seen.checked)
