"""The names of saved models: `local-dir:folder`, a folder's path, and `hf-hub:organisation/name@revision`."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

LOCAL, HUB = "local-dir:", "hf-hub:"


@dataclass(frozen=True, slots=True)
class FolderName:
    """A folder on this machine."""

    text: str
    folder: Path


@dataclass(frozen=True, slots=True)
class HubName:
    """A repository on a Hub, in a revision: a branch, a tag or a commit."""

    repo: str
    revision: str

    @property
    def text(self) -> str:
        """The name as people write it."""
        return f"{HUB}{self.repo}" + ("" if self.revision == "main" else f"@{self.revision}")


def parse_name(text: str) -> FolderName | HubName | None:
    """Return what a name of a saved model stands for; `None` for a text that can only be a registered name.

    The path of a folder needs no `local-dir:` where it has a separator, as `runs/digits` or `./digits`: no registered
    name has one.

    Raises:
        ValueError: It begins as such a name does, and goes on otherwise.

    Example:
        >>> from zoo_core.saved import parse_name
        >>> parse_name("hf-hub:org/digits@v2")
        HubName(repo='org/digits', revision='v2')
    """
    if text.startswith(HUB):
        repo, at, revision = text.removeprefix(HUB).partition("@")
        if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", repo) or (at and not _is_revision(revision)):
            raise ValueError(f"Expected hf-hub:organisation/name, optionally with @revision, found {text!r}.")
        is_commit = re.fullmatch(r"[0-9a-fA-F]{40}", revision)
        return HubName(repo, revision.lower() if is_commit else revision or "main")
    if text.startswith(LOCAL):
        path = text.removeprefix(LOCAL)
        if not path or "\0" in path:
            raise ValueError(f"Expected local-dir: and the path of a folder, found {text!r}.")
        return _folder(path)
    separators = ("/", os.sep, os.altsep or "/")
    if any(separator in text for separator in separators) and "\0" not in text:
        return _folder(text)
    return None


def _folder(path: str) -> FolderName:
    """Return the folder, whose name is the same however its path was written: `./runs/x/` is `local-dir:runs/x`."""
    return FolderName(f"{LOCAL}{Path(path)}", Path(path).expanduser())


def _is_revision(text: str) -> bool:
    return re.fullmatch(r"[\w-][\w./-]*", text) is not None and ".." not in text
