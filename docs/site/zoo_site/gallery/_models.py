"""The page of a model: how it is used, and what is known of each of its weights entries."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from zoo_core import get_task
from zoo_evaluation.protocols import describe

from ._blocks import blocks, entry_inputs
from ._columns import UNITS
from ._entries import Entry, task_title
from ._families import models_table, read_prose
from ._latency import Measured
from ._layers import Shapes
from ._markdown import Table, code, facts_table, front_matter


def model_markdown(entries: Sequence[Entry], measured: Sequence[Measured], layers: Shapes) -> str:
    """Return the page of a model.

    Args:
        entries: All weights entries of the model.
        measured: What docs/benchmarks.json holds.
        layers: The shapes of its features by the names of layers.
    """
    default = next(entry for entry in entries if entry.is_default)
    prose = read_prose(default.model.path)
    parts = [
        front_matter(),
        f"(model-{default.name.replace('_', '-')})=\n# {default.name}",
        f"[{prose.title}](index.md) · {task_title(default.task)} · "
        f"{{py:func}}`{default.model.module}.{default.model.builder}` · "
        "[all models](../../index.md)",
        prose.text,
        "## Weights",
        models_table(entries, with_models=False).markdown(),
        "## Use",
        *_use(default, layers),
        *(_entry(entry) for entry in entries),
        *_layers(default, layers),
        *_speed(default, measured),
    ]
    return "\n\n".join(parts) + "\n"


def _use(default: Entry, layers: Shapes) -> Iterator[str]:
    for block in blocks(default, layers):
        if block.title:
            yield f"### {block.title}"
        if block.text:
            yield block.text
        yield code(block.language, block.code)
    if get_task(default.task).training is None and "unquantized" in default.meta:
        unquantized = default.meta["unquantized"]
        target = f"weights-{unquantized}".lower()
        yield f"An int8 network is not trained; the float one is: {{ref}}`{unquantized} <{target}>`."


def _entry(entry: Entry) -> str:
    parts = [
        f"({entry.target})=\n## {entry.weights.name}",
        entry.meta.get("_docs", ""),
        facts_table(_facts(entry)),
        "### Preprocessing\n\n" + _preprocessing(entry),
        "### Metrics\n\n" + _metrics(entry),
    ]
    text = "\n\n".join(part for part in parts if part)
    for title in ("Preprocessing", "Metrics"):  # of which there may be several on a page
        text = text.replace(f"### {title}\n", f"({entry.anchor}-{title.lower()})=\n### {title}\n")
    return text


def _facts(entry: Entry) -> dict[str, str | None]:
    meta, digest = entry.meta, entry.weights.file.digest
    size = entry.weights.file.size
    exact = f"{size:,} bytes ({size / 2**20:,.1f} MiB)" if size else None
    known = "all digits" if digest and len(str(digest)) == 64 else "its first digits, which the name of the file holds"
    return {
        "Name": f"`{entry.weights}`{', the default' if entry.is_default else ''}, of "
        f"{{py:class}}`{entry.model.module}.{entry.model.weights}`",
        "Parameters": f"{meta['num_params']:,}",
        "GFLOPs": f"{meta['_ops']:g}" if meta.get("_ops") is not None else None,
        "File": exact or (f"{entry.num_bytes / 2**20:,.1f} MiB" if entry.num_bytes else None),
        "Published at": f"<{entry.weights.url}>" if "://" in entry.weights.url else f"`{entry.weights.url}`",
        "SHA-256": f"`{digest}` ({known})" if digest else None,
        "Input": f"{entry.input_text}{_least(meta) if entry.input_sides else ''}",
        "Categories": _categories(meta),
        "Trained on": meta.get("dataset"),
        "Recipe": _linked(meta.get("recipe")),
        "Licence": _license(meta),
        "Terms of the data": "; ".join(
            f"[{name}]({facts['source']}): {facts['terms']}" for name, facts in meta.get("dataset_terms", {}).items()
        ),
    }


def _least(meta: Mapping[str, Any]) -> str:
    least = meta.get("min_size")
    return f"; the network takes at least {least[0]} x {least[1]} pixels" if least and max(least) > 1 else ""


def _categories(meta: Mapping[str, Any]) -> str | None:
    names = meta.get("categories")
    if not names:
        return None
    return f"{len(names)}: {', '.join(map(escape, names[:3]))}{', …' if len(names) > 3 else ''}"


def _linked(text: str | None) -> str | None:
    return f"<{text}>" if text and text.startswith("http") else text


def _license(meta: Mapping[str, Any]) -> str:
    """Say which licence the weights have and who says so; if nobody does, what is known of who publishes them."""
    name = f"[{meta['license']}]({meta['license_link']})" if "license_link" in meta else meta.get("license", "unknown")
    stated = f", stated by {meta['license_stated_by']}" if meta.get("license_stated_by") else ""
    publisher = meta.get("publisher")
    if stated or publisher is None:
        return f"{name}{stated}"
    return (
        f"{name}: nobody has stated one for these weights. {publisher['repository']}, which publishes them, is itself "
        f"under [{publisher['license']}]({publisher['source']})"
    )


def _preprocessing(entry: Entry) -> str:
    """Say what `weights.transforms()` does, in the words of the preset."""
    preset: Any = entry.weights.transforms()
    return f"`weights.transforms()` is `zoo_core.transforms.{type(preset).__name__}`. {preset.describe()}"


def _metrics(entry: Entry) -> str:
    found = describe(entry.name, entry.weights).get("evaluation", [])
    table = Table(["Measured on", "Metric"])
    table.add_column("Published", is_number=True)
    for dataset, values in entry.metrics.items():
        for metric, value in values.items():
            table.add_row([dataset, f"`{metric}`", f"{value:g} {UNITS.get(metric, '')}".strip()])
    return "\n\n".join([table.markdown() if entry.metrics else "None is published.", *map(_protocol, found)])


def _protocol(found: Mapping[str, Any]) -> str:
    samples = f", {found['samples']:,} samples" if found.get("samples") else ""
    metrics = ", ".join(f"`{name}`" for name in found["metrics"])
    said = f"Protocol `{found['protocol']}`: {found['data']}{samples}; {metrics}."
    if found["command"]:
        return f"{said} To check:\n\n{code('sh', found['command'])}"
    return f"{said} {found['reason']}"


def _layers(default: Entry, layers: Shapes) -> Iterator[str]:
    if not layers:
        return
    yield "## Layers for features"
    inputs = " and ".join("(" + ", ".join(map(str, shape)) + ")" for shape in entry_inputs(default))
    of = " of `model.backbone`, whose names begin behind `backbone.`," if default.task == "detection" else ""
    yield (
        f"What `extract_features`{of} can be asked for, with the shapes for an input of {inputs}: blocks, stages, "
        "and layers that are in no block. `zoo_core.features.list_features(model)` lists every layer."
    )
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(name)}</code></th>'
        f'<td class="zoo-number">{" x ".join(map(str, shape))}</td></tr>'
        for name, shape in layers.items()
    )
    head = '<thead><tr><th scope="col">Layer</th><th scope="col" class="zoo-number">Shape</th></tr></thead>'
    yield (
        '```{raw} html\n<div class="zoo-table zoo-layers" role="region" aria-label="Layers for features" tabindex="0">'
        f"<table>{head}<tbody>{rows}</tbody></table></div>\n```"
    )


def _speed(default: Entry, measured: Sequence[Measured]) -> Iterator[str]:
    yield "## Measured speed"
    tables = [(table, rows) for table in measured if (rows := table.rows_of(default.name))]
    if not tables:
        yield "No time has been measured of this model yet; this does it:"
        by_benchmark = default.package != "zoo-digits"  # which torchvision, with which it compares, does not have
        command = "nox -s bench -- forward {}" if by_benchmark else "zoo compare {} --data digits/"
        yield code("sh", command.format(default.name))
        return
    for found, rows in tables:
        yield f"{found.title}, {found.date} ({found.machine}):"
        names = [name for name in rows[0] if name != "model"]
        table = Table([])
        for name in names:
            table.add_column(name, is_number=rows[0][name][:1].isdigit())
        for row in rows:
            table.add_row([row[name] for name in names])
        yield table.markdown()
    yield "All of them, and how they are measured, are in [Benchmarks](../../../benchmarks.md)."
