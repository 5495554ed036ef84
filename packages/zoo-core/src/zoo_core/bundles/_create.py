"""Writes a bundle."""

import io
import os
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from zoo_core._weights import WeightsEnum
from zoo_core.errors import BundleError
from zoo_core.files import MANIFEST_NAME, Manifest, Settings
from zoo_core.files import resolve as resolve_file
from zoo_core.saved import SavedWeights, refuse_model_files

from ._content import Content
from ._read import read_bundle
from ._saved import contents_of_saved
from ._tar import header_of

NO_BUNDLE = "a bundle carries weights; copy these files as they are"
"""What to do with models that are files of their own."""


def create_bundle(members: Iterable[WeightsEnum], path: Path, settings: Settings, *, progress: bool = True) -> Manifest:
    """Write the files of weights entries, verified, into one tar archive with a manifest; of saved models, all of them.

    The same files give the same bytes. The archive is read again before it gets its name.

    Args:
        members: The entries. The files of those that are part of an installed package are left out.
        path: The archive; one that is there is replaced.
        settings: Where files come from.
        progress: Show bars on stderr while downloading.

    Returns:
        What is in the archive.

    Raises:
        ValueError: A model is files of its own, as exported ones are.
        WeightsUnavailableError: No source has a file.
        BundleError: There is nothing to put into it, or a saved model is not in a folder below this one.
        OSError: The archive cannot be written.
    """
    members = list(dict.fromkeys(members))
    refuse_model_files(members, NO_BUNDLE)
    contents: dict[str, Content] = {}
    for member in members:
        if isinstance(member, SavedWeights):
            contents |= contents_of_saved(member.saved, settings, progress=progress)
        elif not member.file.is_in_package:
            found = resolve_file(member.file, settings=settings, progress=progress, original=True)
            contents[f"{member}/{member.file.name}"] = Content.of_file(found)
    if not contents:
        raise BundleError("There is nothing to bundle: these weights are part of their packages.")
    manifest = Manifest({name: content.fact for name, content in contents.items()}, "the bundle's manifest")
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        _write(temporary, manifest, contents)
        with read_bundle(temporary):
            pass
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return manifest


def _write(path: Path, manifest: Manifest, contents: Mapping[str, Content]) -> None:
    with tarfile.open(path, "x", format=tarfile.USTAR_FORMAT) as archive:
        content = manifest.to_json()
        _add(archive, MANIFEST_NAME, len(content), io.BytesIO(content))
        for name in sorted(contents):
            with contents[name].open() as file:
                _add(archive, name, manifest.files[name].size or 0, file)


def _add(archive: tarfile.TarFile, name: str, size: int, content: BinaryIO) -> None:
    archive.addfile(tarfile.TarInfo.frombuf(header_of(name, size), "utf-8", "strict"), content)
