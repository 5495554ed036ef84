"""The layout that every Hugging Face library on the machine shares: blobs, and snapshots that link to them."""

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from zoo_core.errors import SourceError
from zoo_core.files.store._paths import replace_file, temporary_beside


def is_plain_name(text: str) -> bool:
    """Tell whether a text can be the name of one file or folder, and leads nowhere else."""
    return re.fullmatch(r"[0-9A-Za-z_-][0-9A-Za-z_.-]{0,199}", text) is not None


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """Where a file of a commit belongs in the `folder` of its repository; the ETag names its contents."""

    folder: Path
    commit: str
    path_in_repo: str
    etag: str

    def __post_init__(self) -> None:
        # A server's answers become names of files: they must not lead elsewhere.
        for what, text in (("commit", self.commit), ("ETag", self.etag)):
            if not is_plain_name(text):
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
        """Move a whole file into the cache, atomically; return its path by name."""
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
        temporary = temporary_beside(self.pointer)
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
            replace_file(path, self.commit.encode())
