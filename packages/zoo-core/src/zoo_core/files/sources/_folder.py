"""A mirror in a folder, on this machine or a shared disk; files are copied from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from zoo_core.errors import ManifestError, SourceError
from zoo_core.files._settings import Settings
from zoo_core.files.manifests._format import MANIFEST_NAME, Manifest
from zoo_core.files.manifests._on_disk import manifest_label, read_manifest, remember_manifest
from zoo_core.files.store._paths import is_file, is_folder
from zoo_core.files.store._resolved_file import ResolvedFile
from zoo_core.files.store._weights_file import WeightsFile
from zoo_core.files.transfer._download import write_stream

from ._mirror import Mirror, Seen


@dataclass(frozen=True, slots=True)
class FolderMirror(Mirror):
    """A folder, with its name as written in `ZOO_MIRRORS`."""

    is_remote: ClassVar[bool] = False

    text: str
    folder: Path
    is_chosen: bool = True

    @property
    def label(self) -> str:
        """The folder as written in `ZOO_MIRRORS`."""
        return self.text

    @property
    def remedy(self) -> str:
        """A disk may not be mounted."""
        return "mount or create the folder, or take it out of ZOO_MIRRORS"

    def manifest(self, settings: Settings) -> Manifest:
        """Read the manifest, and remember it: the folder may be on a disk that is not there later."""
        try:
            manifest = read_manifest(self.folder / MANIFEST_NAME, manifest_label(self.label))
        except ManifestError as error:
            raise SourceError(str(error)) from None
        remember_manifest(settings, self.label, manifest)
        return manifest

    def fetch_form(self, form: WeightsFile, settings: Settings, *, progress: bool) -> ResolvedFile:
        """Copy the file."""
        path = find_in_folder(self.folder, form)
        if path is None:
            self.check_usable()
            raise SourceError("has no such file")
        return copy_here(path, form, settings, progress=progress, source=self.label)

    def see(self, path: str) -> Seen | None:
        """Ask for the file's size."""
        self.check_usable()
        try:
            return Seen((self.folder / path).stat().st_size)
        except OSError:
            return None

    def hash(self, path: str, at_most: int) -> Seen:
        """Hash the file."""
        return Seen.of(_blocks(self.folder / path), at_most)

    def check_usable(self) -> None:
        """Look whether the folder is there."""
        if not is_folder(self.folder):
            raise SourceError("is not a folder here")


def find_in_folder(folder: Path, file: WeightsFile) -> Path | None:
    """Return the file's path in a mirror's folder, if it is there."""
    return next((folder / path for path in file.paths_in_folder if is_file(folder / path)), None)


def copy_here(path: Path, file: WeightsFile, settings: Settings, *, progress: bool, source: str) -> ResolvedFile:
    """Copy a file that is on this machine into the folder for checkpoints, verified.

    Raises:
        SourceError: It cannot be read, or is wrong.
        OSError: It cannot be written.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise SourceError(f"cannot be read: {error}") from None
    return write_stream(_blocks(path), file, settings, size=size, progress=progress, source=source)


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as source:
            while block := source.read(1 << 20):
                yield block
    except OSError as error:  # of this file, not of the folder that it is copied to
        raise SourceError(f"cannot be read: {error}") from None
