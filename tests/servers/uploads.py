"""What a Hub answers to those who write: create a repository, upload large files, commit."""

import base64
import hashlib
import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from servers.http import FileServer
from servers.messages import Request, Response, json_response, text_response
from servers.repositories import HubFile, Repository, blob_path
from servers.routes import REPOSITORY, REVISION, RefusalError, Route

if TYPE_CHECKING:
    from servers.hub import HubServer


class Storage(FileServer):
    """Large files by their digest: what is sent here must have the digest that its address names."""

    def answer(self, request: Request) -> Response:
        if request.method != "PUT":
            return super().answer(request)
        if hashlib.sha256(request.body).hexdigest() != request.path.rpartition("/")[2]:
            return text_response(400, "the bytes are not those that the address names\n")
        self.put(request.path, request.body)
        return text_response(200, "")


class Uploads:
    """The endpoints that write to the repositories of a Hub.

    Args:
        hub: the Hub.
        token: the only token that may write; None for everyone.
    """

    def __init__(self, hub: "HubServer", token: str | None) -> None:
        self._hub = hub
        self._token = token
        self._lock = threading.Lock()
        lfs = rf"/{REPOSITORY}\.git/info/lfs/objects"
        self.routes = [
            Route("POST", "/api/repos/create", self._create),
            Route("POST", "/api/validate-yaml", self._validate),
            Route("POST", f"/api/models/{REPOSITORY}/preupload/{REVISION}", self._preupload),
            Route("POST", f"/api/models/{REPOSITORY}/commit/{REVISION}", self._commit),
            Route("POST", f"{lfs}/batch", self._batch),
            Route("POST", f"{lfs}/verify", self._verify),
        ]

    def _create(self, request: Request, parts: dict[str, str]) -> Response:
        self._check_token(request)
        asked = json.loads(request.body)
        repo_id = f"{asked['organization']}/{asked['name']}"
        url = {"url": f"{self._hub.url}/{repo_id}"}
        with self._lock:
            if repo_id in self._hub.repositories:
                return json_response(url | {"error": "You already created this model repo"}, 409)
            is_private = asked.get("visibility") == "private" or asked.get("private") is True
            sent = request.headers.get("authorization", "").removeprefix("Bearer ")
            attributes = b"*.pth filter=lfs diff=lfs merge=lfs -text\n"
            self._hub.add_repo(repo_id, {".gitattributes": attributes}, token=sent if is_private else None)
        return json_response(url)

    def _validate(self, request: Request, parts: dict[str, str]) -> Response:
        error = _error_in_metadata(json.loads(request.body)["content"])
        if error is None:
            return json_response({"errors": [], "warnings": []})
        return json_response({"errors": [{"message": error}], "warnings": [], "error": error}, 400)

    def _preupload(self, request: Request, parts: dict[str, str]) -> Response:
        repository = self._repository(request, parts)
        head = repository.find(parts["revision"])
        files = []
        for asked in json.loads(request.body)["files"]:
            present = head.files.get(asked["path"]) if head else None
            mode = "lfs" if HubFile(asked["path"], b"").is_large else "regular"
            known = {"oid": present.etag.strip('"')} if present else {}
            files.append({"path": asked["path"], "uploadMode": mode, "shouldIgnore": False} | known)
        return json_response({"files": files})

    def _batch(self, request: Request, parts: dict[str, str]) -> Response:
        self._repository(request, parts)
        objects = [self._object(parts["repo_id"], asked) for asked in json.loads(request.body)["objects"]]
        return json_response({"transfer": "basic", "objects": objects})

    def _object(self, repo_id: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        known = {"oid": asked["oid"], "size": asked["size"]}
        if asked["oid"] in self._hub.refused_objects:
            return known | {"error": {"code": 422, "message": "this object is refused"}}
        path = blob_path(repo_id, asked["oid"])
        if self._hub.storage.content(path) is not None:
            return known
        verify = {"href": f"{self._hub.url}/{repo_id}.git/info/lfs/objects/verify"}
        return known | {"actions": {"upload": {"href": self._hub.storage.url + path, "header": {}}, "verify": verify}}

    def _verify(self, request: Request, parts: dict[str, str]) -> Response:
        self._repository(request, parts)
        asked = json.loads(request.body)
        content = self._hub.storage.content(blob_path(parts["repo_id"], asked["oid"]))
        if content is None or len(content) != asked["size"]:
            raise RefusalError(404, "EntryNotFound", "no such object")
        return json_response({})

    def _commit(self, request: Request, parts: dict[str, str]) -> Response:
        lines = [json.loads(line) for line in request.body.splitlines()]
        with self._lock:
            repository = self._repository(request, parts)
            head = repository.find(parts["revision"])
            parent = lines[0]["value"].get("parentCommit")
            if parent is not None and (head is None or head.sha != parent):
                raise RefusalError(412, "PreconditionFailed", "A commit has happened since. Please try again.")
            files = dict(self._committed(parts["repo_id"], line) for line in lines[1:])
            sha = self._hub.add_commit(parts["repo_id"], files, parts["revision"])
        url = f"{self._hub.url}/{parts['repo_id']}/commit/{sha}"
        return json_response({"success": True, "commitOid": sha, "commitUrl": url})

    def _committed(self, repo_id: str, line: Mapping[str, Any]) -> tuple[str, bytes]:
        value = line["value"]
        if line["key"] == "file":
            return value["path"], base64.b64decode(value["content"], validate=True)
        content = self._hub.storage.content(blob_path(repo_id, value["oid"]))
        if line["key"] != "lfsFile" or content is None:
            raise RefusalError(400, "BadRequest", f"cannot commit {line}")
        return value["path"], content

    def _repository(self, request: Request, parts: Mapping[str, str]) -> Repository:
        self._check_token(request)
        return self._hub.find_repository(request, parts["repo_id"])

    def _check_token(self, request: Request) -> None:
        if self._token is not None and request.headers.get("authorization") != f"Bearer {self._token}":
            raise RefusalError(403, "Forbidden", "You don't have the rights to write here")


def _error_in_metadata(card: str) -> str | None:
    """Return what is wrong with the YAML at the beginning of a model card."""
    opening, _, rest = card.partition("---\n")
    if opening or "\n---\n" not in rest:
        return "no metadata between lines of ---"
    try:
        metadata = yaml.safe_load(rest.partition("\n---\n")[0])
    except yaml.YAMLError as error:
        return str(error)
    if not isinstance(metadata, dict):
        return "metadata is no mapping"
    licence = metadata.get("license")
    return None if isinstance(licence, str | None) else "license must be a text"
