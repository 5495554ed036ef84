"""Evaluation of objects in images: boxes, masks, keypoints."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from zoo_core.prediction import Prediction
from zoo_evaluation._evaluation import Evaluation, Measures, Metric
from zoo_evaluation.datasets import Dataset, DatasetError, ObjectsSample
from zoo_evaluation.metrics import CocoMetrics, coco_metrics
from zoo_evaluation.metrics._coco import FIELDS, Kind
from zoo_evaluation.protocols import Protocol
from zoo_evaluation.report import Section

from ._object_sections import most_errors, precision_recall
from .classification import _plain, places_of

_KINDS: Mapping[str, Kind] = {"box_map": "bbox", "mask_map": "segm", "kp_map": "keypoints"}
"""What weights entries call COCO's average precision."""
_WHAT: Mapping[str, str] = {"box_map": "boxes", "mask_map": "masks", "kp_map": "keypoints"}
_COCO_KEYPOINTS = 17


class DetectionEvaluation(Evaluation[ObjectsSample]):
    """Keeps what is found in each image as COCO's result files have it, and computes COCO's numbers.

    Args:
        dataset: Images with objects. Its classes are found among the model's by name; of a published data set those
            that the model does not know are left out, as for models of people alone.
        protocol: Its metrics are some of `"box_map"`, `"mask_map"` and `"kp_map"`; those are computed that both the
            model and the data set have something for.
        categories: Of the model.

    Raises:
        DatasetError: There are objects of classes that the model does not know.
    """

    holds: ClassVar[str] = "objects"

    def __init__(self, dataset: Dataset[ObjectsSample], protocol: Protocol, categories: Sequence[str]) -> None:
        super().__init__(dataset, protocol, categories)
        self.names = _compared(dataset, self.categories)
        """The classes that are compared, by the data set's ids."""
        places = places_of(replace(dataset, categories=tuple(self.names.values())), self.categories)
        self.ids = dict(zip(places, self.names, strict=True))
        """The data set's id of each of them, by its place among the model's."""

    def options(self) -> dict[str, Any]:
        """Return that all is kept which the model gives: its own least score decides."""
        return {"min_score": 0.0}

    def row(self, sample: ObjectsSample, prediction: Prediction, folder: Path) -> dict[str, Any]:
        """Return the objects of the data set's classes, with its ids."""
        found = [dict(one) for one in prediction.to_dict()["detections"] if one["category_id"] in self.ids]
        for one in found:
            one["category_id"] = self.ids[one["category_id"]]
        return {"image_id": sample.image_id, "detections": found}

    def finish(self, rows: Iterable[Mapping[str, Any]], folder: Path) -> None:
        """Write COCO's result files: `results_bbox.json`, and `results_segm.json`, `results_keypoints.json`.

        A file for each, for where several are in one, COCO's tools take a mask's or a person's area from its box.
        """
        rows = list(rows)
        for kind in _KINDS.values():
            results = _results(rows, kind)
            if results or kind == "bbox":
                path = folder / f"results_{kind}.json"
                temporary = path.with_name(f".{path.name}.partial")
                temporary.write_text(json.dumps(results), encoding="utf-8")
                temporary.replace(path)

    def measure(self, rows: Sequence[Mapping[str, Any]], folder: Path) -> Measures:
        """Compute COCO's numbers, in per cent; in images that could not be read nothing is found."""
        measured = self._measured_all(rows)
        first = [_first(name, metrics) for name, metrics in measured.items()]
        more = [metric for name, metrics in measured.items() for metric in _more(name, metrics)]
        return Measures(metrics=(*first, *more), per_class=self._per_class(measured))

    def sections(self, rows: Sequence[Mapping[str, Any]], folder: Path) -> Sequence[Section]:
        """Return precision over recall of boxes, masks and keypoints, and the images with most errors."""
        curves = [
            section
            for name, metrics in self._measured_all(rows).items()
            for section in precision_recall(metrics, _WHAT[name])
        ]
        return [*curves, *most_errors(self.dataset, rows, self.names)]

    def _measured_all(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, CocoMetrics]:
        return {
            name: self._measured(kind, rows)
            for name, kind in _KINDS.items()
            if name in self.protocol.metrics and (kind == "bbox" or self._has(kind, rows))
        }

    def _has(self, kind: Kind, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Tell whether the model gives masks or keypoints, and the data set has them."""
        given = FIELDS[kind]
        found = any(given in one for row in rows for one in row.get("detections", ()))
        true = [bool(one.get(given)) for sample in self.dataset for one in sample.objects]
        return found and (any(true) if kind == "keypoints" else all(true))

    def _measured(self, kind: Kind, rows: Sequence[Mapping[str, Any]]) -> CocoMetrics:
        truth, results = self._truth(kind), _results(rows, kind)
        return coco_metrics(truth, results, kind, sigmas=_sigmas(truth, results) if kind == "keypoints" else None)

    def _truth(self, kind: Kind) -> dict[str, list[dict[str, Any]]]:
        """Return the samples as COCO's annotation files have them: of the classes that have what is compared."""
        annotations = [
            {**one, "image_id": sample.image_id}
            for sample in self.dataset
            for one in sample.objects
            if one["category_id"] in self.names
        ]
        known = set(self.names)
        if kind == "keypoints":
            known = {one["category_id"] for one in annotations if one.get("keypoints")}
            annotations = [_with_keypoints(one) for one in annotations if one["category_id"] in known]
        return {
            "images": [
                {"id": sample.image_id, "height": sample.height, "width": sample.width} for sample in self.dataset
            ],
            "annotations": annotations,
            "categories": [{"id": number, "name": self.names[number]} for number in sorted(known)],
        }

    def _per_class(self, measured: Mapping[str, CocoMetrics]) -> dict[str, dict[str, float]]:
        counts = dict.fromkeys(self.names, 0)
        for sample in self.dataset:
            for one in sample.objects:
                if one["category_id"] in counts and not one["iscrowd"]:
                    counts[one["category_id"]] += 1
        found = {}
        for number, count in counts.items():
            if count:
                numbers = {
                    f"{_prefix(name)}_{key}": 100 * value
                    for name, metrics in measured.items()
                    if number in metrics.category_ids
                    for key, value in metrics.of_class(number).items()
                    if value >= 0
                }
                found[self.names[number]] = {**numbers, "count": count}
        return found


def _compared(dataset: Dataset[ObjectsSample], categories: Sequence[str]) -> dict[int, str]:
    """Return the names of the classes that are compared, by id: those that the model knows, or that have objects.

    Classes without objects decide no number. Of a published data set all that the model does not know are left out.
    """
    names = dataset.categories or tuple(categories)
    listed = dict(zip(dataset.category_ids or range(len(names)), names, strict=True))
    known = {_plain(name) for name in categories}
    used = {one["category_id"] for sample in dataset for one in sample.objects}
    strict = not dataset.published
    found = {number: name for number, name in listed.items() if _plain(name) in known or (strict and number in used)}
    if not found:
        raise DatasetError(
            f"{dataset.root} has {len(names)} classes, such as {', '.join(names[:3])}, and the model knows none of "
            f"them: its {len(categories)} are {', '.join(categories[:3])}, and so on. Choose another model."
        )
    return found


def _results(rows: Iterable[Mapping[str, Any]], kind: Kind) -> list[dict[str, Any]]:
    """Return the entries of a result file."""
    names = ("category_id", "score", FIELDS[kind])
    return [
        {"image_id": row["image_id"], **{name: one[name] for name in names}}
        for row in rows
        for one in row.get("detections", ())
        if FIELDS[kind] in one
    ]


def _with_keypoints(one: dict[str, Any]) -> dict[str, Any]:
    """Return an object of a class with keypoints; where it has none, it counts for nothing."""
    return one if one.get("keypoints") else {**one, "keypoints": [0.0] * 3 * _COCO_KEYPOINTS, "num_keypoints": 0}


def _sigmas(
    truth: Mapping[str, Sequence[Mapping[str, Any]]], results: Sequence[Mapping[str, Any]]
) -> list[float] | None:
    """Return how exactly keypoints can be known: nobody has measured that but of COCO's people.

    Raises:
        DatasetError: The model gives another number of them than the data set has.
    """
    expected, found = ({len(one["keypoints"]) // 3 for one in of} for of in (truth["annotations"], results))
    if expected != found:
        raise DatasetError(
            f"The objects of the data set have {_numbers(expected)} keypoints, and the model gives {_numbers(found)}: "
            "choose a model that was trained on such objects."
        )
    count = found.pop()
    return None if count == _COCO_KEYPOINTS else [1 / count] * count


def _numbers(values: Iterable[int]) -> str:
    return " or ".join(map(str, sorted(values)))


def _prefix(name: str) -> str:
    return name.partition("_")[0]


def _first(name: str, metrics: CocoMetrics) -> Metric:
    """Return the average precision with its interval; NaN where there are no objects."""
    value = metrics.numbers["map"]
    if value < 0:
        return Metric(name=name, value=float("nan"))
    low, high = metrics.interval()
    return Metric(name=name, value=100 * value, interval=(100 * low, 100 * high))


def _more(name: str, metrics: CocoMetrics) -> list[Metric]:
    """Return the others of COCO's numbers; not those that no object decides."""
    found = list(metrics.numbers.items())[1:]
    return [Metric(name=f"{_prefix(name)}_{key}", value=100 * value) for key, value in found if value >= 0]
