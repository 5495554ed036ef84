"""What all mirrors have in common: a manifest, and how far they are trusted."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo_core.errors import ManifestError

from ._manifest import Manifest
from ._receive import SourceError
from ._settings import Settings
from ._weights_file import WeightsFile

logger = logging.getLogger("zoo")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that a source has brought here.

    Args:
        path: Where it is.
        sha256: Its digest, computed on this machine.
        file: What it was verified against.
    """

    path: Path
    sha256: str
    file: WeightsFile


class Mirror(ABC):
    """A place beside the publisher's that holds files, and may state their full digests in a manifest."""

    __slots__ = ()

    @property
    @abstractmethod
    def label(self) -> str:
        """The mirror as written in `ZOO_MIRRORS`."""

    @property
    @abstractmethod
    def is_trusted(self) -> bool:
        """Whether its manifest counts: the user chose the mirror, or it is pinned by commit."""

    @abstractmethod
    def manifest(self, settings: Settings) -> Manifest:
        """Ask for the manifest, once a process; one without files where the mirror has none.

        Raises:
            SourceError: The mirror cannot be reached or used, or what it answers is no manifest.
        """

    @abstractmethod
    def manifest_here(self, settings: Settings) -> Manifest:
        """Return the manifest as last seen, without asking for it."""

    @abstractmethod
    def fetch_form(self, form: WeightsFile, settings: Settings, *, progress: bool) -> tuple[Path, str]:
        """Bring one file here, verified; return its path and SHA-256.

        Raises:
            SourceError: It cannot be had from here.
        """

    def fetch(self, file: WeightsFile, settings: Settings, *, progress: bool) -> Fetched:
        """Bring the file here, or a safetensors twin of it.

        Raises:
            SourceError: It cannot be had from here.
            OSError: It cannot be written on this machine.
        """
        *twins, original = self._forms(file, self.manifest(settings) if self.is_trusted else Manifest())
        for twin in twins:
            try:
                return Fetched(*self.fetch_form(twin, settings, progress=progress), twin)
            except SourceError as error:
                logger.warning("%s: %s: %s; the published file is taken instead", self.label, twin.name, error)
        return Fetched(*self.fetch_form(original, settings, progress=progress), original)

    def forms_here(self, file: WeightsFile, settings: Settings) -> list[WeightsFile]:
        """Return what may be loaded for the file if it is in this mirror's cache, the best first. Asks nobody.

        Raises:
            SourceError: The mirror may not give this file.
        """
        return self._forms(file, self.manifest_here(settings) if self.is_trusted else Manifest())

    def _forms(self, file: WeightsFile, manifest: Manifest) -> list[WeightsFile]:
        if not self.is_trusted and (file.digest is None or not file.digest.is_full):
            raise SourceError(
                "not used: it is the default mirror, and the full SHA-256 of this file is not known here; "
                "name the mirror in ZOO_MIRRORS to trust it (docs/security.md)"
            )
        return list(forms_in(manifest, file))


def forms_in(manifest: Manifest, file: WeightsFile) -> Iterator[WeightsFile]:
    """Yield what may be loaded for the file, the best first, as `Manifest.forms` does.

    Raises:
        SourceError: The manifest contradicts the catalogue, which is logged, too: never passed over in silence.
    """
    try:
        yield from manifest.forms(file)
    except ManifestError as error:
        logger.warning("%s", error)
        raise SourceError(str(error)) from None
