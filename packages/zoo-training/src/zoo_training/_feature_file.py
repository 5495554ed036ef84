"""Features on disk: numbers in one file that is mapped into memory, and beside it what they were made of."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._files import write_whole

_CHUNK = 1 << 24
"""Bytes that are read at once."""


class FeatureFile:
    """Features of samples, float32 `(samples, views, width)`, that grow a part at a time.

    `NAME.bin` has the numbers. `NAME.json` says what they were made of, how many samples are done, and the SHA-256 of
    these. It is written after them, so that a process that is stopped loses what it has not said. What is there is
    taken up only where both fit.

    Args:
        path: Of the numbers, `NAME.bin`.
        shape: Of them all.
        made_of: What decides them: names, and the SHA-256 or value of each.

    Raises:
        OSError: There is no room.

    Example:
        >>> import numpy as np
        >>> from pathlib import Path
        >>> from zoo_training._feature_file import FeatureFile
        >>> file = FeatureFile(Path("train.bin"), (2, 1, 3), {"weights": "ab12"})
        >>> file.add(np.ones((2, 1, 3), np.float32))
        >>> file.done, file.values().shape
        (2, (2, 1, 3))
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], made_of: Mapping[str, Any]) -> None:
        self._path, self._header = path, path.with_suffix(".json")
        self._shape = shape
        self._made_of = {"shape": list(shape), "dtype": "<f4", **made_of}
        self._digest = hashlib.sha256()
        self.done = 0
        self._take_up()

    @property
    def digest(self) -> str:
        """SHA-256 of what is done."""
        return self._digest.hexdigest()

    @property
    def is_whole(self) -> bool:
        """Whether all samples are done."""
        return self.done == self._shape[0]

    def add(self, values: NDArray[np.float32]) -> None:
        """Write the features of the next samples, `(N, views, width)`.

        Raises:
            OSError: There is no room. What was written before stays.
        """
        content = np.ascontiguousarray(values, dtype="<f4").tobytes()
        digest = self._digest.copy()
        digest.update(content)
        told = {**self._made_of, "done": self.done + len(values), "sha256": digest.hexdigest()}
        try:
            self._write(content)
            write_whole(self._header, json.dumps(told, indent=1) + "\n")
        except OSError as error:
            raise OSError(f"{self._path} cannot be written: {error}. What was written before stays.") from error
        self._digest, self.done = digest, told["done"]

    def _write(self, content: bytes) -> None:
        with self._path.open("r+b" if self.done else "wb") as file:
            file.seek(self.done * self._row_bytes)
            file.write(content)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())

    def values(self) -> NDArray[np.float32]:
        """Return what is done, mapped into memory, to be read only. While it is, Windows does not delete the file."""
        return np.memmap(self._path, "<f4", "r", shape=(self.done, *self._shape[1:]))

    @property
    def _row_bytes(self) -> int:
        return 4 * self._shape[1] * self._shape[2]

    def _take_up(self) -> None:
        """Go on from what is there, if it was made of the same and is what it was."""
        told = self._told()
        done = told.pop("done", 0)
        digest = told.pop("sha256", "")
        if told != self._made_of or not isinstance(done, int):
            return
        found = hashlib.sha256()
        for chunk in self._chunks(done * self._row_bytes):
            found.update(chunk)
        if found.hexdigest() == digest:
            self._digest, self.done = found, done

    def _told(self) -> dict[str, Any]:
        try:
            told = json.loads(self._header.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    def _chunks(self, size: int) -> Iterator[bytes]:
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            while size > 0 and (chunk := file.read(min(size, _CHUNK))):
                size -= len(chunk)
                yield chunk
