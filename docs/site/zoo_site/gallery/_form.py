"""The form above the tables. Without scripts it is hidden, and the tables are whole."""

from collections.abc import Iterable, Sequence
from html import escape

from ._columns import SIZES, metric_columns
from ._entries import Entry, task_title


def filter_form(tasks: Sequence[tuple[str, Sequence[Entry]]]) -> str:
    """Return the form that filters all tables."""
    entries = [entry for _, of in tasks for entry in of]
    metrics = {column.key: column.title for _, of in tasks for column in metric_columns(of)}
    fields = [
        _label("Words", _search(), "wide"),
        _label("Task", _select("task", {"": "all"} | {task: task_title(task) for task, _ in tasks})),
        _label("Metric", _select("metric", metrics)),
        _label('<span data-bound="metric">At least</span>', _number("least")),
        *(
            _label(f"{column.title} at most{f' ({column.unit})' if column.unit else ''}", _number(column.key))
            for column in SIZES
        ),
        _label("Licence", _select("license", {"": "any"} | _same(entry.license for entry in entries))),
        _label("Package", _select("package", {"": "all"} | _same(entry.package for entry in entries))),
        '<label class="zoo-check"><input type="checkbox" name="default"> <span>Default weights only</span></label>',
        '<button type="reset" class="zoo-button">Clear</button>',
    ]
    hint = (
        '<p class="zoo-hint" id="zoo-words-hint">Words are looked for in names, families and data sets; conditions '
        "such as <code>acc@1 ≥ 80</code> or <code>params &lt;= 30M</code> may stand among them.</p>"
    )
    return (
        '<form class="zoo-filter" role="search" aria-label="Filter the models" hidden>\n'
        + "\n".join(fields)
        + f"\n{hint}\n</form>\n"
        + '<p class="zoo-count"><output aria-live="polite"></output></p>'
    )


def plot_figure(tasks: Sequence[tuple[str, Sequence[Entry]]], picture: str, description: str) -> str:
    """Return the place of the plot: without scripts it holds a picture.

    Args:
        tasks: The entries, task by task.
        picture: Where the picture is.
        description: What it shows, in words.
    """
    metrics = {column.key: column.title for _, of in tasks for column in metric_columns(of)}
    axes = {column.key: f"{column.title}{f' ({column.unit})' if column.unit else ''}" for column in SIZES}
    return (
        '<figure class="zoo-plot">\n'
        '<form class="zoo-axes" aria-label="Axes of the plot" hidden>\n'
        + _label("Plot of", _select("plot-task", {task: task_title(task) for task, _ in tasks}))
        + _label("Upwards", _select("plot-y", metrics))
        + _label("To the right", _select("plot-x", axes))
        + "\n</form>\n"
        f'<div class="zoo-canvas"><img src="{escape(picture)}" alt="{escape(description)}" loading="lazy"></div>\n'
        f'<figcaption>{escape(description)} <span class="zoo-plot-hint" hidden>A click on a point opens its model; '
        "with the keyboard, arrows walk along the points and Enter opens one. The plot shows what the filter "
        "leaves.</span></figcaption>\n</figure>"
    )


def _label(title: str, control: str, kind: str = "") -> str:
    return f"<label{f' class=zoo-{kind}' if kind else ''}><span>{title}</span>{control}</label>"


def _search() -> str:
    return '<input type="search" name="q" autocomplete="off" spellcheck="false" aria-describedby="zoo-words-hint">'


def _number(name: str) -> str:
    return f'<input type="number" name="{name}" min="0" step="any" inputmode="decimal">'


def _select(name: str, options: dict[str, str]) -> str:
    shown = "".join(f'<option value="{escape(value)}">{escape(title)}</option>' for value, title in options.items())
    return f'<select name="{name}">{shown}</select>'


def _same(values: Iterable[str]) -> dict[str, str]:
    return {value: value for value in sorted(set(values))}
