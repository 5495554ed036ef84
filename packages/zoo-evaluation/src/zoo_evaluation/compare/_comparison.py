"""What is shown of models beside each other: one metric against one cost, and all figures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from zoo_evaluation._record import Record
from zoo_evaluation.report import Chart, Line, Point, Section, Table
from zoo_evaluation.report._defaults import ERRORS

from ._compared import Compared
from ._front import pareto_front

COSTS: Mapping[str, tuple[str, str, float]] = {
    "latency": ("latency_ms", "latency, ms", 1.0),
    "parameters": ("parameters", "parameters, M", 1e6),
    "size": ("file_bytes", "file, MiB", 2.0**20),
    "memory": ("peak_memory_bytes", "memory, MiB", 2.0**20),
}
"""What models can be compared by: the field of `Cost`, its name for people, and how much one of their units is."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Models beside each other.

    Args:
        models: They, at least one.
        metric: How good they are; by default the first that all records have.
        cost: What they cost, of `"latency"`, `"parameters"`, `"size"` and `"memory"`; by default the first that is
            known of most of them.

    Raises:
        ValueError: There are no models, or a record does not have the metric.
    """

    models: Sequence[Compared]
    metric: str | None = None
    cost: str | None = None

    def __post_init__(self) -> None:
        if not self.models:
            raise ValueError("There is nothing to compare.")
        if not self.metrics:
            told = "; ".join(f"{each.name} has {', '.join(_names(each.record))}" for each in self.models)
            raise ValueError(f"The records have no metric in common: {told}.")
        if self.metric is not None and self.metric not in self.metrics:
            raise ValueError(f"Not all records have {self.metric!r}: they share {', '.join(self.metrics)}.")
        if self.cost is not None and self.cost not in COSTS:
            raise ValueError(f"Models are compared by {', '.join(COSTS)}: found {self.cost!r}.")

    @cached_property
    def metrics(self) -> list[str]:
        """The metrics that all records have."""
        return [name for name in _names(self.models[0].record) if all(name in _names(m.record) for m in self.models)]

    @cached_property
    def by(self) -> tuple[str, str]:
        """The metric and the cost that are drawn."""
        known = {name: sum(_cost(each, name) is not None for each in self.models) for name in COSTS}
        return self.metric or self.metrics[0], self.cost or max(known, key=lambda name: known[name])

    @cached_property
    def front(self) -> frozenset[int]:
        """The places of the models that no other one beats; those of which one figure is not known are not in it."""
        return frozenset(self._known[place] for place in self._front)

    @cached_property
    def _known(self) -> list[int]:
        metric, cost = self.by
        values = [(_cost(each, cost), each.record[metric]) for each in self.models]
        return [place for place, (x, y) in enumerate(values) if x is not None and math.isfinite(y)]

    @cached_property
    def _front(self) -> tuple[int, ...]:
        metric, cost = self.by
        sign = -1 if metric in ERRORS else 1
        known = [self.models[place] for place in self._known]
        return pareto_front([(_cost(each, cost) or 0.0, sign * each.record[metric]) for each in known])

    @property
    def notes(self) -> list[str]:
        """What makes the figures less comparable, one sentence each."""
        records = [each.record for each in self.models]
        found = []
        measured = {(each.dataset["sha256"], each.protocol["name"], each.protocol["version"]) for each in records}
        if len(measured) > 1:
            found.append("These were not measured on the same samples by the same protocol: compare with care.")
        where = {(each.cost.device, each.cost.threads) for each in self.models if each.cost.latency_ms is not None}
        if len(where) > 1:
            found.append("Latencies were measured on different machines, or with different numbers of threads.")
        elif where:
            device, threads = next(iter(where))
            found.append(f"Latency: one sample alone, the median; threads: {threads}; device: {device}.")
        return found + [f"{each.name}: {text}" for each in self.models for text in each.record.notes]

    def table(self) -> tuple[list[str], list[list[object]]]:
        """Return header and rows; the last column marks the front."""
        header = ["model", *self.metrics, *(label for _, label, _ in COSTS.values()), "front"]
        rows: list[list[object]] = [
            [
                each.name,
                *(each.record[name] for name in self.metrics),
                *(_cost(each, name) for name in COSTS),
                "*" if place in self.front else "",
            ]
            for place, each in enumerate(self.models)
        ]
        return header, rows

    def to_list(self) -> list[dict[str, Any]]:
        """Return each model's figures as JSON and CSV take them: times in ms, sizes in bytes."""
        return [
            {
                "model": each.name,
                "weights": each.record.model["weights"],
                **{name: each.record[name] for name in self.metrics},
                **{field: getattr(each.cost, field) for field, _, _ in COSTS.values()},
                "threads": each.cost.threads,
                "device": each.cost.device,
                "samples": each.record.dataset["samples"],
                "front": place in self.front,
            }
            for place, each in enumerate(self.models)
        ]

    def chart(self) -> Chart:
        """Return the models as points, those of the front marked and linked."""
        metric, cost = self.by
        points = [
            Point(name=each.name, x=_cost(each, cost) or 0.0, y=each.record[metric], marked=place in self.front)
            for place, each in ((place, self.models[place]) for place in self._known)
        ]
        line = Line(name="front", points=[(points[place].x, points[place].y) for place in self._front], dashed=True)
        return Chart(x_label=COSTS[cost][1], y_label=metric, points=points, lines=[line] if points else [])

    def sections(self) -> list[Section]:
        """Return what a page shows."""
        metric, cost = self.by
        header, rows = self.table()
        text = f"Filled: no other model beats it in {metric} and {cost}."
        parts = [("samples", "dataset"), ("sha256", "dataset"), ("sha256", "model"), ("weights", "model")]
        names = [f"{part} {name}" for name, part in parts]
        facts = [[each.name, *(getattr(each.record, part)[name] for name, part in parts), _versions(each.record)]
                 for each in self.models]  # fmt: skip
        return [
            Section(title="How good, and at what cost", text=text, blocks=[self.chart()]),
            Section(title="Figures", blocks=[Table(header=header, rows=rows)]),
            Section(title="Where they come from", blocks=[Table(header=["model", *names, "versions"], rows=facts)]),
        ]


def _names(record: Record) -> list[str]:
    return [metric.name for metric in record.metrics]


def _cost(model: Compared, name: str) -> float | None:
    """Return a cost in people's unit."""
    field, _, unit = COSTS[name]
    value = getattr(model.cost, field)
    return None if value is None else value / unit


def _versions(record: Record) -> str:
    return ", ".join(f"{name} {value}" for name, value in record.versions.items())
