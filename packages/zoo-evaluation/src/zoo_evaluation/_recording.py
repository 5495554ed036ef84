"""From rows to a record."""

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ._evaluation import Evaluation, Metric
from ._record import Measured, Record
from ._subject import Subject


def record_of(
    evaluation: Evaluation[Any],
    rows: Sequence[Mapping[str, Any]],
    folder: Path,
    *,
    subject: Subject,
    settings: Mapping[str, Any],
    timing: Mapping[str, Any],
) -> Record:
    """Compute the numbers, and put down everything that they depend on.

    Args:
        evaluation: Of the task, with data set and protocol.
        rows: Of all samples, in order.
        folder: Where larger things than rows are.
        subject: What has predicted.
        settings: How the model was run.
        timing: How long it took.
    """
    protocol, dataset = evaluation.protocol, evaluation.dataset
    measures = evaluation.measure(rows, folder)
    published = subject.published.get(protocol.dataset, {}) if protocol.dataset else {}
    file, digest = subject.digest
    return Record(
        protocol={"name": protocol.name, "version": protocol.version, "title": protocol.title},
        model={
            "name": subject.name,
            "weights": None if subject.entry is None else str(subject.entry),
            "file": file,
            "sha256": digest,
        },
        dataset={
            "layout": dataset.layout,
            "samples": len(dataset),
            "expected": protocol.count,
            "sha256": dataset.digest,
            "files": {path.name: _sha256(path) for path in dataset.files},
        },
        metrics=tuple(_measured(metric, published) for metric in measures.metrics),
        per_class=measures.per_class,
        failures=sum("error" in row for row in rows),
        settings=settings,
        versions=_versions(),
        notes=tuple(_notes(evaluation, rows)),
        timing=timing,
    )


def _measured(metric: Metric, published: Mapping[str, float]) -> Measured:
    low, high = metric.interval or (None, None)
    return Measured(name=metric.name, value=metric.value, published=published.get(metric.name), low=low, high=high)


def _notes(evaluation: Evaluation[Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    protocol, dataset = evaluation.protocol, evaluation.dataset
    yield from dataset.notes
    if protocol.count is not None and protocol.count != len(dataset):
        yield f"This is a partial data set: {len(dataset)} of {protocol.count} samples."
    classes = 0 if dataset.categories is None else len(dataset.categories)
    if protocol.num_classes is not None and classes not in {0, protocol.num_classes}:
        yield f"This is another data set: it has {classes} classes, and {protocol.title} {protocol.num_classes}."
    failures = [row for row in rows if "error" in row]
    if failures:
        yield f"{len(failures)} samples could not be read, and count as wrong; the first: {failures[0]['error']}"
    if protocol.reason:
        yield protocol.reason


def _versions() -> dict[str, str]:
    import torch

    return {
        "zoo": version("zoo-core"),
        "torch": torch.__version__,
        "pillow": version("pillow"),
        "python": platform.python_version(),
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
