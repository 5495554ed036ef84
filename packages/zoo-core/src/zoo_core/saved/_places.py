"""Where a saved model is: a folder on this machine, or a Hub repository. Both state their files in a manifest."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from zoo_core.errors import ManifestError, SavedModelError, SourceError, WeightsUnavailableError
from zoo_core.files import MANIFEST_NAME, Digest, Manifest, Settings, WeightsFile, resolve
from zoo_core.files.manifests._on_disk import read_manifest
from zoo_core.files.manifests._small_file import read_small_file
from zoo_core.files.sources._hub import HubModel
from zoo_core.files.store._weights_file import FOLDER_SCHEME, HUB_SCHEME

from ._config import CONFIG_LIMIT, CONFIG_NAME
from ._names import FolderName, HubName

logger = logging.getLogger("zoo")


class Place(Protocol):
    """Where the files of a saved model are."""

    @property
    def name(self) -> str:
        """The model's name."""
        ...

    def file(self, name: str, manifest: Manifest) -> WeightsFile:
        """Return a file of the model, as its manifest states it."""
        ...

    def manifest(self) -> Manifest:
        """Return the manifest.

        Raises:
            SavedModelError: There is no model.
            WeightsUnavailableError: The Hub does not answer, and nothing of the model is here.
        """
        ...


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on this machine."""

    path: FolderName

    @property
    def name(self) -> str:
        """As it was given."""
        return self.path.text

    def manifest(self) -> Manifest:
        """Read the manifest, once as long as it stays as it is."""
        folder = self.path.folder
        try:
            manifest = read_manifest(folder / MANIFEST_NAME, f"{folder / MANIFEST_NAME}")
        except ManifestError as error:
            raise SavedModelError(f"{self.name}: {error}") from None
        if not folder.is_dir():
            raise SavedModelError(f"{self.name}: there is no folder {folder}.")
        return _with_model(manifest, self.name, "folder")

    def file(self, name: str, manifest: Manifest) -> WeightsFile:
        """Return the file, which is used where it is."""
        path = self.path.folder.absolute() / name
        return _stated(self.name, name, f"{FOLDER_SCHEME}{quote(path.as_posix())}", manifest)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on a Hub."""

    path: HubName

    @property
    def name(self) -> str:
        """With the revision, if it is not the main branch."""
        return self.path.text

    def manifest(self) -> Manifest:
        """Ask the Hub for the manifest, once a process; without an answer, the one that is here counts."""
        settings = Settings.from_environment()
        hub = HubModel(self.path.repo, self.path.revision)
        here = hub.manifest_here(settings)
        if here.files and (settings.offline or hub.is_pinned):
            return _with_model(here, self.name, "repository")
        if settings.offline:
            raise WeightsUnavailableError(
                f"{self.name} is not on this machine, and zoo is offline (ZOO_OFFLINE or HF_HUB_OFFLINE is set)."
            )
        try:
            found = hub.manifest(settings)
        except SourceError as error:
            if here.files and (error.is_temporary or error.status is None):  # it did not answer
                logger.warning("%s: %s; what is on this machine is used", self.name, error)
                return _with_model(here, self.name, "repository")
            raise WeightsUnavailableError(f"{self.name}: {error}.") from None
        return _with_model(found, self.name, "repository")

    def commit_here(self, settings: Settings) -> str:
        """Return the commit of the files that are here."""
        return HubModel(self.path.repo, self.path.revision).commit_here(settings)

    def file(self, name: str, manifest: Manifest) -> WeightsFile:
        """Return the file, which is kept in the Hub's cache."""
        revision = f"@{self.path.revision}"
        return _stated(self.name, name, f"{HUB_SCHEME}{self.path.repo}{revision}/{name}", manifest)


def place_of(name: FolderName | HubName) -> Place:
    """Return the place that a name stands for."""
    return Folder(name) if isinstance(name, FolderName) else Repository(name)


def read_config(place: Place, manifest: Manifest) -> bytes:
    """Return the verified bytes of a model's `config.json`."""
    file = replace(place.file(CONFIG_NAME, manifest), largest=CONFIG_LIMIT)
    if (file.size or 0) > CONFIG_LIMIT:
        raise SavedModelError(
            f"{place.name}: {CONFIG_NAME} has {file.size:,} bytes; at most {CONFIG_LIMIT:,} are taken for one."
        )
    settings = replace(Settings.from_environment(), licenses=())  # it says itself what the licence of the weights is
    path = resolve(file, settings=settings, progress=False).path
    try:
        return read_small_file(Path(path), CONFIG_LIMIT)
    except OSError as error:
        raise SavedModelError(f"{place.name}: {path} cannot be read: {error.strerror or error}.") from None


def _with_model(manifest: Manifest, name: str, what: str) -> Manifest:
    if CONFIG_NAME in manifest.files:
        return manifest
    if manifest.files:
        raise SavedModelError(
            f"{name} is a {what} of something else than one model: its {MANIFEST_NAME} lists no {CONFIG_NAME}."
        )
    raise SavedModelError(
        f"{name} is a {what} without a saved model: it has no {MANIFEST_NAME}. save_model() and push_model() write it."
    )


def _stated(entry: str, name: str, url: str, manifest: Manifest) -> WeightsFile:
    fact = manifest.files.get(name)
    if fact is None:
        raise SavedModelError(f"{entry}: {MANIFEST_NAME} lists no {name}.")
    return WeightsFile(entry, name, url, Digest(fact.sha256, stated_by=MANIFEST_NAME), fact.size, twin=None)
