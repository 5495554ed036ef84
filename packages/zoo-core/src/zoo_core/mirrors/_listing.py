"""What can be seen of a mirror's files without downloading them, and their digests where that is not enough."""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zoo_core.files import Digest, sha256_of
from zoo_core.files._http import TIMEOUT, open_download, open_head
from zoo_core.files._hub import HubMirror, hub_endpoint, hub_errors_explained
from zoo_core.files._links import is_folder
from zoo_core.files._mirror import Mirror
from zoo_core.files._receive import SourceError
from zoo_core.files._sources import FolderMirror, HttpMirror

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True, slots=True)
class Seen:
    """A file of a mirror, as far as it can be seen.

    Args:
        size: In bytes.
        sha256: Its digest.
    """

    size: int | None = None
    sha256: str | None = None

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


class Listing(Protocol):
    """The files of a mirror."""

    def see(self, path: str) -> Seen | None:
        """Return what can be seen of a file, or `None` where there is none.

        Raises:
            SourceError: The mirror does not answer.
        """
        ...

    def hash(self, path: str) -> Seen:
        """Read the whole file, and return its size and digest.

        Raises:
            SourceError: It cannot be read.
        """
        ...


def listing_of(mirror: Mirror) -> Listing:
    """Return what lists a mirror's files."""
    if isinstance(mirror, HubMirror):
        return HubListing(mirror)
    if isinstance(mirror, FolderMirror):
        return FolderListing(mirror)
    assert isinstance(mirror, HttpMirror)
    return HttpListing(mirror)


@dataclass(frozen=True)
class HubListing:
    """A repository: one question lists all its files, with the sizes, and the digests of the large ones."""

    mirror: HubMirror

    def see(self, path: str) -> Seen | None:
        """Look into the listing."""
        return self._files.get(path)

    def hash(self, path: str) -> Seen:
        """Download the file to a place of its own, and hash it."""
        with tempfile.TemporaryDirectory(prefix="zoo-verify-") as scratch, hub_errors_explained():
            local = Path(
                self._api().hf_hub_download(self.mirror.repo, path, revision=self.mirror.revision, local_dir=scratch)
            )
            return Seen(local.stat().st_size, sha256_of(local))

    @cached_property
    def _files(self) -> Mapping[str, Seen]:
        with hub_errors_explained():
            return hub_files(self._api(), self.mirror.repo, self.mirror.revision)

    def _api(self) -> "HfApi":
        from huggingface_hub import HfApi

        return HfApi(endpoint=hub_endpoint())


def hub_files(api: "HfApi", repo: str, revision: str) -> dict[str, Seen]:
    """Return the files of a repository on a Hub, as its listing shows them."""
    from huggingface_hub.hf_api import RepoFile

    entries = api.list_repo_tree(repo, recursive=True, revision=revision)
    files = [entry for entry in entries if isinstance(entry, RepoFile)]
    return {file.path: Seen(file.size, file.lfs.sha256 if file.lfs else None) for file in files}


@dataclass(frozen=True)
class FolderListing:
    """A folder."""

    mirror: FolderMirror

    def see(self, path: str) -> Seen | None:
        """Ask for the file's size."""
        if not is_folder(self.mirror.folder):
            raise SourceError("is not a folder here")
        try:
            status = (self.mirror.folder / path).stat()
        except OSError:
            return None
        return Seen(status.st_size)

    def hash(self, path: str) -> Seen:
        """Hash the file."""
        local = self.mirror.folder / path
        try:
            return Seen(local.stat().st_size, sha256_of(local))
        except OSError as error:
            raise SourceError(f"cannot be read: {error}") from None


@dataclass(frozen=True)
class HttpListing:
    """A folder on a web server: a question for each file."""

    mirror: HttpMirror

    def see(self, path: str) -> Seen | None:
        """Ask for the file's head."""
        try:
            with open_head(self.mirror.address(path), timeout=TIMEOUT) as headers:
                if headers.get_content_type() == "text/html":
                    return None
                length = headers["Content-Length"]
        except SourceError as error:
            if error.says_absent:
                return None
            raise
        return Seen(int(length) if length and length.isdecimal() else None)

    def hash(self, path: str) -> Seen:
        """Download the file, keeping nothing."""
        digest, size = hashlib.sha256(), 0
        with open_download(self.mirror.address(path)) as answer:
            for block in answer.blocks:
                digest.update(block)
                size += len(block)
        return Seen(size, digest.hexdigest())
