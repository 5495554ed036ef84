"""What the pages of families and models are made of, in MyST Markdown."""

from collections.abc import Sequence


class Table:
    """A table; columns of numbers are set to the right.

    Args:
        header: The titles of the first columns, which hold text.
    """

    def __init__(self, header: Sequence[str]) -> None:
        self._header = list(header)
        self._numbers = [False] * len(header)
        self._rows: list[list[str]] = []

    def add_column(self, title: str, *, is_number: bool = False) -> None:
        """Add a column, before there are rows."""
        self._header.append(title)
        self._numbers.append(is_number)

    def add_row(self, cells: Sequence[str]) -> None:
        """Add a row of as many cells as there are columns."""
        if len(cells) != len(self._header):
            raise ValueError(f"expected {len(self._header)} cells, found {len(cells)}: {cells}")
        self._rows.append([cell.replace("|", "\\|").replace("\n", " ") for cell in cells])

    def markdown(self) -> str:
        """Return the table in Markdown."""
        rules = ["---:" if number else "---" for number in self._numbers]
        lines = [f"| {' | '.join(cells)} |" for cells in (self._header, rules, *self._rows)]
        return "\n".join(lines)


def facts_table(facts: dict[str, str | None]) -> str:
    """Return facts that are known, each with its title."""
    table = Table(["", ""])
    for title, fact in facts.items():
        if fact:
            table.add_row([f"**{title}**", fact])
    return "```{rst-class} zoo-facts\n```\n\n" + table.markdown()


def front_matter() -> str:
    """Return the head of pages that use the gallery's styles."""
    return "---\nstyles: gallery/gallery.css\n---"


def code(language: str, text: str) -> str:
    """Return a block of code."""
    return f"```{language}\n{text.strip()}\n```"
