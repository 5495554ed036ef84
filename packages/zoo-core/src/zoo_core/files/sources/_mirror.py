"""What every source of files is: it gives them, may state their full digests in a manifest, and answers questions."""

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from zoo_core.errors import ManifestError, SourceError
from zoo_core.files._settings import Settings
from zoo_core.files.manifests._format import Manifest
from zoo_core.files.manifests._on_disk import remembered_manifest
from zoo_core.files.store._digest import Digest
from zoo_core.files.store._resolved_file import ResolvedFile
from zoo_core.files.store._weights_file import WeightsFile

logger = logging.getLogger("zoo")


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file of a weights entry that is on this machine, right or wrong.

    Args:
        file: What it must be: the entry's file, or its safetensors twin.
        path: Where it is.
        place: What that place is called.
        removable: Whether it is in a cache; the folders of `ZOO_WEIGHTS_PATH` are never written to.
    """

    file: WeightsFile
    path: Path
    place: str
    removable: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """The size in bytes and the digest of a file of a mirror, as far as they can be seen."""

    size: int | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, blocks: Iterable[bytes], at_most: int | None = None) -> "Seen":
        """Read all bytes of a file, keeping nothing.

        Raises:
            SourceError: There are more than `at_most`.
        """
        digest, size = hashlib.sha256(), 0
        for block in blocks:
            digest.update(block)
            size += len(block)
            if at_most is not None and size > at_most:
                raise SourceError(f"sent more than the {at_most:,} bytes that the file can have")
        return cls(size, digest.hexdigest())

    def differs_from(self, digest: Digest | None, size: int | None) -> str | None:
        """Return how the file differs from what is known of it; `None` where nothing is seen that does."""
        if None not in {self.size, size} and self.size != size:
            return f"has {self.size:,} bytes, expected {size:,}"
        if self.sha256 is None or digest is None or not digest.confirmed or digest.matches(self.sha256):
            return None
        return f"has SHA-256 {self.sha256}, expected {digest} ({digest.stated_by})"

    @property
    def checked(self) -> str:
        """What could be compared."""
        words = ["size"] * (self.size is not None) + ["SHA-256"] * (self.sha256 is not None)
        return " and ".join(words) or "presence"


class Mirror(ABC):
    """A place that holds files; all but the publisher's may state their full digests in a manifest."""

    __slots__ = ()

    is_remote: ClassVar[bool] = True
    """Whether it can be asked only over a network."""

    has_cache: ClassVar[bool] = False
    """Whether its files are kept in a cache of their own, not with all downloads."""

    is_chosen: bool
    """Whether the user named it; else it is the default."""

    @property
    @abstractmethod
    def label(self) -> str:
        """The mirror as written in `ZOO_MIRRORS`."""

    @property
    def is_trusted(self) -> bool:
        """Whether its manifest counts."""
        return self.is_chosen

    @abstractmethod
    def manifest(self, settings: Settings) -> Manifest:
        """Ask for the manifest, over a network once a process; one without files where the mirror has none.

        Raises:
            SourceError: The mirror cannot be reached or used, or what it answers is no manifest.
        """

    @abstractmethod
    def fetch_form(self, form: WeightsFile, settings: Settings, *, progress: bool) -> ResolvedFile:
        """Bring one file here, verified. Fails as `fetch` does."""

    @abstractmethod
    def see(self, path: str) -> Seen | None:
        """Return what is seen of a file, if there is one, without downloading it. Fails where there is no answer."""

    @abstractmethod
    def hash(self, path: str, at_most: int) -> Seen:
        """Read the whole file, keeping nothing; return its size and digest.

        Raises:
            SourceError: It cannot be read, or has more than `at_most` bytes.
        """

    @abstractmethod
    def check_usable(self) -> None:
        """Ask the mirror whether it can be used now; raise a `SourceError` if not."""

    @property
    @abstractmethod
    def remedy(self) -> str:
        """What to do where it cannot be used."""

    def why_unusable(self, settings: Settings) -> str | None:
        """Ask the mirror whether it can be used now, unless that is forbidden; return why not, or `None`."""
        if settings.offline and self.is_remote:
            return "not asked: offline"
        try:
            self.check_usable()
        except SourceError as error:
            return str(error)
        return None

    def manifest_here(self, settings: Settings) -> Manifest:
        """Return the manifest as last seen, without asking for it."""
        return remembered_manifest(settings, self.label)

    def kept_in(self, settings: Settings) -> tuple[Path, str]:
        """Return where its files are kept here, and the environment variable that says so."""
        return settings.checkpoints, "TORCH_HOME"

    def download_folder(self, settings: Settings) -> Path:
        """Return the folder in which its downloads are begun."""
        return settings.checkpoints

    def cached(self, file: WeightsFile, settings: Settings, reasons: dict[str, str]) -> Iterator[CachedFile]:
        """Yield what its own cache has of the file and its twin, the best first; add why it has none. Asks nobody."""
        del file, settings, reasons
        return iter(())

    def fetch(self, file: WeightsFile, settings: Settings, *, progress: bool) -> ResolvedFile:
        """Bring the file here, verified, or a safetensors twin of it.

        Raises:
            SourceError: It cannot be had from here.
            OSError: It cannot be written on this machine.
        """
        *twins, original = self._forms(file, self.manifest(settings) if self.is_trusted else Manifest())
        for twin in twins:
            try:
                return self.fetch_form(twin, settings, progress=progress)
            except SourceError as error:
                logger.warning("%s: %s: %s; the published file is taken instead", self.label, twin.name, error)
        return self.fetch_form(original, settings, progress=progress)

    def forms_here(self, file: WeightsFile, settings: Settings) -> list[WeightsFile]:
        """Return what may be loaded for the file, the best first; asks nobody. The mirror may refuse it."""
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
