"""The report of a run."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.names import Later
from zoo_evaluation._files import write_whole

from ._blocks import Section, Table
from ._defaults import SHOWN, class_sections
from ._html import number_text
from ._page import page

if TYPE_CHECKING:
    from zoo_evaluation import _evaluation, _record
else:
    _evaluation, _record = Later("zoo_evaluation._evaluation"), Later("zoo_evaluation._record")

NAME = "report.html"


def write_report(
    record: "_record.Record", evaluation: "_evaluation.Evaluation[Any]", rows: Sequence[Mapping[str, Any]], folder: Path
) -> Path:
    """Write what was measured as one page, which needs no network, and return its path.

    Args:
        record: The numbers.
        evaluation: Of the task, with its data set, which pictures are read from.
        rows: Of all samples, in order.
        folder: The run's; the page becomes `report.html` in it.
    """
    sections = [
        _numbers(record),
        *evaluation.sections(rows, folder),
        *class_sections(record.per_class, (metric.name for metric in record.metrics)),
        *_failures(rows),
        facts_section(record),
    ]
    path = folder / NAME
    count, expected = record.dataset["samples"], record.dataset["expected"]
    parts = [f"{count} samples" + (f" of {expected}" if expected else ""), record.model["weights"]]
    subtitle = ", ".join(part for part in parts if part)
    title = f"{record.model['name']} on {record.protocol['title']}"
    write_whole(path, page(title, subtitle, sections, record.summary()))
    return path


def facts_section(record: "_record.Record") -> Section:
    """Return everything that the numbers depend on, as the record has it."""
    content = record.to_dict()
    parts = ("model", "dataset", "protocol", "settings", "versions", "timing")
    rows = [(name, number_text(value)) for part in parts for name, value in _flat(part, content[part])]
    return Section(title="What this depends on", blocks=[Table(header=["fact", "value"], rows=rows)])


def _numbers(record: "_record.Record") -> Section:
    header, rows = record.table()
    return Section(title="Numbers", blocks=[Table(header=header, rows=rows)])


def _failures(rows: Iterable[Mapping[str, Any]]) -> list[Section]:
    failed = [(row["source"], row["error"]) for row in rows if "error" in row]
    if not failed:
        return []
    text = f"{len(failed)} samples could not be read, and count as wrong" + (
        f"; these are the first {SHOWN}." if len(failed) > SHOWN else "."
    )
    return [Section(title="Failures", text=text, blocks=[Table(header=["sample", "error"], rows=failed[:SHOWN])])]


def _flat(name: str, value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _flat(f"{name}: {key}", each)
    else:
        yield name, value
