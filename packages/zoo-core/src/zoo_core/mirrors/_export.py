"""Fills a folder with weights: a mirror for a shared disk, a web server, or a disk carried to another network."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock

from zoo_core._weights import WeightsEnum
from zoo_core.errors import WrongBytesError
from zoo_core.files import MANIFEST_NAME, Digest, FileFact, Manifest, Settings, Verifier, WeightsFile
from zoo_core.files import resolve as resolve_file
from zoo_core.files.manifests._on_disk import manifest_label, read_manifest
from zoo_core.files.sources._folder import copy_here
from zoo_core.files.store._paths import replace_file

from ._cards import mirror_card
from ._contents import CARD_NAME, Added, check_learnt, contents_of, is_listed, paths_of


class FolderExport:
    """A folder that is made a mirror, entry by entry. Used as a context manager; one at a time on a machine.

    After each entry the folder is a complete mirror of what is in it, so that an export that was interrupted goes on
    where it was.

    Args:
        folder: The folder, which need not exist.
        settings: Where files come from.
        twins: Whether to make safetensors files with the same tensors.
        progress: Show bars on stderr while downloading.

    Raises:
        ManifestError: The folder's manifest cannot be read.

    Example:
        >>> from pathlib import Path
        >>> from zoo_core import get_weight
        >>> from zoo_core.files import Settings
        >>> from zoo_core.mirrors import FolderExport
        >>> with FolderExport(Path("weights"), Settings.from_environment()) as export:
        ...     export.add(get_weight("ShuffleNet_V2_X0_5_Digits_Weights.DEFAULT")).is_new
        True
    """

    def __init__(self, folder: Path, settings: Settings, *, twins: bool = True, progress: bool = True) -> None:
        self._folder = folder.absolute()
        self._work = self._folder / ".zoo"
        self._twins = twins
        self._progress = progress
        self._settings = replace(
            settings,
            search_path=(self._folder, *settings.search_path, settings.checkpoints),
            checkpoints=self._work / "incoming",
        )
        self._verifier = Verifier.of(settings)
        name = hashlib.sha256(str(self._folder).encode()).hexdigest()[:32]
        self._lock = FileLock(settings.state / "exports" / f"{name}.lock")
        self._manifest = Manifest()

    def __enter__(self) -> Self:
        Path(self._lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._manifest = read_manifest(self._folder / MANIFEST_NAME, manifest_label(str(self._folder)))
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            shutil.rmtree(self._work, ignore_errors=True)  # else partial files wait there for the next time
        self._lock.release()

    def add(self, member: WeightsEnum) -> Added:
        """Put an entry into the folder; where it is there already, whole and right, only look at it.

        Raises:
            WeightsUnavailableError: No source has its file.
            ManifestError: The folder has another file of this name, or its manifest contradicts the catalogue.
            CheckpointError: The file cannot be read, so that no safetensors file can be made of it.
            OSError: The folder cannot be written to.
        """
        paths = paths_of(member, self._manifest)
        is_listed_here = is_listed(member, self._manifest, twins=self._twins)
        is_new = not (is_listed_here and all(self._is_right(path, self._manifest.files[path]) for path in paths))
        if is_new:
            self._add(member)
        return Added.of(member, self._manifest, is_new=is_new)

    def _is_right(self, path: str, fact: FileFact) -> bool:
        """Tell whether a file is as listed. What was hashed before is not hashed again."""
        file = WeightsFile(path, path, "", Digest(fact.sha256), fact.size)
        try:
            self._verifier.verify(self._folder / path, file)
        except (WrongBytesError, FileNotFoundError):
            return False
        return True

    def _add(self, member: WeightsEnum) -> None:
        settings = self._settings
        settings.checkpoints.mkdir(parents=True, exist_ok=True)
        found = resolve_file(member.file, settings=settings, progress=self._progress, original=True)
        target = self._folder / str(member) / member.file.name
        if found.path != target and found.path.parent != settings.checkpoints:  # elsewhere on this machine
            pinned = replace(member.file, digest=Digest(found.sha256))
            found = copy_here(found.path, pinned, settings, progress=self._progress, source=found.source)
        contents = contents_of(member, found, settings.checkpoints, twins=self._twins)
        check_learnt(member, contents, self._manifest)
        target.parent.mkdir(exist_ok=True)
        for path, content in contents.files.items():
            _put(content, self._folder / path)
        self._manifest = self._manifest.with_files(contents.facts)
        _put(mirror_card(self._manifest, self._folder.as_uri()).encode(), self._folder / CARD_NAME)
        _put(self._manifest.to_json(), self._folder / MANIFEST_NAME)


def _put(content: Path | bytes, target: Path) -> None:
    """Move a file, or write a text, to a path in one step: the folder may be in use."""
    if isinstance(content, bytes):
        replace_file(target, content)
    elif content != target:
        content.replace(target)
