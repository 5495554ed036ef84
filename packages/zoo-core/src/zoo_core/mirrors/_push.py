"""Fills a repository on a Hugging Face Hub with weights, one commit an entry."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from zoo_core._weights import WeightsEnum
from zoo_core.errors import NoRepositoryError, SourceError
from zoo_core.files import MANIFEST_NAME, Digest, Manifest, ResolvedFile, Settings
from zoo_core.files import resolve as resolve_file
from zoo_core.files.manifests._format import MANIFEST_LIMIT
from zoo_core.files.manifests._on_disk import manifest_label
from zoo_core.files.sources._hub_client import (
    ask_commit,
    ask_file,
    ask_files,
    hub_api,
    hub_endpoint,
    hub_errors_explained,
)
from zoo_core.files.sources._mirror import Seen

from ._cards import mirror_card
from ._contents import CARD_NAME, Added, Contents, check_learnt, contents_of, is_listed, paths_of

_ATTEMPTS = 20
"""How often a commit is tried again because another one came first."""


class HubPush:
    """A repository on a Hub that is made a mirror, entry by entry, through the Hub's own client.

    Every commit leaves a complete mirror of what is in it. What the repository has already is not sent again: neither
    entries whose files are all there, nor large files of a push that was interrupted before its commit. Another push at
    the same time is noticed, and its commit kept: each commit names the one that it goes on top of.

    Args:
        repo: `"organisation/name"`.
        settings: Where files come from.
        endpoint: The Hub; by default that of the environment.
        twins: Whether to make safetensors files with the same tensors.
        progress: Show bars on stderr while downloading.

    Raises:
        OSError: The Hub does not answer, or refuses to tell what is in the repository.
        ManifestError: The repository's manifest cannot be read.
    """

    def __init__(
        self, repo: str, settings: Settings, *, endpoint: str | None = None, twins: bool = True, progress: bool = True
    ) -> None:
        if settings.offline:
            raise OSError("zoo is offline (ZOO_OFFLINE or HF_HUB_OFFLINE is set): nothing can be pushed.")
        self._repo = repo
        self._settings = settings
        self._endpoint = endpoint or hub_endpoint()
        self._api = hub_api(self._endpoint)
        self._twins = twins
        self._progress = progress
        self._commit: str | None = None
        self._manifest = Manifest()
        self._seen: Mapping[str, Seen] = {}
        self.refresh()

    @property
    def address(self) -> str:
        """The mirror, pinned by its last commit, as `ZOO_MIRRORS` takes it."""
        return f"hf://{self._repo}" + (f"@{self._commit}" if self._commit else "")

    def refresh(self) -> None:
        """Look at what the repository has now; one that does not exist has nothing."""
        with self._failures():
            try:
                self._commit = ask_commit(self._endpoint, self._repo, "main")
                self._seen = ask_files(self._endpoint, self._repo, self._commit)
            except NoRepositoryError:
                return
        self._manifest = self._read_manifest() if MANIFEST_NAME in self._seen else Manifest()

    def create(self, *, private: bool) -> None:
        """Create the repository where it does not exist.

        Raises:
            OSError: The Hub refuses.
        """
        if self._commit is None:
            with self._failures(), hub_errors_explained():
                self._api.create_repo(self._repo, private=private, exist_ok=True)
            self.refresh()

    def has(self, member: WeightsEnum) -> bool:
        """Tell whether the repository has an entry, all of its files.

        Raises:
            ManifestError: Its manifest contradicts the catalogue.
        """
        return is_listed(member, self._manifest, twins=self._twins) and all(
            path in self._seen and self._seen[path].differs_from(Digest(fact.sha256), fact.size) is None
            for path, fact in ((path, self._manifest.files[path]) for path in paths_of(member, self._manifest))
        )

    def add(self, member: WeightsEnum) -> Added:
        """Put an entry into the repository with a commit of its own, if it is not there.

        Raises:
            WeightsUnavailableError: No source has its file.
            ManifestError: The repository has another file of this name, or its manifest contradicts the catalogue.
            CheckpointError: The file cannot be read, so that no safetensors file can be made of it.
            OSError: The Hub refuses, or does not answer.
        """
        if self.has(member):
            return Added.of(member, self._manifest, is_new=False)
        found = resolve_file(member.file, settings=self._settings, progress=self._progress, original=True)
        with tempfile.TemporaryDirectory(prefix="zoo-push-") as scratch:
            is_new = self._add(member, found, Path(scratch))
        return Added.of(member, self._manifest, is_new=is_new)

    def _add(self, member: WeightsEnum, found: ResolvedFile, scratch: Path) -> bool:
        contents = contents_of(member, found, scratch, twins=self._twins)
        for _ in range(_ATTEMPTS):
            check_learnt(member, contents, self._manifest)
            if self._try_to_commit(member, contents):
                return True
            self.refresh()
            if self.has(member):  # somebody else's commit brought it
                return False
        raise OSError(f"{self._repo}: other commits came first {_ATTEMPTS} times; run it again.")

    def _try_to_commit(self, member: WeightsEnum, contents: Contents) -> bool:
        """Commit, unless the repository has changed since it was looked at."""
        manifest = self._manifest.with_files(contents.facts)
        files: dict[str, Path | bytes] = {
            **contents.files,
            MANIFEST_NAME: manifest.to_json(),
            CARD_NAME: mirror_card(manifest, f"hf://{self._repo}").encode(),
        }
        with self._failures():
            ask_commit(self._endpoint, self._repo, "main")  # the client would try for half a minute where none answers
            try:
                with hub_errors_explained():
                    self._commit = self._create_commit(f"Add {member}", files)
            except SourceError as error:
                if error.status not in {409, 412}:
                    raise
                return False
        self._manifest = manifest
        self._seen = {**self._seen, **{path: Seen(fact.size, fact.sha256) for path, fact in contents.facts.items()}}
        return True

    def _create_commit(self, message: str, files: Mapping[str, Path | bytes]) -> str:
        from huggingface_hub import CommitOperationAdd

        operations = [CommitOperationAdd(path, content) for path, content in files.items()]
        commit = self._api.create_commit(self._repo, operations, commit_message=message, parent_commit=self._commit)
        return str(commit.oid)

    def _read_manifest(self) -> Manifest:
        label = manifest_label(f"hf://{self._repo}")
        with self._failures():
            _, content = ask_file(self._endpoint, self._repo, self._commit or "main", MANIFEST_NAME, MANIFEST_LIMIT)
        return Manifest.parse(content, label)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Raise what the Hub refuses as an `OSError` that names the repository."""
        try:
            yield
        except SourceError as error:
            raise OSError(f"hf://{self._repo}: {error}") from error
