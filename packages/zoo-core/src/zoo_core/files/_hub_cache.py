"""The layout that every Hugging Face library on the machine shares: blobs, and snapshots that link to them."""

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ._partial import replace_file, replace_text
from ._receive import SourceError


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """Where a file of a repository belongs.

    Args:
        folder: Of the repository, `models--organisation--name`.
        commit: The commit that the file is of.
        path_in_repo: The file in it.
        etag: What the Hub names its contents.
    """

    folder: Path
    commit: str
    path_in_repo: str
    etag: str

    def __post_init__(self) -> None:
        # A server's answers become names of files: they must not lead elsewhere.
        for what, text in (("commit", self.commit), ("ETag", self.etag)):
            if not re.fullmatch(r"[0-9A-Za-z_-][0-9A-Za-z_.-]{0,199}", text):
                raise SourceError(f"answered with a strange {what}: {text[:80]!r}")

    @property
    def blob(self) -> Path:
        """The contents."""
        return self.folder / "blobs" / self.etag

    @property
    def pointer(self) -> Path:
        """The file by its name."""
        return self.folder / "snapshots" / self.commit / self.path_in_repo

    def place(self, whole: Path) -> Path:
        """Move a whole file into the cache; return its path by name."""
        self.blob.parent.mkdir(parents=True, exist_ok=True)
        whole.replace(self.blob)
        return self.link()

    def keep(self, content: bytes) -> None:
        """Put a small file into the cache."""
        self.blob.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.blob, content)
        self.link()

    def link(self) -> Path:
        """Give the contents, which are here, their name; where links do not work, move them there."""
        self.pointer.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.pointer.with_name(f"{self.pointer.name}.{os.urandom(4).hex()}.new")
        try:
            temporary.symlink_to(os.path.relpath(self.blob, self.pointer.parent))
            temporary.replace(self.pointer)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            self.blob.replace(self.pointer)
        return self.pointer

    def remember(self, revision: str) -> None:
        """Note that a branch or tag stands for the commit."""
        if revision != self.commit:
            path = self.folder / "refs" / revision
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_text(path, self.commit)
