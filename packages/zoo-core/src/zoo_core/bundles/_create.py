"""Writes a bundle."""

import io
import os
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from zoo_core._weights import WeightsEnum
from zoo_core.errors import BundleError
from zoo_core.files import MANIFEST_NAME, FileFact, Manifest, ResolvedFile, Settings
from zoo_core.files import resolve as resolve_file
from zoo_core.files._resolve import PACKAGE_SCHEME

from ._read import read_bundle
from ._tar import header_of


def create_bundle(members: Iterable[WeightsEnum], path: Path, settings: Settings, *, progress: bool = True) -> Manifest:
    """Write the published files of weights entries, verified, into one tar archive with a manifest.

    The same files give the same bytes. The archive is read again before it gets its name.

    Args:
        members: The entries. The files of those that are part of an installed package are left out.
        path: The archive; one that is there is replaced.
        settings: Where files come from.
        progress: Show bars on stderr while downloading.

    Returns:
        What is in the archive.

    Raises:
        WeightsUnavailableError: No source has a file.
        BundleError: There is nothing to put into it.
        OSError: The archive cannot be written.
    """
    files = {
        f"{member}/{member.file.name}": resolve_file(member.file, settings=settings, progress=progress, original=True)
        for member in dict.fromkeys(members)
        if is_bundled(member)
    }
    if not files:
        raise BundleError("There is nothing to bundle: these weights are part of their packages.")
    facts = {name: FileFact(found.sha256, found.path.stat().st_size) for name, found in files.items()}
    manifest = Manifest(facts, "the bundle's manifest")
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        _write(temporary, manifest, files)
        with read_bundle(temporary):
            pass
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return manifest


def is_bundled(member: WeightsEnum) -> bool:
    """Tell whether an entry's file comes from elsewhere than an installed package."""
    return not member.url.startswith(PACKAGE_SCHEME)


def _write(path: Path, manifest: Manifest, files: Mapping[str, ResolvedFile]) -> None:
    with tarfile.open(path, "x", format=tarfile.USTAR_FORMAT) as archive:
        content = manifest.to_json()
        _add(archive, MANIFEST_NAME, len(content), io.BytesIO(content))
        for name in sorted(files):
            with files[name].path.open("rb") as file:
                _add(archive, name, manifest.files[name].size or 0, file)


def _add(archive: tarfile.TarFile, name: str, size: int, content: BinaryIO) -> None:
    archive.addfile(tarfile.TarInfo.frombuf(header_of(name, size), "utf-8", "strict"), content)
