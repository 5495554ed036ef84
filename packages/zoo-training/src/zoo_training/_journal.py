"""`metrics.jsonl`: a line of JSON for each epoch."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ._files import write_whole

METRICS = "metrics.jsonl"


class Journal:
    """The lines of a run. The file is written anew at first: it may be ahead of the checkpoint, or end half-way.

    Args:
        folder: The run's; `None` to write nothing.
        rows: What the checkpoint knows.
    """

    def __init__(self, folder: Path | None, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        self._path = None if folder is None else folder / METRICS
        self.rows = [dict(row) for row in rows]
        if self._path is not None:
            write_whole(self._path, "".join(map(_line, self.rows)))

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a line."""
        self.rows.append(dict(row))
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(_line(row))


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(_finite(row), allow_nan=False) + "\n"


def _finite(value: Any) -> Any:  # of any type; JSON has no NaN
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_journal(folder: Path) -> list[dict[str, Any]]:
    """Return the lines that a run has written; one that is not whole, and what follows it, is left out."""
    rows: list[dict[str, Any]] = []
    path = folder / METRICS
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
