"""What a task has to say of its evaluation: what is kept of a prediction, and which numbers are made of that."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from zoo_core.names import Later
from zoo_core.prediction import Prediction

from .datasets import Dataset, Sample
from .protocols import Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy import typing as npt

    from . import report
else:
    np, npt, report = Later("numpy"), Later("numpy.typing"), Later("zoo_evaluation.report")

S = TypeVar("S", bound=Sample)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A number.

    Args:
        name: As weights entries have it: `"acc@1"`.
        value: In the unit of the published ones, mostly per cent.
        interval: Within which it is with 95 % confidence, `(low, high)`; `None` where that is not known.
    """

    name: str
    value: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """All numbers of an evaluation.

    Args:
        metrics: The protocol's first.
        per_class: Of each class, by name: `{"cat": {"acc@1": 93.1, "count": 50}}`.
    """

    metrics: tuple[Metric, ...]
    per_class: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


class Evaluation(ABC, Generic[S]):
    """How models of a task are evaluated. A task names its class as `Task.evaluation`.

    Args:
        dataset: The samples.
        protocol: How the numbers are measured.
        categories: Of the model's weights.

    Raises:
        DatasetError: The data set's classes are not the model's.
    """

    holds: ClassVar[str]
    """What the data set's samples are, as `Layout.holds` has it."""

    def __init__(self, dataset: Dataset[S], protocol: Protocol, categories: Sequence[str]) -> None:
        self.dataset = dataset
        self.protocol = protocol
        self.categories = tuple(categories)

    def part(self, samples: Iterable[S]) -> Self:
        """Return the evaluation of some of the samples, which shares what has been computed of them."""
        part = copy(self)
        part.dataset = replace(self.dataset, samples=tuple(samples))
        return part

    def options(self) -> dict[str, Any]:
        """Return what the task's predictor is told."""
        return {}

    @abstractmethod
    def row(self, sample: S, prediction: Prediction, folder: Path) -> dict[str, Any]:
        """Return what is kept of a prediction, as JSON takes it. Larger things become files in the folder."""

    def finish(self, rows: Iterable[Mapping[str, Any]], folder: Path) -> None:
        """Write the file that the field exchanges, where the rows are not that already."""

    @abstractmethod
    def measure(self, rows: Sequence[Mapping[str, Any]], folder: Path) -> Measures:
        """Compute the numbers from what was kept.

        Args:
            rows: What `row` has given, for the samples in order; for those that could not be read, `{"error": ...}`.
            folder: Where larger things are.
        """

    def confusion(self, rows: Iterable[Mapping[str, Any]], folder: Path) -> "npt.NDArray[np.int64] | None":
        """Return how often each class of the model's was taken for each, `(C, C)`, a row for each true class.

        `None` where a task has no such.
        """
        return None

    def sections(self, rows: Sequence[Mapping[str, Any]], folder: Path) -> "Sequence[report.Section]":
        """Return what a report shows beside the numbers: by default confused classes, and the worst samples.

        Args:
            rows: As for `measure`.
            folder: Likewise.
        """
        from .report._defaults import confusion_sections, worst_sections

        confusion = self.confusion(rows, folder)
        confused = [] if confusion is None else confusion_sections(self.categories, confusion)
        return [*confused, *worst_sections(self.dataset.samples, rows, self.protocol.metrics)]
