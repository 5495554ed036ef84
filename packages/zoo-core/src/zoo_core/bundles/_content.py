"""What goes into a bundle: bytes, and what its manifest states of them."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Self

from zoo_core.files import FileFact, ResolvedFile


@dataclass(frozen=True, slots=True)
class Content:
    """A file of a bundle that is written.

    Args:
        fact: Its digest and size.
        open: Opens it to be read.
    """

    fact: FileFact
    open: Callable[[], BinaryIO]

    @classmethod
    def of_file(cls, found: ResolvedFile) -> Self:
        """Return what a verified file holds."""
        return cls(FileFact(found.sha256, found.path.stat().st_size), lambda: found.path.open("rb"))

    @classmethod
    def of_bytes(cls, content: bytes) -> Self:
        """Return what is in memory."""
        return cls(FileFact(hashlib.sha256(content).hexdigest(), len(content)), lambda: io.BytesIO(content))
