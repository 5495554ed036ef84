"""What model cards are made of: Markdown, and the metadata at its head as the Hub reads it."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zoo_core._registry import find_task


def card(*sections: str) -> str:
    """Return the sections of a card that are not empty, one below the other."""
    return "\n\n".join(section for section in sections if section) + "\n"


def front_matter(metadata: Mapping[str, object]) -> str:
    """Write metadata between lines of `---`, each value as JSON, which is YAML as well."""
    lines = (f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in metadata.items())
    return "\n".join(["---", *lines, "---"])


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: object) -> str:
    return "" if value is None else str(value).replace("|", "\\|").replace("\n", " ")


def licence_metadata(meta: Mapping[str, Any]) -> dict[str, str]:
    """Return the licence as the Hub writes it: an identifier, or a name of its own with a link."""
    text = meta.get("license") or "unknown"
    if "://" in text:
        return {"license": "other", "license_name": "of-the-publisher", "license_link": text}
    return {"license": text.lower()} | ({"license_link": meta["license_link"]} if "license_link" in meta else {})


def model_metadata(title: str, task_name: str, meta: Mapping[str, Any]) -> dict[str, object]:
    """Return what stands at the head of a model's card, with its metrics as the Hub shows them.

    Args:
        title: What the model is called.
        task_name: As the catalogue has it.
        meta: As weights entries state it.
    """
    task = find_task(task_name)
    metadata: dict[str, object] = {"library_name": "zoo", **licence_metadata(meta)}
    if task is not None and task.pipeline_tag is not None:
        metadata["pipeline_tag"] = task.pipeline_tag
    metadata["tags"] = tags(task_name)
    results = [
        {
            "task": {"type": metadata.get("pipeline_tag", task_name)},
            "dataset": {"name": dataset, "type": dataset.lower().replace(" ", "-").replace(",", "")},
            "metrics": [{"type": metric, "name": metric, "value": value}],
        }
        for dataset, metric, value in metric_values(meta)
    ]
    return metadata | ({"model-index": [{"name": title, "results": results}]} if results else {})


def metrics_table(meta: Mapping[str, Any]) -> str:
    """Return the metrics that an entry states as a table, or nothing."""
    values = list(metric_values(meta))
    return table(("Dataset", "Metric", "Value"), values) if values else ""


def tags(*more: str) -> list[str]:
    """Return the tags of all cards, and more."""
    return ["pytorch", "vision", *more]


def metric_values(meta: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Yield the metrics that an entry states: data set, metric, value."""
    for dataset, values in meta.get("_metrics", {}).items():
        yield from ((dataset, metric, value) for metric, value in values.items() if not math.isnan(value))
