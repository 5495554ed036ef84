"""The form above the tables. Without scripts it is hidden, and the tables are whole."""

from collections.abc import Iterable, Sequence
from html import escape

from ._columns import SIZES, Column, metric_columns
from ._entries import Entry, task_title


def filter_form(tasks: Sequence[tuple[str, Sequence[Entry]]]) -> str:
    """Return the form that filters all tables."""
    entries = [entry for _, of in tasks for entry in of]
    metrics = {column.key: column.title for _, of in tasks for column in metric_columns(of)}
    fields = [
        _field("Words", "q", _SEARCH, "wide"),
        _field("Task", "task", _select({"": "all"} | {task: task_title(task) for task, _ in tasks})),
        _field("Metric", "metric", _select(metrics)),
        _field('<span data-bound="metric">At least</span>', "least", _NUMBER),
        *(_field(_at_most(column), column.key, _NUMBER) for column in SIZES),
        _field("Licence", "license", _select({"": "any"} | _same(entry.license for entry in entries))),
        _field("Package", "package", _select({"": "all"} | _same(entry.package for entry in entries))),
        _field("Default weights only", "default", _CHECKBOX, "check"),
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
        + _field("Plot of", "plot-task", _select({task: task_title(task) for task, _ in tasks}))
        + _field("Upwards", "plot-y", _select(metrics))
        + _field("To the right", "plot-x", _select(axes))
        + "\n</form>\n"
        f'<div class="zoo-canvas"><img src="{escape(picture)}" alt="{escape(description)}" loading="lazy"></div>\n'
        f'<figcaption>{escape(description)} <span class="zoo-plot-hint" hidden>A click on a point opens its model; '
        "with the keyboard, arrows walk along the points and Enter opens one. The plot shows what the filter "
        "leaves.</span></figcaption>\n</figure>"
    )


def _at_most(column: Column) -> str:
    return f"{column.title} at most{f' ({column.unit})' if column.unit else ''}"


def _field(title: str, name: str, control: str, kind: str = "") -> str:
    """Return a control with its label."""
    return (
        f'<div class="zoo-field{f" zoo-{kind}" if kind else ""}"><label for="zoo-{name}">{title}</label>'
        + control.replace(" ", f' id="zoo-{name}" name="{name}" ', 1)
        + "</div>"
    )


_SEARCH = '<input type="search" autocomplete="off" spellcheck="false" aria-describedby="zoo-words-hint">'
_NUMBER = '<input type="number" min="0" step="any" inputmode="decimal">'
_CHECKBOX = '<input type="checkbox">'


def _select(options: dict[str, str]) -> str:
    shown = "".join(f'<option value="{escape(value)}">{escape(title)}</option>' for value, title in options.items())
    return f"<select >{shown}</select>"


def _same(values: Iterable[str]) -> dict[str, str]:
    return {value: value for value in sorted(set(values))}
