"""SHA-256 checksums: whole digests, or the first digits that a file name carries."""

import hashlib
import re
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

_BLOCKS_AHEAD = 8
"""How far a stream may be ahead of its digest, which bounds the memory."""

_IN_FILE_NAME = re.compile(r"([-_])([0-9a-f]{8,64})\.[a-z]+$")


@dataclass(frozen=True, slots=True)
class Digest:
    """What is known of a file's SHA-256.

    Args:
        hexadecimal: All 64 digits, or the first of them (at least 8).
        confirmed: Whether a file that differs is certainly wrong. The digits behind an underscore in four published
            names were never checked by anyone: there, a difference is reported and the file used.
        stated_by: Who says so, for messages.
    """

    hexadecimal: str
    confirmed: bool = True
    stated_by: str = field(default="the catalogue", compare=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{8,64}", self.hexadecimal):
            raise ValueError(
                f"Expected 8 to 64 lower-case hexadecimal digits of a SHA-256, found {self.hexadecimal!r}."
            )

    @classmethod
    def in_file_name(cls, name: str) -> Self | None:
        """Return the digest in a name such as `resnet50-11ad3fa6.pth`, if there is one."""
        match = _IN_FILE_NAME.search(name)
        return cls(match[2], confirmed=match[1] == "-") if match else None

    @property
    def is_full(self) -> bool:
        """Whether all digits are known: a few guard against accidents, not against an attacker."""
        return len(self.hexadecimal) == 64

    def matches(self, sha256: str) -> bool:
        """Tell whether a whole digest agrees with what is known."""
        return sha256.startswith(self.hexadecimal)

    def __str__(self) -> str:
        return self.hexadecimal if self.is_full else f"{self.hexadecimal}…"


def has_digest(name: str) -> bool:
    """Tell whether a file's name carries the first digits of a digest."""
    return _IN_FILE_NAME.search(name) is not None


def sha256_of(path: Path) -> str:
    """Hash the whole file.

    Returns:
        64 lower-case hexadecimal digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class StreamDigest:
    """The SHA-256 of a stream, computed in a thread of its own, so that nobody waits for it who receives and writes."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1, "zoo-sha256")
        self._waiting: deque[Future[None]] = deque()

    def update(self, block: bytes) -> None:
        """Append bytes, which must not be changed afterwards."""
        self._waiting.append(self._thread.submit(self._digest.update, block))
        if len(self._waiting) > _BLOCKS_AHEAD:
            self._waiting.popleft().result()

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far: 64 lower-case hexadecimal digits."""
        while self._waiting:
            self._waiting.popleft().result()
        return self._digest.hexdigest()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)
