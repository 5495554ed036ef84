"""The tables of docs/evaluation.md that are facts of the code: layouts and protocols.

python tests/evaluation/page_tables.py    writes them into the page
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from zoo_evaluation import Protocol, get_protocol, list_protocols
from zoo_evaluation.datasets._layouts import LAYOUTS

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"


def layouts() -> str:
    """Return a row for each layout, sorted by what it holds."""
    rows = [(f"`{each.name}`", each.holds, f"`{each.shape}`") for each in sorted(LAYOUTS, key=lambda each: each.holds)]
    return _table(["layout", "holds", "shape"], rows)


def protocols() -> str:
    """Return a row for each protocol, sorted by task."""
    found = sorted(map(get_protocol, list_protocols()), key=lambda each: each.task)
    rows = [(f"`{each.name}` {each.version}", each.task, each.title, _count(each), _metrics(each)) for each in found]
    return _table(["protocol", "task", "data", "samples", "metrics"], rows)


TABLES: Mapping[str, Callable[[], str]] = {"layouts": layouts, "protocols": protocols}


def with_tables(page: str) -> str:
    """Return a page with its tables as they should be, between `<!-- NAME -->` and `<!-- end -->`."""
    for name, table in TABLES.items():
        before, mark, rest = page.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->\n")
        if not (mark and end):
            raise ValueError(f"{PAGE.name} has no place for the table of {name}.")
        page = f"{before}{mark}{table()}\n{end}{after}"
    return page


def _count(protocol: Protocol) -> str:
    if not protocol.dataset:
        return "yours"
    return f"{protocol.count:,}" if protocol.reproducible and protocol.count else "kept by a server"


def _metrics(protocol: Protocol) -> str:
    return ", ".join(f"`{name}`" for name in protocol.metrics)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', ' or ') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
