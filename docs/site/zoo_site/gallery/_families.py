"""The page of a family: what it is, from the prose beside its facts, and its models."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ._columns import SIZES, metric_columns
from ._entries import Entry, task_title
from ._markdown import Table, front_matter


@dataclass(frozen=True)
class Prose:
    """What a family's Markdown file says: its name, a few sentences, and its papers as a list."""

    title: str
    text: str
    papers: str


def read_prose(family_file: str) -> Prose:
    """Read the Markdown file beside the JSON file of a family.

    Raises:
        ValueError: It has another form.
    """
    path = Path(family_file).with_suffix(".md")
    parts = path.read_text(encoding="utf-8").strip().split("\n\n")
    if len(parts) != 3 or not parts[0].startswith("# ") or not parts[2].startswith("- "):
        raise ValueError(f"{path} should be a heading, a paragraph and a list of papers, and is not")
    return Prose(parts[0].removeprefix("# "), parts[1], parts[2])


def family_markdown(entries: Sequence[Entry]) -> str:
    """Return the page of a family's entries."""
    first = entries[0]
    prose = read_prose(first.model.path)
    models = [list(of) for _, of in groupby(entries, key=lambda entry: entry.name)]
    tree = ["```{toctree}", ":hidden:", "", *(of[0].name for of in models), "```"]
    parts = [
        front_matter(),
        f"(family-{first.task.replace('_', '-')}-{first.model.family.replace('_', '-')})=\n# {prose.title}",
        f"{task_title(first.task)} · package `{first.package}` · [all models](../../index.md)",
        prose.text,
        prose.papers,
        "## Models",
        models_table(entries).markdown(),
        "\n".join(tree),
    ]
    return "\n\n".join(parts) + "\n"


def models_table(entries: Sequence[Entry], *, with_models: bool = True) -> Table:
    """Return the entries with their figures, each a link to where it is described; the models' names only if wanted."""
    columns = [column for column in (*metric_columns(entries), *SIZES) if any(column.value(each) for each in entries)]
    table = Table(["Model", "Weights"] if with_models else ["Weights"])
    for column in columns:
        table.add_column(f"{column.title}{f' ({column.unit})' if column.unit else ''}", is_number=True)
    table.add_column("Licence")
    name = ""
    for entry in entries:
        model = f"[`{entry.name}`]({entry.name}.md)" if entry.name != name else ""
        member = f"{{ref}}`{entry.weights.name} <{entry.target}>`" + (" (default)" if entry.is_default else "")
        cells = [member, *(column.text(entry) for column in columns), entry.license]
        table.add_row([model, *cells] if with_models else cells)
        name = entry.name
    return table
