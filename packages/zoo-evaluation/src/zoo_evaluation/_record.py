"""Records: numbers with everything that they depend on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from ._files import write_whole

VERSION = 1
"""Of the file's form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A number of a record.

    Args:
        name: As weights entries have it.
        value: In the unit of the published one, mostly per cent.
        published: What the weights entry states; `None` where it states none, or for another data set.
        low: Of the interval that it is in with 95 % confidence, if that is known.
        high: Likewise.
    """

    name: str
    value: float
    published: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def difference(self) -> float | None:
        """How much more than published."""
        return None if self.published is None else self.value - self.published

    @property
    def as_published(self) -> bool:
        """Whether the value, rounded as the published one, is that."""
        digits = len(repr(float(self.published or 0)).partition(".")[2])
        return self.published is not None and round(self.value, digits) == round(self.published, digits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was measured, on what, with what, and how. Two runs of the same differ in `timing` alone.

    Args:
        protocol: Its name and version.
        model: Name, weights entry, file and its SHA-256, or, of a network in memory, that of its parameters.
        dataset: Layout, number of samples, how many are expected, digests.
        metrics: The numbers.
        per_class: Of each class.
        failures: How many samples could not be read; they count as wrong.
        settings: Batch size, device, threads and the like.
        versions: Of the packages that decide.
        notes: What else to know, one sentence each: that the data set is not whole, say.
        timing: When, how long, how many samples a second.
    """

    protocol: Mapping[str, Any]
    model: Mapping[str, Any]
    dataset: Mapping[str, Any]
    metrics: tuple[Measured, ...]
    per_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    failures: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    timing: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        """Return the value of a metric.

        Raises:
            KeyError: There is none of that name.
        """
        found = {metric.name: metric.value for metric in self.metrics}
        if name not in found:
            raise KeyError(f"{name!r} is not in the record, which has {', '.join(found)}.")
        return found[name]

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON takes it."""
        content = {"version": VERSION, **asdict(self)}
        content["metrics"] = [asdict(metric) | {"difference": metric.difference} for metric in self.metrics]
        return content

    @property
    def is_whole(self) -> bool:
        """Whether the data set has as many samples as the published one, if it is one."""
        return self.dataset["expected"] in {None, self.dataset["samples"]}

    def summary(self) -> list[str]:
        """Return what there is to say beside the numbers, one sentence each."""
        told = list(self.notes)
        known = [metric for metric in self.metrics if metric.published is not None]
        if known and self.is_whole:
            same = [metric.name for metric in known if metric.as_published]
            others = [metric.name for metric in known if not metric.as_published]
            told += [f"{', '.join(same)}: as published."] if same else []
            told += [f"{', '.join(others)}: not as published."] if others else []
        return told

    def table(self) -> tuple[list[str], list[list[object]]]:
        """Return the numbers as a table, for people: its header, and its rows."""
        header = ["metric", "measured", "published", "difference", "95% from", "to"]
        return header, [
            [each.name, each.value, each.published, each.difference, each.low, each.high] for each in self.metrics
        ]

    def to_markdown(self) -> str:
        """Return the numbers, and what they depend on, to be read by people."""
        header, rows = self.table()
        lines = [f"# {self.model['name']} on {self.protocol['title']}", "", f"| {' | '.join(header)} |"]
        lines += ["|---|" + "---:|" * (len(header) - 1)]
        lines += [f"| {' | '.join(map(_shown, row))} |" for row in rows]
        lines += ["", *(f"- {text}" for text in self.summary()), f"- {self.dataset['samples']} samples"]
        lines[-1] += f" of {self.dataset['expected']}." if self.dataset["expected"] else "."
        protocol = f"{self.protocol['name']} {self.protocol['version']}"
        facts = {"weights": self.model["weights"], "protocol": protocol, **self.settings, **self.versions}
        lines += [f"- {name}: {_shown(value)}" for name, value in facts.items()]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        """Write the record as JSON, and beside it, for people, as `.md`; each file is replaced at once."""
        write_whole(path, json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n")
        write_whole(path.with_suffix(".md"), self.to_markdown())

    @classmethod
    def from_json(cls, path: Path | str) -> Self:
        """Read what `write` has written.

        Raises:
            ValueError: The file is no record, or of a newer form.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            version = content.pop("version")
            if version > VERSION:
                raise ValueError(
                    f"{path} is a record of version {version}, and this zoo reads up to {VERSION}: update it."
                )
            metrics = [
                {key: value for key, value in each.items() if key != "difference"} for each in content["metrics"]
            ]
            return cls(
                **content | {"metrics": tuple(Measured(**each) for each in metrics), "notes": tuple(content["notes"])}
            )
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path} is not a record of zoo evaluate: {error}.") from None


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value).replace("|", "\\|")
