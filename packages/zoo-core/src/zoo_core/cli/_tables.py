"""Tables and lists of facts that fit the terminal. In a pipe, a row is a line, and nothing is cut or wrapped."""

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ._terminal import columns, echo, printable

_GAP = "  "
_LEAST_ROOM = 20
"""Characters below which a column of running text is not worth having."""


class Table(NamedTuple):
    """Rows under a header; the columns named in `right` are flush right."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    right: Sequence[str] = ()

    @property
    def cells(self) -> list[list[str]]:
        """The rows as they are shown."""
        return [[_cell(value) for value in row] for row in self.rows]

    def lines(self, limit: int | None) -> list[str] | None:
        """Return the lines, the last column wrapped if need be; `None` where they do not fit that many characters."""
        cells = self.cells
        widths = [max(map(len, column)) for column in zip(self.header, *cells, strict=True)]
        before = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
        room = widths[-1] if limit is None else min(widths[-1], limit - before)
        longest = max((len(word) for row in cells for word in row[-1].split()), default=0)
        if room < widths[-1] and room < max(longest, _LEAST_ROOM, len(self.header[-1])):
            return None
        return [line for row in (self.header, *cells) for line in self._row(row, widths[:-1], room)]

    def records(self, limit: int) -> Iterator[str]:
        """Yield for each row its first cell, and indented under it what else is in it: for narrow terminals."""
        for first, *others in self.cells:
            yield first
            facts = [f"{name} {cell}" for name, cell in zip(self.header[1:], others, strict=True) if cell != "-"]
            yield from _filled(facts, limit)

    def _row(self, row: Sequence[str], widths: Sequence[int], room: int) -> Iterator[str]:
        *others, last = row
        start = [
            cell.rjust(width) if name in self.right else cell.ljust(width)
            for name, cell, width in zip(self.header, others, widths, strict=False)
        ]
        lines = _wrapped(last, room)
        if self.header[-1] in self.right:
            lines = [line.rjust(room) for line in lines]
        yield _GAP.join([*start, lines[0]]).rstrip()
        for line in lines[1:]:
            yield _GAP.join([*(" " * width for width in widths), line]).rstrip()


def print_table(*forms: Table) -> None:
    """Print a table in the first of several forms, from the widest on, that fits the terminal."""
    for line in fitting_lines(forms, columns()):
        echo(line)


def fitting_lines(forms: Sequence[Table], limit: int | None) -> list[str]:
    """Return the lines of the first form that fits; where none does, those of the first as records."""
    fitting = (lines for form in forms if (lines := form.lines(limit)) is not None)
    return next(fitting, None) or list(forms[0].records(limit or 0))


def print_hanging(start: str, text: str) -> None:
    """Print a text behind its title; at a terminal, its further lines stand under the first."""
    limit = columns()
    if limit is None:
        echo(f"{start}{text}")
        return
    if limit - len(start) >= _LEAST_ROOM:
        lines = _wrapped(text, limit, start, " " * len(start))
    else:
        lines = [start.rstrip()] * bool(start.strip()) + _wrapped(text, limit, _GAP, _GAP)
    for line in lines:
        echo(line)


def _wrapped(text: str, width: int, first: str = "", further: str = "") -> list[str]:
    """Break a text between words, behind what its first line begins with; a word that is too long stays whole."""
    lines = textwrap.wrap(
        text,
        max(width, 1),
        initial_indent=first,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [first.rstrip()]


def _filled(facts: Sequence[str], limit: int) -> Iterator[str]:
    """Yield indented lines of as many facts as fit one; a fact that fits none is broken between its words."""
    line = ""
    for fact in facts:
        if line and len(_GAP + line + _GAP + fact) > limit:
            yield from _wrapped(line, limit, _GAP, _GAP)
            line = ""
        line = f"{line}{_GAP}{fact}" if line else fact
    if line:
        yield from _wrapped(line, limit, _GAP, _GAP)


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else printable(value)
