"""Vectors from a file that `zoo embed` has written."""

from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zoo_core.prediction import Failure, require_pyarrow
from zoo_core.prediction._results_file import rows_of

from ._embedding import Embeddings
from ._table import VectorTable, is_vector


def read_embeddings(path: str | PathLike[str]) -> Embeddings:
    """Read a file of vectors, all of it.

    Args:
        path: A `.parquet` or `.jsonl` file of `zoo embed`, or of `embed(output=…)`.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It holds something else; or it is a Parquet file, and pyarrow is not installed.

    Example:
        >>> from zoo_core import embed
        >>> from zoo_core.embedding import read_embeddings
        >>> _ = embed("photos/", model="shufflenet_v2_x0_5_digits", output="vectors.jsonl")
        >>> read_embeddings("vectors.jsonl").vectors.shape
        torch.Size([1, 1024])
    """
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"{file} does not exist: expected a file that `zoo embed` has written.")
    return _of_table(file) if file.suffix == ".parquet" else _of_lines(file)


def _of_table(path: Path) -> Embeddings:
    require_pyarrow()
    table = VectorTable(path)
    assert table.facts is not None
    parts: list[Tensor] = []
    sources: list[str] = []
    failures: list[Failure] = []
    for batch, numbers in table.matrices():
        errors = batch["error"].to_pylist()
        found = [place for place, error in enumerate(errors) if error is None]
        names = batch["source"].to_pylist()
        sources += [names[place] for place in found]
        failures += [Failure(names[place], error) for place, error in enumerate(errors) if error is not None]
        if found:
            parts.append(_tensor_of(numbers).view(len(errors), -1)[found])
    return Embeddings(torch.cat(parts) if parts else torch.zeros(0, 0), tuple(sources), tuple(failures), table.facts)


def _tensor_of(numbers: Any) -> Tensor:  # an array of pyarrow's
    """Copy numbers without NumPy."""
    memory = bytearray(numbers.buffers()[1])
    return torch.frombuffer(memory, dtype=torch.float32, offset=4 * numbers.offset, count=len(numbers))


def _of_lines(path: Path) -> Embeddings:
    vectors: list[list[float]] = []
    sources: list[str] = []
    failures: list[Failure] = []
    for number, row in enumerate(_rows(path), start=1):
        if "error" in row:
            failures.append(Failure(row["source"], row["error"]))
            continue
        if vectors and len(row["vector"]) != len(vectors[0]):
            raise ValueError(
                f"{path}, line {number}, has {len(row['vector'])} numbers, and {len(vectors[0])} are expected."
            )
        vectors.append(row["vector"])
        sources.append(row["source"])
    return Embeddings(torch.tensor(vectors) if vectors else torch.zeros(0, 0), tuple(sources), tuple(failures))


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        rows = list(rows_of(path))
        if all(isinstance(row["source"], str) and ("error" in row or is_vector(row["vector"])) for row in rows):
            return rows
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise ValueError(f"{path} holds something else than vectors of zoo.")
