"""Sections as one page of HTML that needs nothing else: no network, and no script to be read."""

from collections.abc import Sequence
from functools import singledispatch
from importlib.resources import files

from ._blocks import Bars, Block, Matrix, Pictures, Section, Table
from ._canvases import chart_svg
from ._chart import Chart
from ._html import Markup, element, number_text
from ._thumbnails import thumbnail

MOST_PICTURES = 24


def page(title: str, subtitle: str, sections: Sequence[Section], notes: Sequence[str] = ()) -> str:
    """Return a whole page.

    Args:
        title: Its heading.
        subtitle: Beneath that.
        sections: In order.
        notes: What to know before all.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", _file("page.css")),
    )
    body = element(
        "body",
        element("h1", title),
        element("p", subtitle, class_="muted"),
        *(element("p", note, class_="note") for note in notes),
        *map(_section, sections),
        element("script", _file("page.js")),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _file(name: str) -> Markup:
    """Return a file of this package, which is written for the inside of its element."""
    return Markup(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _section(section: Section) -> Markup:
    text = [element("p", section.text)] if section.text else []
    return element("section", element("h2", section.title), *text, *map(_shown, section.blocks))


@singledispatch
def _shown(block: Block) -> Markup:
    raise TypeError(f"A section cannot show {type(block).__name__}.")


_shown.register(Chart, chart_svg)


@_shown.register
def _table(block: Table) -> Markup:
    columns = zip(block.header, zip(*block.rows, strict=True) if block.rows else block.header, strict=True)
    names = (element("th", name, class_="number" if any(map(_is_number, cells)) else None) for name, cells in columns)
    head = element("thead", element("tr", *names))
    rows = (element("tr", *map(_cell, row)) for row in block.rows)
    whole = element("div", element("table", head, element("tbody", *rows), class_="sorts"), class_="wide")
    if not block.folded:
        return whole
    return element("details", element("summary", f"All {len(block.rows)}"), whole)


def _cell(value: object) -> Markup:
    numeric = value is None or _is_number(value)
    return element("td", number_text(value), class_="number" if numeric else None)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@_shown.register
def _bars(block: Bars) -> Markup:
    parts = []
    for name, value in block.rows:
        share = 100 * min(max(value / block.maximum, 0.0), 1.0) if block.maximum else 0.0
        bar = element("div", element("div", style=f"width:{share:.1f}%"), class_="bar")
        parts += [element("div", name), bar, element("div", number_text(value), class_="number")]
    return element("div", *parts, class_="bars")


@_shown.register
def _matrix(block: Matrix) -> Markup:
    head = element("tr", element("th", "true ↓ predicted →"), *(element("th", name) for name in block.names))
    rows = []
    for place, (name, counts) in enumerate(zip(block.names, block.counts, strict=True)):
        total = sum(counts) or 1
        cells = (_count(count, count / total, right=column == place) for column, count in enumerate(counts))
        rows.append(element("tr", element("th", name), *cells))
    table = element("table", element("thead", head), element("tbody", *rows), class_="matrix")
    return element("div", table, class_="wide")


def _count(count: int, share: float, *, right: bool) -> Markup:
    names = ["right" if right else "wrong", *(["strong"] if share > 0.6 else []), *([] if count else ["none"])]
    return element("td", count, class_=" ".join(names), style=f"--part:{max(15.0, 100 * share):.0f}%")


@_shown.register
def _pictures(block: Pictures) -> Markup:
    return element(
        "div",
        *(
            element("figure", thumbnail(each), *(element("div", line) for line in each.lines), _name(each.name))
            for each in block.pictures[:MOST_PICTURES]
        ),
        class_="pictures",
    )


def _name(name: str) -> Markup:
    return element("div", name, class_="muted")
