"""A Hugging Face Hub on 127.0.0.1: what its client needs to download files, list a repository, and upload."""

from collections.abc import Mapping
from typing import Self
from urllib.parse import parse_qs

from servers.http import Resource, Server, resource_response
from servers.messages import Request, Response, json_response, text_response
from servers.repositories import Commit, HubFile, Repository, blob_path
from servers.routes import REPOSITORY, REVISION, RefusalError, Route
from servers.uploads import Storage, Uploads


class HubServer(Server):
    """A Hub with the repositories that it is given, and those that clients create.

    Large files are sent and taken by `storage`, a server of another origin, as the Hub's content network does; requests
    to it are recorded there, and its faults are planned there (see `storage_path`). Digests in `refused_objects` are
    not taken.

    What else a Hub answers is added as more `routes`; the first that matches answers.

    Args:
        page_size: how many entries of a listing are sent at once.
        write_token: the only token that may write; None for everyone.
    """

    def __init__(self, *, page_size: int = 1000, write_token: str | None = None) -> None:
        super().__init__()
        self.storage = Storage()
        self.refused_objects: set[str] = set()
        self.repositories: dict[str, Repository] = {}
        self._page_size = page_size
        self.routes = [
            Route("GET", f"/api/models/{REPOSITORY}(?:/revision/{REVISION})?", self._info),
            Route("GET", f"/api/models/{REPOSITORY}/tree/{REVISION}", self._tree),
            Route("GET", f"/{REPOSITORY}/resolve/{REVISION}/(?P<path>.+)", self._resolve),
            *Uploads(self, write_token).routes,
        ]

    def __enter__(self) -> Self:
        self.storage.__enter__()
        return super().__enter__()

    def close(self) -> None:
        super().close()
        self.storage.close()

    def add_repo(
        self,
        repo_id: str,
        files: Mapping[str, bytes],
        revision: str = "main",
        *,
        token: str | None = None,
        gated: bool = False,
    ) -> str:
        """Create a repository with one commit, and give that commit.

        Args:
            repo_id: "organisation/name".
            files: the bytes by path.
            revision: the branch that points at the commit.
            token: the only token that may read it; None for a public repository.
            gated: whether its files are refused until conditions are accepted.
        """
        if repo_id in self.repositories:
            message = f"{repo_id} exists already; add to it with add_commit"
            raise ValueError(message)
        self.repositories[repo_id] = Repository(repo_id, token, gated)
        return self.add_commit(repo_id, files, revision)

    def add_commit(self, repo_id: str, files: Mapping[str, bytes], revision: str = "main") -> str:
        """Put files on top of a branch, which may be new, and give the new commit."""
        repository = self.repositories[repo_id]
        commit = repository.commit(files, revision)
        for file in repository.commits[commit].files.values():
            if file.is_large:
                self.storage.put(blob_path(repo_id, file.sha256), file.content)
        return commit

    def resolve_path(self, repo_id: str, path: str, revision: str = "main") -> str:
        """Where this server is asked for a file: the path to plan faults for, or to count."""
        return f"/{repo_id}/resolve/{revision}/{path}"

    def storage_path(self, repo_id: str, path: str, revision: str = "main") -> str:
        """Where `storage` is asked for the bytes of a large file."""
        commit = self.repositories[repo_id].find(revision)
        if commit is None:
            message = f"{repo_id} has no revision {revision}"
            raise ValueError(message)
        return blob_path(repo_id, commit.files[path].sha256)

    def answer(self, request: Request) -> Response:
        for route in self.routes:
            parts = route.match(request)
            if parts is not None:
                try:
                    return route.answer(request, parts)
                except RefusalError as refusal:
                    return refusal.response
        return text_response(404, "no such endpoint\n")

    def find_repository(self, request: Request, repo_id: str) -> Repository:
        """The repository, if whoever asks may know of it; the Hub hides the private ones from all others."""
        repository = self.repositories.get(repo_id)
        sent = request.headers.get("authorization")
        if repository and (repository.token is None or sent == f"Bearer {repository.token}"):
            return repository
        if sent is None:
            raise RefusalError(401, "RepoNotFound", "Invalid username or password.")
        raise RefusalError(404, "RepoNotFound", "Repository not found")

    def find_commit(self, request: Request, parts: Mapping[str, str]) -> Commit:
        """The commit that the repository and the revision of a path stand for."""
        commit = self.find_repository(request, parts["repo_id"]).find(parts.get("revision") or "main")
        if commit is None:
            raise RefusalError(404, "RevisionNotFound", f"Invalid rev id: {parts['revision']}")
        return commit

    def _resolve(self, request: Request, parts: dict[str, str]) -> Response:
        if self.find_repository(request, parts["repo_id"]).gated:
            status = 403 if "authorization" in request.headers else 401
            raise RefusalError(status, "GatedRepo", f"Access to model {parts['repo_id']} is restricted.")
        commit = self.find_commit(request, parts)
        file = commit.files.get(parts["path"])
        if file is None:
            raise RefusalError(404, "EntryNotFound", "Entry not found", commit)
        location = self.storage.url + blob_path(parts["repo_id"], file.sha256)
        return file_response(request, file, location).with_headers(X_Repo_Commit=commit.sha)

    def _info(self, request: Request, parts: dict[str, str]) -> Response:
        commit = self.find_commit(request, parts)
        repository = self.repositories[parts["repo_id"]]
        facts = {"id": repository.repo_id, "sha": commit.sha, "private": repository.token is not None}
        siblings = [{"rfilename": path} for path in sorted(commit.files)]
        return json_response(facts | {"gated": "manual" if repository.gated else False, "siblings": siblings})

    def _tree(self, request: Request, parts: dict[str, str]) -> Response:
        query = parse_qs(request.query)
        recursive = query.get("recursive", [""])[0].lower() in {"true", "1"}
        entries = self.find_commit(request, parts).tree(recursive=recursive)
        start = int(query.get("cursor", ["0"])[0])
        end = start + self._page_size
        page = json_response(entries[start:end])
        following = f"{self.url}{request.path}?recursive={str(recursive).lower()}&expand=false&cursor={end}"
        return page.with_headers(Link=f'<{following}>; rel="next"') if end < len(entries) else page


def file_response(request: Request, file: HubFile, location: str) -> Response:
    """A small file itself; for a large one where it is and what it is."""
    if not file.is_large:
        return resource_response(request, Resource(file.content, file.etag))
    facts = {"X-Linked-Etag": file.etag, "X-Linked-Size": str(len(file.content)), "Location": location}
    return Response(302, facts)
