"""Remembers which files have been verified, so that a file is hashed once and not at every load."""

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from ._digest import sha256_of


@dataclass(frozen=True, slots=True)
class Stamps:
    """Digests of files, each good as long as the file's size and time of modification stay as they were.

    They are kept apart from the files, so that read-only folders and caches of other libraries can be stamped too.

    Args:
        folder: Where the stamps are; it need not exist, and need not be writable.
    """

    folder: Path

    def sha256_of(self, path: Path) -> str:
        """Return the file's SHA-256: as stamped, else computed, and stamped for the next time.

        A file that changes while it is hashed gets no stamp.
        """
        before = path.stat()
        stamped = self._read(path, before)
        if stamped is not None:
            return stamped
        sha256 = sha256_of(path)
        if _identity(path.stat()) == _identity(before):
            self.write(path, sha256)
        return sha256

    def write(self, path: Path, sha256: str) -> None:
        """Stamp a file whose digest was just computed. Where that cannot be written, the next load hashes again."""
        stamp = {"path": str(path), "sha256": sha256} | _identity(path.stat())
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = self.folder / f"{self._path(path).name}.{os.getpid()}.{os.urandom(4).hex()}"
            temporary.write_text(json.dumps(stamp), encoding="utf-8")
            temporary.replace(self._path(path))

    def read(self, path: Path) -> str | None:
        """Return the digest that the file is stamped with, if the stamp still holds."""
        return self._read(path, path.stat())

    def forget(self, path: Path) -> None:
        """Remove the file's stamp."""
        with contextlib.suppress(OSError):
            self._path(path).unlink()

    def _read(self, path: Path, status: os.stat_result) -> str | None:
        try:
            stamp = json.loads(self._path(path).read_text(encoding="utf-8"))
            expected = {"path": str(path)} | _identity(status)
            return str(stamp["sha256"]) if expected.items() <= stamp.items() else None
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return None

    def _path(self, path: Path) -> Path:
        return self.folder / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.json"


def _identity(status: os.stat_result) -> dict[str, int]:
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
