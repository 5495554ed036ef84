"""Tables in pages of docs/ that checks of hours write, a row when it is measured: a run that was stopped goes on there.

A table stands between `<!-- table of NAME -->` and `<!-- end of the table -->`, with a line of text above it or none.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PageTable:
    """A table.

    Args:
        page: The page that it is in.
        name: What the page calls it.
    """

    page: Path
    name: str

    def text(self) -> str:
        """Return what stands between the marks.

        Raises:
            ValueError: The page has no such table.
        """
        found = self._place().search(self.page.read_text(encoding="utf-8"))
        if found is None:
            raise ValueError(f"{self.page.name} has no place for a table of {self.name}: {self._marks()}")
        return found[2]

    def rows(self) -> dict[str, list[str]]:
        """Return the cells of each row, without the first, by the first."""
        return {name: cells for name, *cells in self._lines()[1:]}

    def columns(self) -> list[str]:
        """Return the heads of the columns but for the first; none if there is no row yet."""
        return next(iter(self._lines()), [""])[1:]

    def write(self, columns: Sequence[str], rows: Mapping[str, Sequence[str]], above: str = "") -> None:
        """Write the table; the page is there whole, whenever this is stopped.

        Args:
            columns: Their heads.
            rows: The cells of each row without the first, by the first.
            above: A line of text above the table.
        """
        self.text()
        lines = [*(["", above] if above else []), "", *table_of(columns, rows), ""]
        filled = self._place().sub(
            lambda found: "\n".join([found[1], *lines, found[3]]), self.page.read_text(encoding="utf-8")
        )
        new = self.page.with_name(f".{self.page.name}.{os.getpid()}")
        new.write_text(filled, encoding="utf-8")
        new.replace(self.page)

    def _lines(self) -> list[list[str]]:
        lines = (line for line in self.text().splitlines() if line.startswith("| "))
        return [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]

    def _marks(self) -> tuple[str, str]:
        return f"<!-- table of {self.name} -->", "<!-- end of the table -->"

    def _place(self) -> re.Pattern[str]:
        start, end = map(re.escape, self._marks())
        return re.compile(rf"({start})\n(.*?)({end})", re.DOTALL)


def table_of(columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the lines of a table in Markdown."""
    return [
        f"| {' | '.join(columns)} |",
        f"|{'---|' * len(columns)}",
        *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()),
    ]
