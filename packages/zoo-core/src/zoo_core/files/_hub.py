"""Files of a Hugging Face Hub repository, in the cache that every Hugging Face library on the machine shares."""

import contextlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zoo_core.errors import ManifestError, WrongBytesError

from ._download import download
from ._http import Address, answered_with, beginning, open_download
from ._hub_cache import CacheEntry
from ._links import is_file
from ._local import Verifier
from ._manifest import MANIFEST_LIMIT, MANIFEST_NAME, Manifest
from ._manifests import manifest_if_here, manifest_label
from ._mirror import Mirror
from ._once import asked_once
from ._receive import SourceError
from ._settings import Settings
from ._weights_file import WeightsFile

ANSWER_TIMEOUT = 5.0
"""Seconds that a Hub has to answer the first question; then it is passed over."""


@dataclass(frozen=True, slots=True)
class HubMirror(Mirror):
    """A repository of weights on the Hugging Face Hub, or on a server that speaks its protocol (`HF_ENDPOINT`).

    Args:
        repo: `"organisation/name"`.
        revision: A branch, tag or commit. With a commit, a file that is cached needs no request.
        is_chosen: Whether the user named it; else it is the default.
    """

    repo: str
    revision: str
    is_chosen: bool = True

    @property
    def label(self) -> str:
        """The mirror as written in `ZOO_MIRRORS`."""
        return f"hf://{self.repo}" + ("" if self.revision == "main" else f"@{self.revision}")

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, which names its contents for good."""
        return re.fullmatch(r"[0-9a-f]{40}", self.revision) is not None

    @property
    def is_trusted(self) -> bool:
        """Whether its manifest counts."""
        return self.is_chosen or self.is_pinned

    def find(self, file: WeightsFile, settings: Settings) -> Path | None:
        """Return the file's path in the local cache, if it is there. Makes no request, imports no client."""
        path = self._snapshot(settings) / file.paths_in_mirror[0]
        return path if is_file(path) else None

    def find_in_other_commits(self, file: WeightsFile, settings: Settings) -> list[Path]:
        """Return the file's paths in the local cache, of other commits than the last seen; none if one was chosen."""
        if self.is_pinned:
            return []
        snapshots = self.folder_in(settings.hub_cache) / "snapshots"
        last = self._snapshot(settings).name
        try:
            commits = [commit for commit in os.listdir(snapshots) if commit != last]  # noqa: PTH208
        except OSError:
            return []
        paths = (snapshots / commit / file.paths_in_mirror[0] for commit in sorted(commits))
        return [path for path in paths if is_file(path)]

    def manifest_here(self, settings: Settings) -> Manifest:
        """Return the manifest in the local cache, of the revision that its files are from."""
        return manifest_if_here(self._snapshot(settings) / MANIFEST_NAME, manifest_label(self.label))

    def manifest(self, settings: Settings) -> Manifest:
        """Ask for the manifest, once a process."""
        return _manifest(self, *_access(), settings.hub_cache)

    def fetch_form(self, file: WeightsFile, settings: Settings, *, progress: bool) -> tuple[Path, str]:
        """Download the file into the shared cache, verified: the client checks sizes only, and starts over."""
        _ask(self.repo, self.revision, *_access())
        entry, address = self.locate(file.paths_in_mirror[0], settings.hub_cache)
        verifier = Verifier.of(settings)
        path, sha256 = self._already_here(entry, file, verifier, settings) or download(
            address, file, entry.folder, verifier, progress=progress, source=self.label, place=entry.place
        )
        entry.remember(self.revision)
        return path, sha256

    def reason_to_pass_over(self) -> str | None:
        """Return why the repository cannot be used, or `None`; each repository is asked for once a process."""
        try:
            _ask(self.repo, self.revision, *_access())
        except SourceError as error:
            return str(error)
        return None

    def locate(self, path_in_repo: str, cache: Path) -> tuple[CacheEntry, Address]:
        """Ask the Hub where a file belongs in a Hugging Face cache, and where its bytes are.

        Raises:
            SourceError: It cannot be had.
        """
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined] # it is public

        headers = build_hf_headers()
        url = hf_hub_url(self.repo, path_in_repo, revision=self.revision, endpoint=hub_endpoint())
        with hub_errors_explained():
            found = get_hf_file_metadata(
                url, token=False, headers=headers, timeout=ANSWER_TIMEOUT, endpoint=hub_endpoint()
            )
        entry = CacheEntry(self.folder_in(cache), found.commit_hash or "", path_in_repo, found.etag or "")
        # Other servers, which keep the large files, must not see the token.
        is_same_server = found.location.startswith(f"{hub_endpoint()}/")
        return entry, Address(found.location, f"{url} {entry.etag}", headers if is_same_server else {})

    def _already_here(
        self, entry: CacheEntry, file: WeightsFile, verifier: Verifier, settings: Settings
    ) -> tuple[Path, str] | None:
        """Return the file if its contents came with another revision."""
        if not is_file(entry.blob):
            return None
        try:
            status, sha256 = entry.blob.stat(), verifier.verify(entry.blob, file)
        except WrongBytesError as error:
            if settings.lock is not None:  # the lock file may be what is wrong; the Hub has the same bytes
                raise SourceError(str(error)) from None
            verifier.put_away(entry.blob, file.name, error.found)
            return None
        path = entry.link().absolute()
        verifier.stamps.write(path, sha256, status, self.label)
        return path, sha256

    def folder_in(self, cache: Path) -> Path:
        """Return the repository's folder in a Hugging Face cache."""
        return cache / f"models--{self.repo.replace('/', '--')}"

    def _snapshot(self, settings: Settings) -> Path:
        folder = self.folder_in(settings.hub_cache)
        try:
            commit = (folder / "refs" / self.revision).read_text(encoding="utf-8").strip()
        except OSError:
            commit = self.revision
        return folder / "snapshots" / commit


def hub_endpoint() -> str:
    """Return the Hub that is asked."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def _access() -> tuple[str, str | None]:
    """Return the Hub that is asked, and the token that goes with it: with another token, the answer may be another."""
    from huggingface_hub import get_token

    return hub_endpoint(), get_token()


@asked_once
def _ask(repo: str, revision: str, endpoint: str, _token: str | None) -> str:
    """Ask for the repository once: the client itself would ask an unreachable server for minutes, and for each file.

    Returns:
        The commit that the revision stands for.

    Raises:
        SourceError: The Hub does not answer, or has no such repository.
    """
    from huggingface_hub import HfApi

    with hub_errors_explained():
        return str(HfApi(endpoint=endpoint).repo_info(repo, revision=revision, timeout=ANSWER_TIMEOUT).sha)


@asked_once
def _manifest(mirror: HubMirror, endpoint: str, token: str | None, cache: Path) -> Manifest:
    from huggingface_hub.errors import EntryNotFoundError

    _ask(mirror.repo, mirror.revision, endpoint, token)
    label = manifest_label(mirror.label)
    try:
        entry, address = mirror.locate(MANIFEST_NAME, cache)
        with open_download(address, timeout=ANSWER_TIMEOUT) as answer:
            content = beginning(answer.blocks, MANIFEST_LIMIT + 1)
        manifest = Manifest.parse(content, label)
    except SourceError as error:
        if isinstance(error.__cause__, EntryNotFoundError):
            return Manifest(label=label)
        raise
    except ManifestError as error:
        raise SourceError(str(error)) from None
    with contextlib.suppress(OSError):  # in a cache that cannot be written, it is asked for in each process
        entry.keep(content)
        entry.remember(mirror.revision)
    return manifest


@contextmanager
def hub_errors_explained() -> Iterator[None]:
    """Turn what the client raises, its HTTP library's errors too, into a `SourceError` that people understand."""
    try:
        yield
    except Exception as error:  # the HTTP library differs between versions of the client
        reason = _REASONS.get(type(error).__name__) or f"cannot be used: {_on_one_line(error)}"
        response = getattr(error, "response", None)
        if response is None:
            raise SourceError(reason) from error
        raise answered_with(reason, response.status_code, response.headers) from error


_REASONS = {
    "RepositoryNotFoundError": "no such repository, or no access to it",
    "GatedRepoError": "the repository is gated: accept its conditions, and set HF_TOKEN",
    "RevisionNotFoundError": "the repository has no such revision",
    "RemoteEntryNotFoundError": "the repository has no such file",
    "EntryNotFoundError": "the repository has no such file",
}


def _on_one_line(error: BaseException) -> str:
    """Return the text of an error, or of what caused it, on one line."""
    cause = error.__cause__ or error
    return " ".join(str(cause).split())[:300] or type(cause).__name__
