"""The gallery: all models in tables and a plot, a page a family, and a page a model with its weights entries."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from zoo_site._site import Site

from ._columns import SIZES, Column, metric_columns
from ._entries import Entry, read_entries, task_title
from ._families import family_markdown
from ._form import filter_form, plot_figure
from ._latency import Measured, latencies, latency_tables, read_measured
from ._layers import read_layers
from ._models import model_markdown
from ._plot import compiled, drawn, library
from ._tables import task_table

PICTURE = "models-accuracy"
"""The picture of the plot, without its suffix: on the page without scripts, and in README."""
HEAD = """---
scripts: gallery/table.js gallery/plot.js
styles: gallery/gallery.css
html_theme.sidebar_secondary.remove: true
---"""


def generate(site: Site) -> None:
    """Write the pages, and what they load."""
    entries = write_pages(site)
    svg, _ = picture(entries)
    site.write_static(f"gallery/{PICTURE}.svg", svg)
    site.write_static("gallery/plot-in-vega.js", compiled())
    site.write_static("gallery/vega.js", library(site.repository / "build" / "cache"))


def write_pages(site: Site) -> list[Entry]:
    """Write the pages, and return what they show."""
    tables = read_measured(site.repository)
    entries = read_entries(latencies(tables))
    layers = read_layers(site.repository)
    site.write("gallery/index.md", _index(entries, tables))
    families: dict[str, list[Entry]] = {}
    for entry in entries:
        families.setdefault(entry.model.path, []).append(entry)
    for of_family in families.values():
        _write_family(site, of_family, tables, layers)
    return entries


def _write_family(
    site: Site, entries: Sequence[Entry], tables: Sequence[Measured], layers: dict[str, dict[str, tuple[int, ...]]]
) -> None:
    pages = {name: list(of) for name, of in groupby(entries, key=lambda entry: entry.name)}
    first = entries[0]
    site.write(f"{first.page.removesuffix(first.name)}index.md", family_markdown(entries))
    for name, of_model in pages.items():
        site.write(f"{of_model[0].page}.md", model_markdown(of_model, tables, layers.get(name, {})))


def draw_models(repository: Path) -> tuple[str, bytes]:
    """Draw the plot that the gallery begins with, as SVG and PNG.

    Args:
        repository: The checkout whose benchmarks are taken; the catalogue is that of the installed packages.
    """
    return picture(read_entries(latencies(read_measured(repository))))


def picture(entries: Sequence[Entry]) -> tuple[str, bytes]:
    """Draw the accuracy of classifiers against their parameters, as SVG and PNG."""
    along, upwards = _axes(entries)
    return drawn(_classifiers(entries), along, upwards)


def _classifiers(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.task == "classification"]


def _axes(entries: Sequence[Entry]) -> tuple[Column, Column]:
    return SIZES[0], metric_columns(_classifiers(entries))[0]


def _index(entries: Sequence[Entry], tables: list[Measured]) -> str:
    tasks = [(task, list(of)) for task, of in groupby(entries, key=lambda entry: entry.task)]
    models = len({entry.name for entry in entries})
    along, upwards = _axes(entries)
    said = (
        f"{task_title('classification')}: {upwards.title} on {upwards.dataset} against {along.title.lower()}. "
        "The line is the Pareto front: no model on the left of a point on it is as good."
    )
    parts = [
        HEAD,
        "# Models",
        f"{models} models with {len(entries)} weights entries, by task. A name leads to the model's page: what it is, "
        "how it is loaded, trained and exported, where its figures come from, and under which licence its weights are.",
        _raw(filter_form(tasks)),
        _raw(plot_figure(tasks, f"../_static/gallery/{PICTURE}.svg", said)),
        *(f"## {task_title(task)}\n\n{_raw(task_table(task, of))}" for task, of in tasks),
        "## What the figures are",
        _figures_explained(tables),
        *(_tree(task, of) for task, of in tasks),
    ]
    return "\n\n".join(parts) + "\n"


def _figures_explained(tables: list[Measured]) -> str:
    sources = "; ".join(f"*{table.title}*, {table.date}, {table.machine}" for table, _, _ in latency_tables(tables))
    return (
        "Metrics are those that were published with the weights; each model's page has the protocol and the command "
        "that checks them. A figure that was measured on another data set than the others of its column stands there "
        "with its name, and is not ranked or filtered by. GFLOPs are 10⁹ multiply-adds an input, of the size that the "
        "metrics were measured at. A file is counted in MiB, 2²⁰ bytes. Time is that of one input, in milliseconds, "
        f"and stated for models that have been measured: {sources} ([all measurements](../benchmarks.md)). A dash "
        "stands for what is not known.\n\n"
        "On the command line, `zoo list --min acc@1=80 --max num_params=30M` chooses likewise."
    )


def _tree(task: str, entries: Sequence[Entry]) -> str:
    families = dict.fromkeys(
        entry.page.removesuffix(entry.name).removeprefix("gallery/") + "index" for entry in entries
    )
    lines = ["```{toctree}", ":hidden:", f":caption: {task_title(task)}", "", *sorted(families), "```"]
    return "\n".join(lines)


def _raw(html: str) -> str:
    return f"```{{raw}} html\n{html}\n```"
