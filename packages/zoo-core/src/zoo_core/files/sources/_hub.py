"""Files of a Hugging Face Hub repository, in the cache that every Hugging Face library on the machine shares."""

import contextlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from zoo_core.errors import AbsentError, ManifestError, SourceError, WrongBytesError
from zoo_core.files._settings import Settings
from zoo_core.files.manifests._format import MANIFEST_LIMIT, MANIFEST_NAME, Manifest
from zoo_core.files.manifests._history import check_not_older
from zoo_core.files.manifests._on_disk import manifest_if_here, manifest_label
from zoo_core.files.manifests._small_file import read_small_file
from zoo_core.files.store._paths import is_file
from zoo_core.files.store._resolved_file import ResolvedFile
from zoo_core.files.store._verify import Verifier
from zoo_core.files.store._weights_file import HUB_SCHEME, WeightsFile
from zoo_core.files.transfer._download import download
from zoo_core.files.transfer._http import Address, Head, open_download, shown

from ._asked_once import asked_once
from ._hub_cache import CacheEntry, is_plain_name
from ._hub_client import ask_commit, ask_file, ask_file_head, ask_files, file_address, file_url, hub_endpoint
from ._mirror import CachedFile, Mirror, Seen

logger = logging.getLogger("zoo")

_LONGEST_NOTE = 1000
"""Bytes above which nothing is taken for the name of a commit."""


@dataclass(frozen=True)
class HubMirror(Mirror):
    """A repository of weights on the Hugging Face Hub, or on a server that speaks its protocol (`HF_ENDPOINT`).

    Args:
        repo: `"organisation/name"`.
        revision: A branch, tag or commit. With a commit, a file that is cached needs no request.
        is_chosen: Whether the user named it; else it is the default.
    """

    has_cache: ClassVar[bool] = True
    refuses_older: ClassVar[bool] = True
    """Whether a manifest that was replaced must not come back."""

    repo: str
    revision: str
    is_chosen: bool = True

    @property
    def label(self) -> str:
        """The mirror as written in `ZOO_MIRRORS`."""
        return f"hf://{self.repo}" + ("" if self.revision == "main" else f"@{self.revision}")

    @property
    def remedy(self) -> str:
        """The Hub may not answer, or not let in who asks."""
        return (
            f"see that {hub_endpoint()} (HF_ENDPOINT) can be reached and has {self.repo}, for private repositories "
            "log in with `hf auth login` or HF_TOKEN; or take it out of ZOO_MIRRORS"
        )

    @property
    def is_pinned(self) -> bool:
        """Whether the revision is a commit, which names its contents for good."""
        return re.fullmatch(r"[0-9a-f]{40}", self.revision) is not None

    @property
    def is_trusted(self) -> bool:
        """Whether its manifest counts: the user chose the mirror, or it is pinned by commit."""
        return self.is_chosen or self.is_pinned

    def kept_in(self, settings: Settings) -> tuple[Path, str]:
        """Return the cache that all Hubs share."""
        return settings.hub_cache, "HF_HOME"

    def download_folder(self, settings: Settings) -> Path:
        """Return the repository's folder in the cache."""
        return self._folder_in(settings.hub_cache)

    def cached(self, file: WeightsFile, settings: Settings, reasons: dict[str, str]) -> Iterator[CachedFile]:
        """Yield what the local cache has. Makes no request, imports no client."""
        place = f"cache of {self.label}"
        try:
            forms = self.forms_here(file, settings)
        except SourceError as error:
            reasons.setdefault(place, str(error))
            return
        for form in forms:
            path = self._snapshot(settings) / self.path_of(form)
            if is_file(path):
                yield CachedFile(form, path, place)
                continue
            reasons.setdefault(place, self._last_commit(settings)[1] or "not there")
            for other in self._in_other_commits(form, settings):
                yield CachedFile(form, other, place, removable=False)  # it may be right for its commit

    def manifest_here(self, settings: Settings) -> Manifest:
        """Return the manifest in the local cache, of the revision that its files are from."""
        return manifest_if_here(self._snapshot(settings) / MANIFEST_NAME, manifest_label(self.label))

    def manifest(self, settings: Settings) -> Manifest:
        """Ask for the manifest, once a process."""
        return _manifest(self, *_access(), settings.hub_cache, settings.state)

    def fetch_form(self, form: WeightsFile, settings: Settings, *, progress: bool) -> ResolvedFile:
        """Download the file into the shared cache, verified: the client checks sizes only, and starts over."""
        self.check_usable()
        entry, address = self.locate(self.path_of(form), settings.hub_cache)
        found = self._already_here(entry, form, settings) or download(
            address, form, settings, progress=progress, source=self.label, folder=entry.folder, place=entry.place
        )
        entry.remember(self.revision)
        return found

    def path_of(self, form: WeightsFile) -> str:
        """Return where a file is in the repository."""
        return form.paths_in_mirror[0]

    def see(self, path: str) -> Seen | None:
        """Look into the listing of the repository."""
        return self._files.get(path)

    def hash(self, path: str, at_most: int) -> Seen:
        """Download the file, keeping nothing."""
        endpoint = hub_endpoint()
        with open_download(file_address(endpoint, ask_file_head(self._url(path)))) as answer:
            return Seen.of(answer.blocks, at_most)

    def check_usable(self) -> None:
        """Ask for the repository, once a process."""
        self.check_commit(_ask(self.repo, self.revision, *_access()))

    def locate(self, path_in_repo: str, cache: Path) -> tuple[CacheEntry, Address]:
        """Ask the Hub where a file belongs in a Hugging Face cache, and where its bytes are."""
        url = self._url(path_in_repo)
        head = ask_file_head(url)
        entry = self.entry(head, path_in_repo, cache)
        return entry, file_address(hub_endpoint(), head, f"{url} {entry.etag}")

    def entry(self, head: Head, path_in_repo: str, cache: Path) -> CacheEntry:
        """Return where the file that an answer is about belongs in a Hugging Face cache."""
        commit = head.headers.get("X-Repo-Commit") or ""
        self.check_commit(commit)
        etag = (head.headers.get("X-Linked-Etag") or head.headers.get("ETag") or "").removeprefix("W/").strip('"')
        return CacheEntry(self._folder_in(cache), commit, path_in_repo, etag)

    def check_commit(self, commit: str) -> None:
        """Raise a `SourceError` if an answer is about another commit than the one that pins the mirror."""
        if self.is_pinned and commit != self.revision:
            raise SourceError(f"answered with commit {shown(commit, 80) or 'unknown'}, expected {self.revision}")

    def _url(self, path_in_repo: str) -> str:
        return file_url(hub_endpoint(), self.repo, self.revision, path_in_repo)

    def _already_here(self, entry: CacheEntry, file: WeightsFile, settings: Settings) -> ResolvedFile | None:
        """Return the file if its contents came with another revision."""
        if not is_file(entry.blob):
            return None
        verifier = Verifier.of(settings)
        try:
            status, sha256 = entry.blob.stat(), verifier.verify(entry.blob, file)
            path = entry.link().absolute()
            verifier.stamps.write(path, sha256, status, self.label)
            return verifier.resolved(path, file, self.label)
        except WrongBytesError as error:
            if settings.lock is not None:  # the lock file may be what is wrong; the Hub has the same bytes
                raise SourceError(str(error)) from None
            verifier.put_away(entry.blob, file.name, error.found)
            return None

    def _in_other_commits(self, file: WeightsFile, settings: Settings) -> list[Path]:
        """Return the file's paths in the local cache, of other commits than the last seen; none if one was chosen."""
        if self.is_pinned:
            return []
        snapshots = self.download_folder(settings) / "snapshots"
        last = self._snapshot(settings).name
        try:
            commits = [commit for commit in os.listdir(snapshots) if commit != last]  # noqa: PTH208
        except OSError:
            return []
        paths = (snapshots / commit / self.path_of(file) for commit in sorted(commits))
        return [path for path in paths if is_file(path)]

    @cached_property
    def _files(self) -> Mapping[str, Seen]:
        return ask_files(hub_endpoint(), self.repo, self.revision)

    def _folder_in(self, cache: Path) -> Path:
        return cache / f"models--{self.repo.replace('/', '--')}"

    def _snapshot(self, settings: Settings) -> Path:
        """Return the folder of the commit that was last seen, or that was chosen."""
        commit, damage = self._last_commit(settings)
        if damage is not None:
            logger.warning("%s: %s; it is left aside", self.label, damage)
        return self.download_folder(settings) / "snapshots" / commit

    def _last_commit(self, settings: Settings) -> tuple[str, str | None]:
        """Return the commit that was last seen, or the revision; and what is wrong with the note of it, if it is."""
        if self.is_pinned:
            return self.revision, None
        try:
            return _noted_commit(self.download_folder(settings) / "refs" / self.revision) or self.revision, None
        except SourceError as error:
            return self.revision, str(error)


@dataclass(frozen=True)
class HubModel(HubMirror):
    """A repository of one model of one's own: its files are at the top, and `manifest.json` states them.

    Whoever trains may go back to an older model, so an older manifest is as good as another.
    """

    refuses_older: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """The repository as in the model's name."""
        return f"{HUB_SCHEME}{self.repo}" + ("" if self.revision == "main" else f"@{self.revision}")

    def path_of(self, form: WeightsFile) -> str:
        """Return the file's name."""
        return form.name

    def commit_here(self, settings: Settings) -> str:
        """Return the commit of the files in the local cache."""
        return self._snapshot(settings).name


def _noted_commit(path: Path) -> str | None:
    """Return the commit that a branch or tag stood for, as the cache notes it; `None` where nothing is noted.

    Raises:
        SourceError: The note cannot be read, or names no commit.
    """
    try:
        text = read_small_file(path, _LONGEST_NOTE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from None
    commit = text.decode(errors="replace").strip()
    if not is_plain_name(commit):
        raise SourceError(f"{path} is damaged: expected a commit, found {commit[:80]!r}")
    return commit


def _access() -> tuple[str, str | None]:
    """Return the Hub that is asked, and the token that goes with it: with another token, the answer may be another."""
    from huggingface_hub import get_token

    return hub_endpoint(), get_token()


@asked_once
def _ask(repo: str, revision: str, endpoint: str, _token: str | None) -> str:
    """Return the commit of a revision: one unreachable server must not be waited for with each file."""
    return ask_commit(endpoint, repo, revision)


@asked_once
def _manifest(mirror: HubMirror, endpoint: str, token: str | None, cache: Path, history: Path) -> Manifest:
    mirror.check_commit(_ask(mirror.repo, mirror.revision, endpoint, token))
    label = manifest_label(mirror.label)
    try:
        head, content = ask_file(endpoint, mirror.repo, mirror.revision, MANIFEST_NAME, MANIFEST_LIMIT)
    except AbsentError:
        return Manifest(label=label)
    entry = mirror.entry(head, MANIFEST_NAME, cache)
    try:
        manifest = Manifest.parse(content, label)
    except ManifestError as error:
        raise SourceError(str(error)) from None
    if mirror.refuses_older and not mirror.is_pinned:
        check_not_older(history, f"{endpoint}/{mirror.label}", content)
    with contextlib.suppress(OSError):  # in a cache that cannot be written, it is asked for in each process
        entry.keep(content)
        entry.remember(mirror.revision)
    return manifest
