"""Which requests a Hub answers how, and how it refuses."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from servers.messages import Request, Response, json_response
from servers.repositories import Commit

REPOSITORY = r"(?P<repo_id>[^/]+/[^/]+)"
REVISION = r"(?P<revision>refs/(?:pr|convert)/[^/]+|[^/]+)"


@dataclass(frozen=True)
class Route:
    """The requests that a function answers: their method (HEAD goes with GET) and the pattern of their path."""

    method: str
    pattern: str
    answer: Callable[[Request, dict[str, str]], Response]

    def match(self, request: Request) -> dict[str, str] | None:
        """The named parts of the path if the request is one of these."""
        method = "GET" if request.method == "HEAD" else request.method
        found = re.fullmatch(self.pattern, request.path) if method == self.method else None
        return found.groupdict() if found else None


class RefusalError(Exception):
    """An answer that is an error; raised wherever it is found out."""

    def __init__(self, status: int, code: str, message: str, commit: Commit | None = None) -> None:
        super().__init__(message)
        headers = {"X_Error_Code": code, "X_Error_Message": message}
        if commit:
            headers["X_Repo_Commit"] = commit.sha
        self.response = json_response({"error": message}, status).with_headers(**headers)
