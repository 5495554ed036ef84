"""The tables of the gallery as HTML: whole without scripts, and with all that the scripts sort and filter by."""

from collections.abc import Iterator, Sequence
from html import escape

from ._columns import SIZES, Column, elsewhere, metric_columns
from ._entries import Entry, task_title

TEXTS = (("input", "Input", "pixels"), ("license", "Licence", ""), ("package", "Package", ""))
"""The columns that are not figures."""


def task_table(task: str, entries: Sequence[Entry]) -> str:
    """Return the table of a task's entries."""
    columns = [*metric_columns(entries), *SIZES]
    datasets = list(dict.fromkeys(column.dataset for column in columns if column.is_metric))
    head = "".join([_header("name", "Model", "", "text"), *map(_figure_header, columns)])
    head += "".join(_header(key, title, unit, "text" if key != "input" else "size") for key, title, unit in TEXTS)
    rows = "\n".join(_row(entry, columns) for entry in entries)
    title = task_title(task)
    return (
        f'<div class="zoo-table" role="region" aria-label="{escape(title)}" tabindex="0">\n'
        f'<table data-task="{task}" data-title="{escape(title)}">\n'
        f"<caption>{escape(_caption(datasets, entries))}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def _caption(datasets: Sequence[str], entries: Sequence[Entry]) -> str:
    count = len({entry.name for entry in entries})
    models = f"{count} model{'s' if count > 1 else ''}, {len(entries)} weights entries"
    return f"{models}. Measured on {', '.join(datasets)}."


def _figure_header(column: Column) -> str:
    kind = "metric" if column.is_metric else "size"
    return _header(column.key, column.title, column.unit, kind, less_is_better=column.less_is_better)


def _header(key: str, title: str, unit: str, kind: str, *, less_is_better: bool = True) -> str:
    shown = f' <span class="zoo-unit">{escape(unit)}</span>' if unit else ""
    better = ' data-better="less"' if less_is_better else ' data-better="more"'
    number = ' class="zoo-number"' if kind != "text" else ""
    return (
        f'<th scope="col" data-key="{escape(key)}" data-kind="{kind}" data-unit="{escape(unit)}"{better}{number}>'
        f'<span class="zoo-title">{_breakable(title)}</span>{shown}</th>'
    )


def _row(entry: Entry, columns: Sequence[Column]) -> str:
    link = f"{entry.page.removeprefix('gallery/')}.html#{entry.anchor}"
    default = ' <span class="zoo-default" title="What DEFAULT stands for">default</span>' if entry.is_default else ""
    cells = [
        f'<th scope="row"><a href="{link}">{_breakable(entry.name)}</a>'
        f'<span class="zoo-member">{_breakable(entry.weights.name)}{default}</span></th>'
    ]
    cells += [_figure_cell(entry, column) for column in columns]
    height = f' data-value="{entry.input_sides[-2]}"' if entry.input_sides else ""
    cells.append(f'<td class="zoo-number"{height}>{escape(entry.input_text)}</td>')
    cells += [f"<td>{escape(entry.license)}</td>", f"<td>{escape(entry.package)}</td>"]
    return f"<tr{''.join(_attributes(entry))}>{''.join(cells)}</tr>"


def _attributes(entry: Entry) -> Iterator[str]:
    """Yield what rows are filtered by."""
    words = " ".join((entry.name, str(entry.weights), entry.model.family, str(entry.meta["dataset"]), *entry.metrics))
    facts = {
        "name": entry.name,
        "member": entry.weights.name,
        "family": entry.model.family,
        "license": entry.license,
        "package": entry.package,
        "words": words.lower(),
    }
    yield from (f' data-{name}="{escape(value)}"' for name, value in facts.items())
    if entry.is_default:
        yield " data-default"


def _figure_cell(entry: Entry, column: Column) -> str:
    value = column.value(entry)
    other = elsewhere(entry, column)
    if other is not None:
        dataset, figure = other
        return (
            f'<td class="zoo-number zoo-elsewhere">{figure:.{column.decimals}f}'
            f'<span class="zoo-member">{escape(dataset)}</span></td>'
        )
    stated = "" if value is None else f' data-value="{value:.10g}"'
    return f'<td class="zoo-number"{stated}>{column.text(entry)}</td>'


def _breakable(name: str) -> str:
    """Let lines break after underscores, hyphens and colons of a name."""
    text = escape(name)
    for sign in "_-:":
        text = text.replace(sign, f"{sign}<wbr>")
    return text
