"""A Parquet file of vectors, with pyarrow: the columns `source`, `vector` and `error`, and what made them."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from zoo_core.prediction._results_file import encodable, rows_of
from zoo_core.prediction._results_table import RowsTable

from ._facts import EmbeddingFacts

if TYPE_CHECKING:
    import pyarrow as pa

_MADE_BY_ZOO = {b"zoo": b"vectors"}
"""What a file says of itself, so that it may be continued."""
_FACTS = b"zoo.embedding"
_ROWS = 1000
"""How many rows are in memory at once, and in a row group of the file: 8 MB of 2,048 numbers each."""


class VectorTable(RowsTable):
    """A file whose rows are inputs, each with its vector, or with why there is none.

    Vectors are lists of one fixed size, float32. Where there is an error, the vector is of NaN: so that the column is a
    matrix whose rows are those of the table, and since older versions of pyarrow write no missing lists.

    Args:
        path: The file; it need not exist.
        stated: Gives what a new file says of itself, for a number of numbers in a vector, or `None` if there is none
            yet; needed to add rows to a file that is not there.

    Raises:
        ValueError: It holds something else.
        OSError: It cannot be read.
    """

    rows_at_once = _ROWS

    def __init__(self, path: Path, stated: Callable[[int | None], EmbeddingFacts] | None = None) -> None:
        super().__init__(path)
        self._stated = stated
        self.facts = _facts_of(self.path) if self.path.exists() else None

    def check_made_by(self, weights: str, made_by: str, digest: str) -> None:
        """Check that rows can be added that are made so.

        Args:
            weights: The full name of the weights entry.
            made_by: The model and its options, in one line for people.
            digest: What is known of the SHA-256 of the weights' file, from its first digit on.

        Raises:
            ValueError: Those that are there were made otherwise.
        """
        found = self.facts
        if found is None:
            return
        theirs, ours = f"{found.weights} ({found.made_by})", f"{weights} ({made_by})"
        if theirs == ours and not found.sha256.startswith(digest):
            theirs, ours = f"{theirs}, SHA-256 {found.sha256}", f"{ours}, SHA-256 {digest}"
        if theirs != ours:
            raise ValueError(
                f"{self.path} has vectors of {theirs}, and this run is of {ours}: choose another file, or remove that "
                "one."
            )

    def add(self, lines: Path, *, without_failures: bool = False) -> None:
        """Write the file anew with more rows, which replace those of the same source; it appears when it is whole.

        Args:
            lines: The rows, as JSON lines.
            without_failures: Leave out the rows that hold an error now.

        Raises:
            ValueError: A row is none of a vector's, or its vector has another length than others.
        """
        dimension = self._dimension(lines)
        if self.facts is not None:
            stated = replace(self.facts, dimension=dimension)
        else:
            assert self._stated is not None, f"{self.path} is not there, and nobody knows what it is to say of itself"
            stated = self._stated(dimension)
        schema = _schema(stated)
        kept = (self._widened(each, schema) for each in self._kept(lines, without_failures=without_failures))
        self._write(schema, itertools.chain(kept, _new(lines, schema)))

    def matrices(self) -> "Iterator[tuple[pa.RecordBatch, pa.Array]]":
        """Yield rows, and their vectors one after the other in one array."""
        for batch in self._batches():
            yield batch, batch["vector"].flatten()

    def _dimension(self, lines: Path) -> int | None:
        """Return how many numbers a vector has; `None` if there is none yet."""
        if self.facts is not None and self.facts.dimension is not None:
            return self.facts.dimension
        vectors = (row["vector"] for row in rows_of(lines) if isinstance(row.get("vector"), list))
        return next(map(len, vectors), None)

    def _widened(self, kept: "pa.RecordBatch", schema: "pa.Schema") -> "pa.RecordBatch":
        """Return rows that stay, with vectors of the length that others have."""
        import pyarrow as pa

        if self.facts is not None and self.facts.dimension is None:  # none of its rows has a vector
            rows = [{"source": row["source"], "error": row["error"]} for row in kept.to_pylist()]
            kept = _batch(rows, schema)
        return pa.RecordBatch.from_arrays(kept.columns, schema=schema)


def _facts_of(path: Path) -> EmbeddingFacts:
    """Return what a file says of itself.

    Raises:
        ValueError: It is no file of vectors.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = (pq.read_schema(path).metadata if path.is_file() else None) or {}
        if _MADE_BY_ZOO.items() <= metadata.items():
            return EmbeddingFacts.from_json(metadata[_FACTS])
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, KeyError, ValueError):
        pass
    raise ValueError(f"{path} holds something else than vectors of zoo: choose another file.")


def _schema(facts: EmbeddingFacts) -> "pa.Schema":
    import pyarrow as pa

    vector = pa.list_(pa.float32(), facts.dimension or 1)
    columns = [("source", pa.string()), ("vector", vector), ("error", pa.string())]
    return pa.schema(columns, metadata={**_MADE_BY_ZOO, _FACTS: facts.to_json()})


def _new(lines: Path, schema: "pa.Schema") -> "Iterator[pa.RecordBatch]":
    """Yield the rows of JSON lines."""
    dimension = schema.field("vector").type.list_size
    rows = (_checked(row, number, lines, dimension) for number, row in enumerate(rows_of(lines), start=1))
    while group := list(itertools.islice(rows, _ROWS)):
        yield _batch(group, schema)


def _checked(row: dict[str, Any], number: int, lines: Path, dimension: int) -> dict[str, Any]:
    vector = row.get("vector")
    if "error" in row or (is_vector(vector) and len(vector) == dimension):
        return row
    found = f"{len(vector)} numbers" if is_vector(vector) else "no vector"
    raise ValueError(
        f"{lines}, line {number}, has {found}, and {dimension} are expected: it was changed. Remove that line, "
        "and it is computed again."
    )


def is_vector(value: Any) -> TypeGuard[list[float]]:  # JSON
    """Tell whether a value is a list of numbers."""
    return isinstance(value, list) and all(isinstance(number, float | int) for number in value)


def _batch(rows: list[dict[str, Any]], schema: "pa.Schema") -> "pa.RecordBatch":
    import pyarrow as pa

    none = [math.nan] * schema.field("vector").type.list_size
    columns = {
        "source": [encodable(row["source"]) for row in rows],
        "vector": [row.get("vector") or none for row in rows],
        "error": [encodable(row.get("error")) for row in rows],
    }
    return pa.RecordBatch.from_pydict(columns, schema=schema)
