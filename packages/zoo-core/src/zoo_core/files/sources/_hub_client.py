"""Questions to a Hub, and huggingface_hub, the Hub's own client, for who writes to one; errors as those of a source.

Whatever is read is asked for as from any other web server, with the same limits of time and the same redirects: the
client would wait for an answer that comes byte by byte, and follows redirects from HTTPS to HTTP.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote, urljoin

from zoo_core.errors import AbsentError, NoRepositoryError, SourceError
from zoo_core.files.transfer._certificates import untrusted
from zoo_core.files.transfer._http import (
    ANSWER_TIMEOUT,
    DOCUMENT_TIMEOUT,
    Address,
    Head,
    answered_with,
    ask_head,
    beginning,
    open_download,
    status_error,
)
from zoo_core.files.transfer._redirects import same_server

from ._mirror import Seen

if TYPE_CHECKING:
    from huggingface_hub import HfApi

LONGEST_DOCUMENT = 16 * 2**20
"""Bytes above which nothing is taken for an answer about a repository."""

_GATED = "the repository is gated: accept its conditions, and set HF_TOKEN"
_NO_REPOSITORY = "no such repository, or no access to it"
_NO_REVISION = "the repository has no such revision"
_NO_FILE = "the repository has no such file"
_NO_PERMISSION = "not allowed: log in with `hf auth login`, or set HF_TOKEN to a token that may write there"

MOST_PAGES = 1000
"""How many pages of a listing are read."""


def hub_endpoint() -> str:
    """Return the Hub that is asked."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def hub_api(endpoint: str) -> "HfApi":
    """Return the client of a Hub."""
    from huggingface_hub import HfApi

    return HfApi(endpoint=endpoint)


def hub_headers() -> dict[str, str]:
    """Return what a Hub is told with each question: who asks, and the token of whoever has logged in."""
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined] # it is public

    return dict(build_hf_headers())


def ask_commit(endpoint: str, repo: str, revision: str) -> str:
    """Ask for the commit that a revision stands for."""
    answer, _ = _ask_json(f"{endpoint}/api/models/{repo}/revision/{quote(revision, safe='')}")
    return str(answer.get("sha")) if isinstance(answer, dict) else ""


def ask_file_head(url: str) -> Head:
    """Ask for the head of a file of a repository; it says where the bytes are."""
    return ask_head(Address(url, headers=hub_headers()), timeout=ANSWER_TIMEOUT, stays=True, refusal=_refusal)


def ask_file(endpoint: str, repo: str, revision: str, path_in_repo: str, most: int) -> tuple[Head, bytes]:
    """Ask for a small file of a repository, or for its first bytes where there are more than `most`."""
    head = ask_file_head(file_url(endpoint, repo, revision, path_in_repo))
    with open_download(file_address(endpoint, head), timeout=ANSWER_TIMEOUT, within=DOCUMENT_TIMEOUT) as answer:
        return head, beginning(answer.blocks, most + 1)


def file_url(endpoint: str, repo: str, revision: str, path_in_repo: str) -> str:
    """Return where a Hub is asked for a file."""
    return f"{endpoint}/{repo}/resolve/{quote(revision, safe='')}/{quote(path_in_repo)}"


def file_address(endpoint: str, head: Head, key: str = "") -> Address:
    """Return where the bytes of a file are: other servers, which keep the large ones, must not see the token."""
    return Address(head.url, key, hub_headers() if same_server(endpoint, head.url) else {})


def ask_files(endpoint: str, repo: str, revision: str) -> dict[str, Seen]:
    """Ask for the files of a repository, with the digests of the large ones."""
    url: str | None = f"{endpoint}/api/models/{repo}/tree/{quote(revision, safe='')}?recursive=true&expand=false"
    files: dict[str, Seen] = {}
    for _ in range(MOST_PAGES):
        entries, url = _ask_json(url or "")
        try:
            files |= {entry["path"]: _seen(entry) for entry in entries if entry["type"] == "file"}
        except (TypeError, KeyError, AttributeError) as error:
            raise SourceError(f"answered with a listing that cannot be read: {error!r}") from None
        if url is None:
            return files
    raise SourceError(f"answered with a listing of more than {MOST_PAGES} pages")


def _seen(entry: dict[str, Any]) -> Seen:
    large = entry.get("lfs")
    return Seen(int(entry["size"]), str(large["oid"]) if large else None)


def _ask_json(url: str) -> tuple[Any, str | None]:  # JSON
    """Return a document, and the address of its next page, if there is one."""
    address = Address(url, headers=hub_headers())
    with open_download(address, timeout=ANSWER_TIMEOUT, within=DOCUMENT_TIMEOUT, refusal=_refusal) as answer:
        content = beginning(answer.blocks, LONGEST_DOCUMENT + 1)
        following = re.search(r'<([^<>]*)>;\s*rel="next"', answer.link)
    if len(content) > LONGEST_DOCUMENT:
        raise SourceError(f"answered with more than {LONGEST_DOCUMENT:,} bytes about the repository")
    try:
        return json.loads(content), urljoin(url, following[1]) if following else None
    except (ValueError, RecursionError) as error:
        raise SourceError(f"answered with something that is no JSON: {error}") from None


def _refusal(error: HTTPError) -> SourceError:
    """Return what an error status of a Hub means; it says that in a header, too."""
    code, reason = error.headers.get("X-Error-Code"), None
    kind: type[SourceError] = SourceError
    if code == "GatedRepo":
        kind, reason = NoRepositoryError, _GATED
    elif code == "RevisionNotFound":
        reason = _NO_REVISION
    elif code == "EntryNotFound":
        kind, reason = AbsentError, _NO_FILE
    elif code == "RepoNotFound" or error.code == 401:
        kind, reason = NoRepositoryError, _NO_REPOSITORY
    return status_error(error) if reason is None else answered_with(reason, error.code, error.headers, kind)


@contextmanager
def hub_errors_explained() -> Iterator[None]:
    """Turn what the client raises, its HTTP library's errors too, into a `SourceError` that people understand.

    Its own lines about each of its attempts are not printed: the error says what came of them.
    """
    import logging

    client = logging.getLogger("huggingface_hub")
    level = client.level
    client.setLevel(logging.ERROR)
    try:
        yield
    except Exception as error:  # the HTTP library differs between versions of the client
        kind, reason = _explained(error)
        response = getattr(error, "response", None)
        if response is None:
            raise kind(reason) from error
        raise answered_with(reason, response.status_code, response.headers, kind) from error
    finally:
        client.setLevel(level)


def _explained(error: Exception) -> tuple[type[SourceError], str]:
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return NoRepositoryError, _GATED
    if isinstance(error, errors.RepositoryNotFoundError):
        return NoRepositoryError, _NO_REPOSITORY
    if isinstance(error, errors.RevisionNotFoundError):
        return SourceError, _NO_REVISION
    if isinstance(error, errors.EntryNotFoundError) and not isinstance(error, errors.LocalEntryNotFoundError):
        return AbsentError, _NO_FILE
    refused = untrusted(error, "SSL_CERT_FILE, which is the one that the Hub's client reads")
    if refused is None and getattr(getattr(error, "response", None), "status_code", None) in {401, 403}:
        refused = _NO_PERMISSION
    if refused is not None:
        return SourceError, refused
    cause = error.__cause__ or error
    return SourceError, f"cannot be used: {' '.join(str(cause).split())[:300] or type(cause).__name__}"
