"""A file of predictions, one a line, that a later run continues."""

import hashlib
import json
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Self

from zoo_core.files.store._paths import temporary_beside

from ._results import Failure, Prediction
from ._sources import Source

_BEGINNING = b'{"source": '
"""Of every row."""

LONGEST_ROW = 1 << 26
"""Bytes: a hundred masks of large photos take less. Files of something else may have lines of any length."""


@dataclass(frozen=True, slots=True)
class EarlierRows:
    """Rows that another file has already, which a file of results goes on with.

    Args:
        path: That file.
        rows: The source of each, without what is no UTF-8, and whether it holds an error; gone through once.
    """

    path: Path
    rows: Iterable[tuple[str, bool]]


class ResultsFile:
    """Predictions as JSON lines. Those that are in the file already are known, and new ones are appended.

    A row is a prediction's `to_dict()` with the weights that it was made with under `"weights"`, and what else decides
    its contents under `"made_by"`. Rows without that, as they were written before, can be continued. Whatever stops the
    writer leaves whole lines, and at most one broken one at the end, which is taken off. Memory grows by some 100 bytes
    a row that was there before, and not at all with those that are written.

    Args:
        path: The file; it need not exist.
        weights: The full name of the weights entry that predictions are made with.
        made_by: The model and its options, for people, as `PredictionJob.made_by` has them; rows do not tell if `None`.
        before: Rows that are in another file; those of the same sources here replace them.

    Raises:
        ValueError: The file holds something else, or predictions that were made otherwise.
        OSError: It cannot be read or written, or another process writes it now.

    Example:
        >>> from pathlib import Path
        >>> from zoo_core.prediction import ResultsFile, find_sources, load_predictor, stream
        >>> predictor = load_predictor("resnet50")
        >>> with ResultsFile.open(Path("results.jsonl"), "ResNet50_Weights.IMAGENET1K_V2") as results:
        ...     for prediction in stream(predictor, find_sources([Path("photos")], "images")):
        ...         results.write(prediction)
    """

    def __init__(
        self,
        path: Path,
        weights: str,
        file: BinaryIO,
        *,
        made_by: str | None = None,
        before: EarlierRows | None = None,
    ) -> None:
        self.path = path
        self.kept_in = path if before is None else before.path
        """The file in which people find the rows that were there before."""
        self.weights = weights
        self.made_by = made_by
        self.failures = 0
        """How many rows hold an error instead of a prediction."""
        self._file = file
        self._known = set(self._read())
        self._escapes = before is not None
        for source, is_failure in () if before is None else before.rows:
            if (key := _key(source)) not in self._known:
                self._known.add(key)
                self.failures += is_failure
        self._kept = len(self._known)
        self.rows = self._kept
        """How many rows the file has."""

    @classmethod
    @contextmanager
    def open(
        cls,
        path: Path,
        weights: str,
        *,
        made_by: str | None = None,
        retry: bool = False,
        before: EarlierRows | None = None,
    ) -> Iterator[Self]:
        """Open the file to be read and continued, and close it afterwards.

        Args:
            path: As for the class.
            weights: Likewise.
            made_by: Likewise.
            retry: Take the rows that hold an error out first: their inputs are then new again.
            before: As for the class.
        """
        from filelock import FileLock, Timeout

        path = path.resolve()  # what links lead to is locked, and kept by them
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_is_file(path)
        lock = FileLock(_free_for_a_lock(path.with_name(f"{path.name}.lock")), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise OSError(
                f"{path} is being written by another process: wait, or choose another file; shards have one each."
            ) from None
        try:
            if retry and path.exists():
                _take_failures_out(path, weights, made_by)
            with path.open("a+b") as file:
                yield cls(path, weights, file, made_by=made_by, before=before)
        finally:
            with suppress(OSError):  # Windows deletes no open file
                Path(lock.lock_file).unlink()  # while it is held: later, it could be another's
            lock.release()

    def __contains__(self, source: Source) -> bool:
        name = str(source)
        names = {name, encodable(name)} if self._escapes else {name}
        return self._kept > 0 and any(_key(each) in self._known for each in names)

    def write(self, prediction: Prediction, files: Mapping[str, str] = MappingProxyType({})) -> None:
        """Append a prediction, or a failure; a prediction with values that are no finite numbers is a failure, too.

        Args:
            prediction: It.
            files: What was saved of it, such as the path of its `"picture"`.
        """
        row = {**prediction.to_dict(), **files, "weights": self.weights}
        if self.made_by is not None:
            row["made_by"] = self.made_by
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
        for number, line in enumerate(_lines(self._file), start=1):
            if _is_broken_row(line):
                self._file.truncate(self._file.tell() - len(line))
                return
            row = _parse(self.path, line, number, self.weights, self.made_by)
            self.failures += "error" in row
            yield _key(row["source"])
            if not line.endswith(b"\n"):
                self._file.write(b"\n")


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole rows of a file of results."""
    with path.open("rb") as file:
        for line in _lines(file):
            if not _is_broken_row(line):
                yield json.loads(line)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines; one that is longer than rows is cut, and no row then."""
    while line := file.readline(LONGEST_ROW):
        yield line


def _is_broken_row(line: bytes) -> bool:
    """Tell whether a line is the beginning of a row whose end was not written any more."""
    if line.endswith(b"\n") or not (line.startswith(_BEGINNING) or _BEGINNING.startswith(line)):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return len(line) < LONGEST_ROW
    return False


def _check_is_file(path: Path) -> None:
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):
        raise OSError(f"{path} is no file that results can be written to: choose another.")


def _free_for_a_lock(path: Path) -> Path:
    """Return the name for a lock, which is emptied and removed, if nothing of somebody else's is there."""
    if path.is_symlink() or (path.exists() and not (path.is_file() and path.stat().st_size == 0)):
        raise OSError(f"{path} is where the lock of the results goes, and it holds something else: move it, please.")
    return path


def _line(row: dict[str, Any]) -> bytes:
    """Write a row, without its end. A NaN, or something infinite, which JSON does not have, is a `ValueError`."""
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:  # a file name that is no UTF-8
        return json.dumps(row, allow_nan=False).encode()


def _parse(path: Path, line: bytes, number: int, weights: str, made_by: str | None) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(line)
        found = row["weights"]
        if not isinstance(row["source"], str):
            raise TypeError("source is no text")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{path}, line {number}, is not a row that zoo has written ({error}): choose another file."
        ) from None
    if found != weights:
        raise ValueError(
            f"{path}, line {number}, was predicted with {found}, and this run uses {weights}: "
            "choose another file, or remove that one."
        )
    otherwise = row.get("made_by")
    if made_by is not None and otherwise is not None and otherwise != made_by:
        raise ValueError(
            f"{path}, line {number}, was made by {otherwise}, and this run is {made_by}: "
            "choose another file, or remove that one."
        )
    return row


def _take_failures_out(path: Path, weights: str, made_by: str | None) -> None:
    """Replace a file by one without the rows that hold an error; whatever stops this leaves the one or the other."""
    shorter = temporary_beside(path)
    try:
        with path.open("rb") as old, shorter.open("xb") as new:
            shorter.chmod(stat.S_IMODE(path.stat().st_mode))
            for number, line in enumerate(_lines(old), start=1):
                # A last line without its end is left to whoever reads the file.
                if _is_broken_row(line) or "error" not in _parse(path, line, number, weights, made_by):
                    new.write(line)
        shorter.replace(path)
    finally:
        shorter.unlink(missing_ok=True)


def _key(source: str) -> bytes:
    return hashlib.blake2b(source.encode(errors="surrogatepass"), digest_size=16).digest()


def encodable(value: Any) -> Any:  # JSON
    """Escape what is no UTF-8 in file names, which Parquet does not take."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {encodable(key): encodable(item) for key, item in value.items()}
    return [encodable(item) for item in value] if isinstance(value, list) else value
