"""Parquet files whose rows are inputs, with pyarrow: a later run adds rows, and a file appears when it is whole."""

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from zoo_core.files.store._paths import temporary_beside

from ._results_file import EarlierRows, encodable, rows_of

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 10_000
"""How many rows are in memory at once, and in a row group of the file."""
_MADE_BY_ZOO = {b"zoo": b"predictions"}
"""What a file says of itself, so that it may be continued."""


class RowsTable(ABC):
    """A Parquet file with the columns `source` and `error`, which is empty where the row is a result.

    Args:
        path: The file; it need not exist.

    Raises:
        ValueError: It holds something else.
        OSError: It cannot be read.
    """

    rows_at_once: ClassVar[int] = ROWS

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()  # what links lead to is replaced, and kept by them

    def known(self, *, without_failures: bool) -> EarlierRows | None:
        """Return what rows are there; `None` if there is no file."""
        if not self.path.exists():
            return None
        rows = (each for batch in self._batches(["source", "error"]) for each in _sources_in(batch))
        return EarlierRows(self.path, (row for row in rows if not (without_failures and row[1])))

    @abstractmethod
    def add(self, lines: Path, *, without_failures: bool = False) -> None:
        """Write the file anew with more rows, which replace those of the same source; it appears when it is whole.

        Args:
            lines: The rows, as JSON lines.
            without_failures: Leave out the rows that hold an error now.
        """

    def _batches(self, columns: list[str] | None = None) -> "Iterator[pa.RecordBatch]":
        """Yield the rows that there are, with those of the columns that the file has."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.path) as file:
            names = file.schema_arrow.names
            wanted = None if columns is None else [each for each in columns if each in names]
            yield from file.iter_batches(self.rows_at_once, columns=wanted)

    def _kept(self, lines: Path, *, without_failures: bool) -> "Iterator[pa.RecordBatch]":
        """Yield the rows that stay, of the file as it is."""
        import pyarrow as pa

        if not self.path.exists():
            return
        replaced = {encodable(row["source"]) for row in rows_of(lines)}
        for batch in self._batches():
            stays = [
                source not in replaced and not (without_failures and failed) for source, failed in _sources_in(batch)
            ]
            yield batch.filter(pa.array(stays, pa.bool_()))

    def _write(self, schema: "pa.Schema", batches: "Iterable[pa.RecordBatch]") -> None:
        import pyarrow.parquet as pq

        temporary = temporary_beside(self.path)
        try:
            with pq.ParquetWriter(temporary, schema) as writer:
                for batch in batches:
                    writer.write_batch(batch)
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)


class ResultsTable(RowsTable):
    """A file of predictions, with a column for each key of their rows; a row is empty where it lacks the key."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        if self.path.exists() and not self._is_ours():
            raise ValueError(f"{path} holds something else than predictions of zoo: choose another file.")

    def check_made_by(self, weights: str, made_by: str) -> None:
        """Check that rows can be added that are made so. Rows that do not tell can be continued.

        Args:
            weights: The full name of the weights entry.
            made_by: The model and its options, in one line for people.

        Raises:
            ValueError: Those that are there were made otherwise.
        """
        if not self.path.exists():
            return
        ours = {"weights": weights, "made_by": made_by}
        for batch in self._batches(list(ours)):
            for name in batch.schema.names:
                for found in batch[name].unique().to_pylist():
                    if found not in {None, ours[name]}:
                        raise ValueError(
                            f"{self.path} has predictions of {found}, and this run is of {ours[name]}: choose another "
                            "file, or remove that one."
                        )

    def add(self, lines: Path, *, without_failures: bool = False) -> None:
        """Write the file anew with more rows, which replace those of the same source; it appears when it is whole.

        Args:
            lines: The rows, as JSON lines.
            without_failures: Leave out the rows that hold an error now.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        schemas = [pq.read_schema(self.path)] if self.path.exists() else []
        schemas += [pa.table(_columns(rows)).schema for rows in _groups(lines)]
        united = pa.unify_schemas(schemas, promote_options="permissive") if schemas else pa.schema([])
        schema = united.with_metadata(_MADE_BY_ZOO)
        kept = (batch.to_pylist() for batch in self._kept(lines, without_failures=without_failures))
        groups = itertools.chain(kept, _groups(lines))
        self._write(schema, (pa.RecordBatch.from_pylist(rows, schema=schema) for rows in groups if rows))

    def _is_ours(self) -> bool:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            schema = pq.read_schema(self.path) if self.path.is_file() else None
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            return False
        return schema is not None and (
            _MADE_BY_ZOO.items() <= (schema.metadata or {}).items() or {"source", "weights"} <= set(schema.names)
        )


def require_pyarrow() -> None:
    """Check that Parquet can be written, before anything is computed.

    Raises:
        ValueError: It cannot; the message says what to install.
    """
    from importlib.util import find_spec

    if find_spec("pyarrow") is None:
        raise ValueError("Parquet needs pyarrow: install zoo-core[parquet], or choose a file that ends in .jsonl.")


def write_parquet(lines: Path, target: Path) -> None:
    """Write rows of JSON lines as a Parquet file, which appears under its name when it is whole.

    Args:
        lines: The file of rows; columns that some rows lack are empty there.
        target: The Parquet file. Predictions that it has already stay, but for those of the same sources.

    Raises:
        ValueError: The target holds something else than predictions.
    """
    ResultsTable(target).add(lines)


def _sources_in(batch: "pa.RecordBatch") -> Iterator[tuple[str, bool]]:
    """Yield the source of each row, and whether it holds an error."""
    sources = batch["source"].to_pylist() if "source" in batch.schema.names else []
    errors = batch["error"].to_pylist() if "error" in batch.schema.names else [None] * len(sources)
    return ((source, error is not None) for source, error in zip(sources, errors, strict=True))


def _groups(lines: Path) -> Iterator[list[dict[str, Any]]]:
    rows = map(encodable, rows_of(lines))
    while group := list(itertools.islice(rows, ROWS)):
        yield group


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Turn rows into columns; pyarrow itself looks at the first row's keys only."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
