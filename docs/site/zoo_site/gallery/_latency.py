"""What docs/benchmarks.json has measured of models."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCES: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("Detection in one image, eager, evaluation", "zoo", {}),
    ("Int8, one image, evaluation", "int8", {}),
    ("Forward, eager, evaluation", "zoo", {"batch": "1", "layout": "contiguous"}),
)
"""Where the time of one input is: the title of a table, the column, and which of a model's rows; the first counts."""


@dataclass(frozen=True)
class Measured:
    """A table of docs/benchmarks.json."""

    title: str
    date: str
    machine: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def rows_of(self, model: str) -> list[dict[str, str]]:
        """Return a model's rows, by the names of the columns; one that stands there twice is numbered."""
        if self.header[0] != "model":
            return []
        names = [
            f"{name} ({self.header[:i].count(name) + 1})" if name in self.header[:i] else name
            for i, name in enumerate(self.header)
        ]
        return [dict(zip(names, row, strict=True)) for row in self.rows if row[0] == model]


def read_measured(repository: Path) -> list[Measured]:
    """Read the tables."""
    tables: list[dict[str, Any]] = json.loads((repository / "docs" / "benchmarks.json").read_text(encoding="utf-8"))
    return [
        Measured(each["title"], each["date"], each["machine"], tuple(each["header"]), tuple(map(tuple, each["rows"])))
        for each in tables
    ]


def latency_tables(tables: list[Measured]) -> Iterator[tuple[Measured, str, Mapping[str, str]]]:
    """Yield the tables that have the time of one input, with the column and what a row has to say.

    Raises:
        ValueError: One of them is not there any more.
    """
    by_title = {table.title: table for table in tables}
    for title, column, conditions in SOURCES:
        if title not in by_title:
            raise ValueError(f"docs/benchmarks.json has no table {title!r} any more: see SOURCES in {__file__}")
        yield by_title[title], column, conditions


def latencies(tables: list[Measured]) -> dict[str, float]:
    """Return the milliseconds of one input, by the models' names, as far as they have been measured."""
    found: dict[str, float] = {}
    for table, column, conditions in latency_tables(tables):
        for model in {row[0] for row in table.rows}:
            for row in table.rows_of(model):
                if conditions.items() <= row.items() and (time := milliseconds(row[column])) is not None:
                    found.setdefault(model, time)
    return found


def milliseconds(text: str) -> float | None:
    """Read a time.

    Example:
        >>> milliseconds("1,457.8 ms"), milliseconds("")
        (1457.8, None)
    """
    match = re.fullmatch(r"([\d,.]+) ms", text)
    return float(match[1].replace(",", "")) if match else None
