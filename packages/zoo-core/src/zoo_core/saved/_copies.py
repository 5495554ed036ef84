"""Whole copies of saved models: which files belong to one, and how they come into another folder."""

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from zoo_core.errors import SavedModelError, WeightsUnavailableError
from zoo_core.files import MANIFEST_NAME, Manifest, ResolvedFile, Settings, resolve
from zoo_core.files.store._paths import replace_file, temporary_beside

from ._config import CARD_NAME, CONFIG_NAME, WEIGHTS_NAME
from ._model import SavedModel


def fetch_all(saved: SavedModel, settings: Settings, *, progress: bool = True) -> dict[str, ResolvedFile]:
    """Return all files of a model by name, verified, fetched where they are not here.

    The model card is left out where it is not, or not any more, the one that the manifest states.

    Raises:
        WeightsUnavailableError: Another one cannot be had.
    """
    found = {file.name: resolve(file, settings=settings, progress=progress) for file in saved.files}
    if CARD_NAME in saved.manifest.files:
        with contextlib.suppress(WeightsUnavailableError):
            found[CARD_NAME] = resolve(saved.file(CARD_NAME), settings=settings, progress=False)
    return found


def manifest_of(saved: SavedModel, names: Iterable[str]) -> Manifest:
    """Return the manifest of a copy with these files."""
    return Manifest({name: saved.manifest.files[name] for name in names})


def copy_saved(saved: SavedModel, folder: Path, settings: Settings, *, progress: bool = True) -> Path:
    """Copy a model to a folder, from where `local-dir:` builds it; one that is there is replaced.

    Returns:
        The file with the weights.

    Raises:
        WeightsUnavailableError: A file cannot be had.
        OSError: The folder cannot be written.
    """
    found = fetch_all(saved, settings, progress=progress)
    write_folder(folder, {name: _blocks(file.path) for name, file in found.items()}, manifest_of(saved, found))
    return folder / WEIGHTS_NAME


def write_folder(folder: Path, contents: Mapping[str, Iterable[bytes]], manifest: Manifest) -> None:
    """Write the files of a model, verified.

    Raises:
        SavedModelError: What was given as the contents is not what the manifest states. Nothing is there then.
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    whole: dict[str, Path] = {}
    try:
        for name, blocks in contents.items():
            whole[name] = temporary_beside(folder / name)
            write_verified(whole[name], blocks, manifest.files[name].sha256)
        put_in_place(folder, whole, manifest)
    finally:
        for path in whole.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def write_verified(path: Path, blocks: Iterable[bytes], sha256: str) -> None:
    """Write a file that is not there yet; a `SavedModelError` if its bytes have another SHA-256."""
    digest = hashlib.sha256()
    with path.open("xb") as file:
        for block in blocks:
            digest.update(block)
            file.write(block)
    if digest.hexdigest() != sha256:
        raise SavedModelError(f"What was to be copied to {path.parent} changed meanwhile: try again.")


def put_in_place(folder: Path, whole: Mapping[str, Path], manifest: Manifest) -> None:
    """Move whole files to their names, the manifest last.

    Between two of these steps, the folder has files of two models: its manifest fits one of them at most, and nothing
    is loaded from it until the model is saved again.
    """
    for name in (WEIGHTS_NAME, CONFIG_NAME, CARD_NAME):
        if name in whole:
            whole[name].replace(folder / name)
    replace_file(folder / MANIFEST_NAME, manifest.to_json())


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            yield block
