"""Evaluation of classes: of images, and of videos."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from zoo_core.prediction import Classification, Prediction
from zoo_evaluation._evaluation import Evaluation, Measures, Metric
from zoo_evaluation.datasets import ClassSample, Dataset, DatasetError
from zoo_evaluation.metrics import hits, wilson
from zoo_evaluation.protocols import Protocol
from zoo_evaluation.report import Section
from zoo_evaluation.report._defaults import confusion_sections

from ._class_sections import calibration, most_wrong

KEPT = 5
"""How many classes are kept of a prediction."""


class ClassificationEvaluation(Evaluation[ClassSample]):
    """Keeps the most probable classes of each image, and counts how often the right one is among them.

    Args:
        dataset: Images with their classes. Its `categories`, if it has any, are found among the model's by name.
        protocol: Its metrics are `"acc@1"`, and perhaps `"acc@5"`.
        categories: Of the model.

    Raises:
        DatasetError: The data set has other classes than the model.
    """

    holds: ClassVar[str] = "classes"

    def __init__(self, dataset: Dataset[ClassSample], protocol: Protocol, categories: Sequence[str]) -> None:
        super().__init__(dataset, protocol, categories)
        _check_number(dataset, protocol, len(self.categories))
        self.places = places_of(dataset, self.categories)
        """For each class of the data set its place among the model's."""

    def options(self) -> dict[str, Any]:
        """Return how many classes are asked for."""
        return {"topk": min(KEPT, len(self.categories))}

    def row(self, sample: ClassSample, prediction: Prediction, folder: Path) -> dict[str, Any]:
        """Return the most probable classes with their probabilities."""
        assert isinstance(prediction, Classification)
        return {
            "top": [label.index for label in prediction.top],
            "labels": [label.label for label in prediction.top],
            "scores": [label.score for label in prediction.top],
        }

    def measure(self, rows: Sequence[Mapping[str, Any]], folder: Path) -> Measures:
        """Count; what could not be read is wrong."""
        top = [row.get("top", ()) for row in rows]
        truth = [self.places[sample.label] for sample in self.dataset]
        metrics = []
        for name in self.protocol.metrics:
            right = hits(top, truth, int(name.partition("@")[2]))
            low, high = wilson(int(right.sum()), len(right))
            metrics.append(Metric(name=name, value=100 * float(right.mean()), interval=(100 * low, 100 * high)))
        return Measures(metrics=tuple(metrics), per_class=self._per_class(top, truth))

    def confusion(self, rows: Iterable[Mapping[str, Any]], folder: Path) -> NDArray[np.int64]:
        """Count the samples that could be read by their class and by the most probable one."""
        matrix = np.zeros((len(self.categories), len(self.categories)), dtype=np.int64)
        for sample, row in zip(self.dataset, rows, strict=True):
            if row.get("top"):
                matrix[self.places[sample.label], row["top"][0]] += 1
        return matrix

    def sections(self, rows: Sequence[Mapping[str, Any]], folder: Path) -> Sequence[Section]:
        """Return confused classes, the samples that are most surely wrong, and how far probabilities can be trusted."""
        names = [self._name(place) for place in range(len(self.categories))]
        known = [(self.places[sample.label], row) for sample, row in zip(self.dataset, rows, strict=True)]
        read = [(place, row) for place, row in known if row.get("top")]
        return [
            *confusion_sections(names, self.confusion(rows, folder)),
            *most_wrong(self.dataset, rows, [place for place, _ in known], names),
            *calibration([row["scores"][0] for _, row in read], [row["top"][0] == place for place, row in read]),
        ]

    def _per_class(self, top: Sequence[Sequence[int]], truth: Sequence[int]) -> dict[str, dict[str, float]]:
        right = hits(top, truth)
        of_class: dict[int, list[bool]] = {}
        for place, is_right in zip(truth, right.tolist(), strict=True):
            of_class.setdefault(place, []).append(is_right)
        return {
            self._name(place): {"acc@1": 100 * sum(found) / len(found), "count": len(found)}
            for place, found in sorted(of_class.items())
        }

    def _name(self, place: int) -> str:
        name = self.categories[place]
        return name if self.categories.count(name) == 1 else f"{name} ({place})"


def _check_number(dataset: Dataset[Any], protocol: Protocol, count: int) -> None:
    """Check that labels which count a published data set's classes count the model's."""
    if dataset.categories is None and protocol.num_classes not in {None, count}:
        raise DatasetError(
            f"{dataset.root} is read as {protocol.title}, with {protocol.num_classes} classes, and the model has "
            f"{count}: choose a model with these classes or, where folders have the names of the model's, "
            "--layout image-folder."
        )


def places_of(dataset: Dataset[Any], categories: Sequence[str]) -> tuple[int, ...]:
    """Return for each class of a data set its place among a model's: by name, whatever their order.

    Raises:
        DatasetError: A class of the data set is none of the model's, or has the name of several.
    """
    if dataset.categories is None:
        _check_labels(dataset, len(categories))
        return tuple(range(len(categories)))
    if dataset.categories == tuple(categories):
        return tuple(range(len(categories)))  # also where two classes have one name, as in ImageNet
    known = _known(categories)
    unknown = [name for name in dataset.categories if _plain(name) not in known]
    if unknown:
        raise DatasetError(
            f"{dataset.root} has {len(unknown)} of {len(dataset.categories)} classes that the model does not know: "
            f"{', '.join(unknown[:5])}. The model's {len(categories)} are called {', '.join(categories[:5])}, "
            "and so on: rename the folders, or choose a model that was trained on these classes."
        )
    found = [known[_plain(name)] for name in dataset.categories]
    for name, places in zip(dataset.categories, found, strict=True):
        if len(places) > 1:
            options = " or ".join(repr(f"{categories[place]} ({place})") for place in places)
            raise DatasetError(
                f"{dataset.root} has a class {name!r}, as {len(places)} of the model's are called: name it {options}."
            )
    return tuple(places[0] for places in found)


def _check_labels(dataset: Dataset[Any], count: int) -> None:
    """Check labels that have no names."""
    wrong = [sample for sample in dataset if not 0 <= sample.label < count]
    if wrong:
        hint = " Labels count from 0: these seem to count from 1." if all(s.label >= 1 for s in dataset) else ""
        raise DatasetError(
            f"{dataset.root} has {len(wrong)} labels that are none of the model's {count} classes, 0 to {count - 1}: "
            f"the first is {wrong[0].label}, of {wrong[0].name}.{hint}"
        )


def _known(categories: Sequence[str]) -> dict[str, list[int]]:
    """Return the places of each name. Where several have one name, each has its place beside it, in brackets, too."""
    known: dict[str, list[int]] = {}
    for place, name in enumerate(categories):
        known.setdefault(_plain(name), []).append(place)
    for places in [places for places in known.values() if len(places) > 1]:
        known |= {_plain(f"{categories[place]} ({place})"): [place] for place in places}
    return known


def _plain(name: str) -> str:
    """Return a name without what people write in different ways."""
    return unicodedata.normalize("NFKC", name).casefold().replace("_", " ").replace("-", " ").strip()
