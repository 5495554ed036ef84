"""JSON lines as a Parquet file. Needs pyarrow, the extra `zoo-core[parquet]`."""

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROWS = 10_000
"""How many rows are in memory at once, and in a row group of the file."""


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
        target: The Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schemas = [pa.table(_columns(rows)).schema for rows in _groups(lines)]
    schema = pa.unify_schemas(schemas, promote_options="permissive") if schemas else pa.schema([])
    temporary = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with pq.ParquetWriter(temporary, schema) as writer:
            for rows in _groups(lines):
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _groups(lines: Path) -> Iterator[list[dict[str, Any]]]:
    with lines.open("rb") as file:
        while group := list(itertools.islice(file, ROWS)):
            yield [json.loads(line) for line in group]


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Turn rows into columns; pyarrow itself looks at the first row's keys only."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
