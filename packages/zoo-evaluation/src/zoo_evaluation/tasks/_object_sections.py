"""What a report shows of objects: precision over recall, and the images with most errors, drawn."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoo_evaluation.datasets import ObjectsSample
from zoo_evaluation.metrics import CocoMetrics
from zoo_evaluation.report import Chart, Line, Picture, Pictures, Section
from zoo_evaluation.report._defaults import SHOWN

if TYPE_CHECKING:
    from PIL import Image

OVERLAP, SCORE = 0.5, 0.5
"""From which on a detection is right, and is taken for one at all, where errors are counted."""
MISSED, FALSE, RIGHT = (230, 120, 0), (215, 30, 60), (30, 150, 80)
"""Colours of objects that were not found, of detections of nothing, and of right ones."""


def precision_recall(metrics: CocoMetrics, what: str) -> list[Section]:
    """Return curves of precision over recall, the mean over classes, at three least overlaps.

    Args:
        metrics: Of one kind.
        what: It, for people: `"boxes"`.
    """
    table = metrics.precision[..., 0, -1]  # (T, 101, K), -1 for classes without objects
    known = table[:, :, (table > -1).all(axis=(0, 1))]
    if not known.size:
        return []
    recalls = np.linspace(0, 100, known.shape[1])
    means = 100 * known.mean(axis=2)
    curves = [("all overlaps", means.mean(axis=0))]
    for threshold in (0.75, 0.5):
        places = np.flatnonzero(np.isclose(metrics.thresholds, threshold))
        curves[:0] = [(f"overlap {threshold}", means[place]) for place in places]
    chart = Chart(
        x_label="recall, %",
        y_label="precision, %",
        x_range=(0, 100),
        y_range=(0, 100),
        lines=[Line(name=name, points=_points(recalls, values)) for name, values in curves],
    )
    text = f"The mean over {known.shape[2]} classes, of {what}."
    return [Section(title=f"Precision and recall of {what}", text=text, blocks=[chart])]


def _points(recalls: NDArray[np.float64], values: NDArray[np.float64]) -> list[tuple[float, float]]:
    return list(zip(recalls.tolist(), values.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Errors:
    """Boxes of an image `(x, y, width, height)` with what to write beside them."""

    missed: list[tuple[Sequence[float], str]]
    false: list[tuple[Sequence[float], str]]
    right: list[tuple[Sequence[float], str]]

    @property
    def count(self) -> int:
        return len(self.missed) + len(self.false)


def most_errors(
    samples: Iterable[ObjectsSample], rows: Iterable[Mapping[str, Any]], names: Mapping[int, str]
) -> list[Section]:
    """Return the images with most objects that were not found, or found where there are none.

    Args:
        samples: All of them.
        rows: Of each, as `DetectionEvaluation.row` has them.
        names: Of the classes that are compared, by the data set's ids.
    """
    read = [(sample, row) for sample, row in zip(samples, rows, strict=True) if "detections" in row]
    known = [(sample, _errors(sample, row["detections"], names)) for sample, row in read]
    wrong = sorted((each for each in known if each[1].count), key=lambda each: -each[1].count)
    if not wrong:
        return []
    pictures = [
        Picture(
            name=sample.name,
            path=sample.paths[0],
            lines=[f"{len(errors.missed)} missed, {len(errors.false)} false, {len(errors.right)} right"],
            drawn=partial(_draw, errors),
        )
        for sample, errors in wrong[:SHOWN]
    ]
    text = (
        f"{len(wrong)} of {len(known)} images have errors at an overlap of {OVERLAP} and a score of {SCORE}; most come "
        "first. Green: right. Red: nothing is there. Orange: was not found."
    )
    return [Section(title="Most errors", text=text, blocks=[Pictures(pictures=pictures)])]


def _errors(sample: ObjectsSample, detections: Iterable[Mapping[str, Any]], names: Mapping[int, str]) -> _Errors:
    """Give each detection, the most probable first, the object of its class that it overlaps most, if that is free."""
    objects = [one for one in sample.objects if one["category_id"] in names]
    found = sorted((one for one in detections if one["score"] >= SCORE), key=lambda one: -one["score"])
    free = {place for place, one in enumerate(objects) if not one["iscrowd"]}
    crowds = [one for one in objects if one["iscrowd"]]
    errors = _Errors([], [], [])
    for one in found:
        label = one["category_id"]
        box, text = one["bbox"], f"{names[label]} {100 * one['score']:.0f}%"
        candidates = [place for place in free if objects[place]["category_id"] == label]
        best = max(candidates, key=lambda place: _overlap(box, objects[place]["bbox"]), default=None)
        if best is not None and _overlap(box, objects[best]["bbox"]) >= OVERLAP:
            free.remove(best)
            errors.right.append((box, text))
        elif not any(crowd["category_id"] == label and _inside(box, crowd["bbox"]) >= OVERLAP for crowd in crowds):
            errors.false.append((box, text))
    errors.missed.extend((objects[place]["bbox"], names[objects[place]["category_id"]]) for place in sorted(free))
    return errors


def _shared(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the area that two boxes share."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def _overlap(one: Sequence[float], other: Sequence[float]) -> float:
    shared = _shared(one, other)
    union = one[2] * one[3] + other[2] * other[3] - shared
    return shared / union if union else 0.0


def _inside(one: Sequence[float], crowd: Sequence[float]) -> float:
    """Return how much of a box is in a crowd's."""
    area = one[2] * one[3]
    return _shared(one, crowd) / area if area else 0.0


def _draw(errors: _Errors, image: "Image.Image") -> "Image.Image":
    from zoo_core.drawing import DrawnObject, with_objects

    coloured = ((errors.false, FALSE), (errors.missed, MISSED), (errors.right, RIGHT))
    objects = [
        DrawnObject((x, y, x + width, y + height), colour, text)
        for several, colour in coloured
        for (x, y, width, height), text in several
    ]
    return with_objects(image, objects)
