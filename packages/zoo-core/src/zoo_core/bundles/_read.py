"""Reads a bundle, and refuses one that is not whole and right before anything of it is used."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from zoo_core.errors import BundleError, ManifestError
from zoo_core.files import MANIFEST_NAME, Manifest
from zoo_core.files.manifests._format import MANIFEST_LIMIT
from zoo_core.files.sources._mirror import Seen

from ._tar import Member, blocks_of, members_of


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose every byte has been verified against the manifest in it.

    Args:
        manifest: What is in it.
    """

    manifest: Manifest
    _file: BinaryIO
    _members: Mapping[str, Member]

    def blocks(self, path: str) -> Iterator[bytes]:
        """Yield the bytes of a file in it."""
        return blocks_of(self._file, self._members[path])


@contextmanager
def read_bundle(path: Path) -> Iterator[Bundle]:
    """Open a bundle.

    Raises:
        BundleError: It has anything but the files that its manifest names, or one that is not as the manifest states.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        try:
            bundle = _read(file)
        except (BundleError, ManifestError) as error:
            raise BundleError(f"The bundle {path} is refused, and nothing of it was used: {error}.") from None
        yield bundle


def _read(file: BinaryIO) -> Bundle:
    members = members_of(file)
    first = next(members, None)
    if first is None or first.name != MANIFEST_NAME or first.size > MANIFEST_LIMIT:
        raise BundleError(f"it does not begin with {MANIFEST_NAME}")
    manifest = Manifest.parse(b"".join(blocks_of(file, first)), "its manifest")
    found = {}
    for member in members:
        fact = manifest.files.get(member.name)
        if fact is None:
            raise BundleError(f"its manifest does not name {member.name}")
        if fact.size != member.size:
            raise BundleError(f"{member.name} has {member.size:,} bytes, its manifest states {fact.size}")
        found[member.name] = member
    missing = sorted(manifest.files.keys() - found)
    if missing:
        raise BundleError(f"{missing[0]} is missing")
    for member in found.values():
        stated, sha256 = manifest.files[member.name].sha256, Seen.of(blocks_of(file, member)).sha256
        if sha256 != stated:
            raise BundleError(f"{member.name} has SHA-256 {sha256}, its manifest states {stated}")
    return Bundle(manifest, file, found)
