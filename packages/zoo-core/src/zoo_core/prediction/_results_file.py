"""A file of predictions, one a line, that a later run continues."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Self

from ._results import Failure, Prediction
from ._sources import Source

_BEGINNING = b'{"source": '
"""Of every row."""


class ResultsFile:
    """Predictions as JSON lines. Those that are in the file already are known, and new ones are appended.

    A row is a prediction's `to_dict()` with the weights that it was made with under `"weights"`. Whatever stops the
    writer leaves whole lines, and at most one broken one at the end, which is taken off. Memory grows by some 100 bytes
    a row that was there before, and not at all with those that are written.

    Args:
        path: The file; it need not exist.
        weights: The full name of the weights entry that predictions are made with.

    Raises:
        ValueError: The file holds something else, or predictions made with other weights.
        OSError: It cannot be read or written, or another process writes it now.

    Example:
        >>> with ResultsFile.open(Path("results.jsonl"), "ResNet50_Weights.IMAGENET1K_V2") as results:  # doctest: +SKIP
        ...     for prediction in stream(predictor, (source for source in sources if source not in results)):
        ...         results.write(prediction)
    """

    def __init__(self, path: Path, weights: str, file: BinaryIO) -> None:
        self.path = path
        self.weights = weights
        self.failures = 0
        """How many rows hold an error instead of a prediction."""
        self._file = file
        self._known = set(self._read())
        self._kept = len(self._known)
        self.rows = self._kept
        """How many rows the file has."""

    @classmethod
    @contextmanager
    def open(cls, path: Path, weights: str, *, retry: bool = False) -> Iterator[Self]:
        """Open the file to be read and continued, and close it afterwards.

        Args:
            path: As for the class.
            weights: Likewise.
            retry: Take the rows that hold an error out first: their inputs are then new again.
        """
        from filelock import FileLock, Timeout

        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{path}.lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise OSError(
                f"{path} is being written by another process: wait, or choose another file; shards have one each."
            ) from None
        try:
            if retry and path.exists():
                _take_failures_out(path, weights)
            with path.open("a+b") as file:
                yield cls(path, weights, file)
        finally:
            with suppress(OSError):  # Windows deletes no open file
                Path(lock.lock_file).unlink()  # while it is held: later, it could be another's
            lock.release()

    def __contains__(self, source: Source) -> bool:
        return self._kept > 0 and _key(str(source)) in self._known

    def write(self, prediction: Prediction) -> None:
        """Append a prediction, or a failure; a prediction with values that are no finite numbers is a failure, too."""
        row = {**prediction.to_dict(), "weights": self.weights}
        try:
            line = _line(row)
        except ValueError as error:
            failure = Failure(prediction.source, f"{prediction.source}: the model gave what is no number ({error}).")
            self.write(failure)
            return
        self.failures += isinstance(prediction, Failure)
        self.rows += 1
        self._file.write(line + b"\n")
        self._file.flush()  # of what is in a process, kill -9 keeps nothing

    def _read(self) -> Iterator[bytes]:
        """Yield a key for each row, and cut off what is not a whole line."""
        self._file.seek(0)
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n") and (line.startswith(_BEGINNING) or _BEGINNING.startswith(line)):
                self._file.truncate(self._file.tell() - len(line))
                return
            row = _parse(self.path, line, number, self.weights)
            self.failures += "error" in row
            yield _key(row["source"])


def _line(row: dict[str, Any]) -> bytes:
    """Write a row, without its end.

    Raises:
        ValueError: There is a NaN, or something infinite, which JSON does not have.
    """
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:  # a file name that is no UTF-8
        return json.dumps(row, allow_nan=False).encode()


def _parse(path: Path, line: bytes, number: int, weights: str) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(line)
        found = row["weights"]
        if not isinstance(row["source"], str):
            raise TypeError("source is no text")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}, line {number}, is not a row that zoo has written ({error}): choose another file."
        ) from None
    if found != weights:
        raise ValueError(
            f"{path}, line {number}, was predicted with {found}, and this run uses {weights}: "
            "choose another file, or remove that one."
        )
    return row


def _take_failures_out(path: Path, weights: str) -> None:
    """Replace a file by one without the rows that hold an error; whatever stops this leaves the one or the other."""
    shorter = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with path.open("rb") as old, shorter.open("wb") as new:
            for number, line in enumerate(old, start=1):
                # A last line without its end is left to whoever reads the file.
                if not line.endswith(b"\n") or "error" not in _parse(path, line, number, weights):
                    new.write(line)
        shorter.replace(path)
    finally:
        shorter.unlink(missing_ok=True)


def _key(source: str) -> bytes:
    return hashlib.blake2b(source.encode(errors="surrogateescape"), digest_size=16).digest()
