"""Files of a Hugging Face Hub repository, in the cache that every Hugging Face library on the machine shares."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from zoo_core.errors import WrongBytesError

from ._local import Verifier
from ._receive import SourceError
from ._settings import Settings
from ._weights_file import WeightsFile

ANSWER_TIMEOUT = 5.0
"""Seconds that a Hub has to answer the first question; then it is passed over."""


@dataclass(frozen=True, slots=True)
class HubMirror:
    """A repository of weights on the Hugging Face Hub, or on a server that speaks its protocol (`HF_ENDPOINT`).

    Args:
        repo: `"organisation/name"`.
        revision: A branch, tag or commit. With a commit, a file that is cached needs no request.
    """

    repo: str
    revision: str

    @property
    def label(self) -> str:
        """The mirror as written in `ZOO_MIRRORS`."""
        return f"hf://{self.repo}" + ("" if self.revision == "main" else f"@{self.revision}")

    def find(self, file: WeightsFile, settings: Settings) -> Path | None:
        """Return the file's path in the local cache, if it is there. Makes no request, imports no client."""
        folder = settings.hub_cache / f"models--{self.repo.replace('/', '--')}"
        try:
            commit = (folder / "refs" / self.revision).read_text(encoding="utf-8").strip()
        except OSError:
            commit = self.revision
        path = folder / "snapshots" / commit / file.paths_in_mirror[0]
        return path if path.is_file() else None

    def fetch(self, file: WeightsFile, settings: Settings, *, progress: bool) -> tuple[Path, str]:
        """Download the file into the shared cache with huggingface_hub, and verify it: the client checks sizes only."""
        reason = self.reason_to_pass_over()
        if reason is not None:
            raise SourceError(reason)
        path, verifier = self._download(file, settings, progress=progress), Verifier.of(settings)
        try:
            return path, verifier.verify(path, file)
        except WrongBytesError as error:
            raise SourceError(f"{error}; kept for a look at {verifier.put_away(path, file.name)}") from None

    def reason_to_pass_over(self) -> str | None:
        """Return why the repository cannot be used, or `None`; each repository is asked for once a process."""
        return _reason_to_pass_over(hub_endpoint(), self.repo, self.revision)

    def _download(self, file: WeightsFile, settings: Settings, *, progress: bool) -> Path:
        from huggingface_hub import hf_hub_download
        from tqdm import tqdm

        with _explained():
            path = hf_hub_download(
                self.repo,
                file.paths_in_mirror[0],
                revision=self.revision,
                cache_dir=settings.hub_cache,
                endpoint=hub_endpoint(),
                tqdm_class=None if progress else partial(tqdm, disable=True),  # type: ignore[arg-type] # only called
            )
        return Path(path)


def hub_endpoint() -> str:
    """Return the Hub that is asked."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


@cache
def _reason_to_pass_over(endpoint: str, repo: str, revision: str) -> str | None:
    """Ask for the repository once: the client itself would ask an unreachable server for minutes, and for each file."""
    from huggingface_hub import HfApi

    try:
        with _explained():
            HfApi(endpoint=endpoint).repo_info(repo, revision=revision, timeout=ANSWER_TIMEOUT)
    except SourceError as error:
        return str(error)
    return None


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what the client raises, its HTTP library's errors too, into a `SourceError` that people understand."""
    try:
        yield
    except Exception as error:  # the HTTP library differs between versions of the client
        raise SourceError(_REASONS.get(type(error).__name__) or f"cannot be used: {_first_line(error)}") from error


_REASONS = {
    "RepositoryNotFoundError": "no such repository, or no access to it",
    "GatedRepoError": "the repository is gated: accept its conditions, and set HF_TOKEN",
    "RevisionNotFoundError": "the repository has no such revision",
    "RemoteEntryNotFoundError": "the repository has no such file",
    "EntryNotFoundError": "the repository has no such file",
}


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    return next((line.strip() for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
