"""Evaluation of the classes of pixels."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from zoo_core.prediction import Prediction
from zoo_evaluation._evaluation import Evaluation, Measures, Metric
from zoo_evaluation.datasets import Dataset, DatasetError, LabelMapSample
from zoo_evaluation.datasets._label_files import IGNORED, read_label_map
from zoo_evaluation.metrics import confusion_matrix
from zoo_evaluation.metrics._label_maps import ious, mean_of_known
from zoo_evaluation.protocols import Protocol

from ._statistics import FileStatistics, interval
from .classification import places_of

FOLDER = "label-maps"
"""Of an evaluation's folder: where predicted label maps are, as PNG files."""
CONFUSION = "confusion.json"
"""The file of the confusion matrix over all images."""

Cells: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Places in a flat matrix with a row for each true class, a column for each predicted one and one for none; counts."""


class SegmentationEvaluation(Evaluation[LabelMapSample]):
    """Keeps a label map of each image as a PNG file, and counts its pixels by true and by predicted class.

    Args:
        dataset: Images with the classes of their pixels, which are found among the model's by name.
        protocol: Its metrics are `"pixel_acc"` and `"miou"`. Its settings say at which size label maps are compared:
            `labels_at`, as the predictor takes it, and `resize_size`, the shorter side of the model's input.
        categories: Of the model.

    Raises:
        DatasetError: The data set has other classes than the model.
    """

    holds: ClassVar[str] = "label maps"

    def __init__(self, dataset: Dataset[LabelMapSample], protocol: Protocol, categories: Sequence[str]) -> None:
        super().__init__(dataset, protocol, categories)
        self.places = places_of(dataset, self.categories)
        """For each class of the data set its place among the model's."""
        self._known = FileStatistics[Cells]()

    def options(self) -> dict[str, Any]:
        """Return at which size label maps are given."""
        return {"labels_at": self.protocol.settings.get("labels_at", "image")}

    def row(self, sample: LabelMapSample, prediction: Prediction, folder: Path) -> dict[str, Any]:
        """Write the label map as a file, and return its name and the share of its pixels that are right.

        Raises:
            ValueError: The model's input has another size than the protocol's.
        """
        from zoo_segmentation.prediction import Segmentation

        assert isinstance(prediction, Segmentation)
        labels, path = prediction.labels, folder / self.file_of(sample)
        self._check_input(labels)
        target = self._target(sample)
        if (labels.height, labels.width) != target.shape:
            return {"error": f"{sample}: the label map has {labels.width} x {labels.height} pixels, {_truth(target)}."}
        path.parent.mkdir(parents=True, exist_ok=True)
        labels.save(path)
        right, true, _ = self._counts(self._known.of(path, partial(self._cells, path, target)))
        accuracy = 100 * int(right.sum()) / int(true.sum()) if true.any() else None
        return {"label_map": self.file_of(sample), "pixel_acc": accuracy}

    def measure(self, rows: Sequence[Mapping[str, Any]], folder: Path) -> Measures:
        """Count pixels; those of images that could not be read are wrong.

        Raises:
            ValueError: A predicted label map is not there any more, or is damaged.
            DatasetError: A true one cannot be read.
        """
        counts = np.stack([self._counts(cells) for cells in self._of_all(rows, folder)]).astype(np.float64)
        values: dict[str, Callable[[NDArray[np.float64]], float]] = {
            "pixel_acc": _pixel_accuracy,
            "miou": partial(_mean_iou, classes=sorted(set(self.places))),
        }
        total = counts.sum(axis=0)
        metrics = [
            Metric(name=name, value=values[name](total), interval=interval(values[name], counts))
            for name in self.protocol.metrics
        ]
        return Measures(metrics=tuple(metrics), per_class=self._per_class(total))

    def confusion(self, rows: Iterable[Mapping[str, Any]], folder: Path) -> NDArray[np.int64]:
        """Return how many pixels of each of the model's classes (rows) were predicted as each (columns)."""
        matrix = np.zeros(self._shape, dtype=np.int64)
        for places, counts in self._of_all(rows, folder):
            matrix.reshape(-1)[places] += counts
        return matrix[:, :-1]

    def finish(self, rows: Iterable[Mapping[str, Any]], folder: Path) -> None:
        """Write the confusion matrix."""
        content = {"categories": self.categories, "matrix": self.confusion(rows, folder).tolist()}
        (folder / CONFUSION).write_text(json.dumps(content) + "\n", encoding="utf-8")

    def file_of(self, sample: LabelMapSample) -> str:
        """Return the name of a sample's label map in an evaluation's folder."""
        return (FOLDER / PurePosixPath(sample.name).with_suffix(".png")).as_posix()

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self.categories), len(self.categories) + 1

    def _check_input(self, labels: Image.Image) -> None:
        expected = self.protocol.settings.get("resize_size")
        if expected is not None and min(labels.size) != expected:
            raise ValueError(
                f"The protocol {self.protocol.name} compares where the shorter side has {expected} pixels, and this "
                f"model's input has {labels.width} x {labels.height}: choose `--protocol label-maps`, which compares "
                "at the image's own size."
            )

    def _target(self, sample: LabelMapSample) -> NDArray[np.uint8]:
        """Return the true classes, as places among the model's, at the size that the protocol compares at."""
        labels = sample.label_map()
        known = labels[labels != IGNORED]
        if known.size and known.max() >= len(self.places):
            raise DatasetError(f"{sample} has pixels of class {known.max()}, and there are {len(self.places)} classes.")
        if (size := self.protocol.settings.get("resize_size")) is not None:
            from zoo_core.transforms import resize

            labels = np.asarray(resize(Image.fromarray(labels), size, interpolation="nearest"))
        place_of = np.full(IGNORED + 1, IGNORED, dtype=np.uint8)
        place_of[: len(self.places)] = self.places
        return place_of[labels]

    def _of_all(self, rows: Iterable[Mapping[str, Any]], folder: Path) -> Iterable[Cells]:
        for sample, row in zip(self.dataset, rows, strict=True):
            path = None if "error" in row else folder / row["label_map"]
            if path is None:
                yield self._cells(path, self._target(sample))
            else:
                yield self._of_file(path, sample)

    def _of_file(self, path: Path, sample: LabelMapSample) -> Cells:
        try:
            return self._known.of(path, lambda: self._cells(path, self._target(sample)))
        except FileNotFoundError:
            raise ValueError(
                f"{path} is missing, the label map predicted of {sample}: put it back, or run zoo evaluate again with "
                "another folder."
            ) from None

    def _cells(self, path: Path | None, target: NDArray[np.uint8]) -> Cells:
        """Count the pixels of a predicted label map, or of none."""
        matrix = np.zeros(self._shape, dtype=np.int64)
        if path is None:
            matrix[:, -1] = np.bincount(target[target != IGNORED], minlength=len(matrix))
        else:
            matrix[:, :-1] = self._matrix(path, target)
        flat = matrix.reshape(-1)
        places = np.flatnonzero(flat)
        return places, flat[places]

    def _matrix(self, path: Path, target: NDArray[np.uint8]) -> NDArray[np.int64]:
        try:
            return confusion_matrix(read_label_map(path), target, len(self.categories))
        except ValueError as error:
            raise ValueError(
                f"{path}, which is a prediction, does not fit its image: {error} Run zoo evaluate again with another "
                "folder."
            ) from error

    def _counts(self, cells: Cells) -> NDArray[np.int64]:
        """Return for each class how many pixels are right, are of it, and are taken for it, `(3, C)`."""
        matrix = np.zeros(self._shape, dtype=np.int64)
        matrix.reshape(-1)[cells[0]] = cells[1]
        return np.stack([matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)[:-1]])

    def _per_class(self, total: NDArray[np.float64]) -> dict[str, dict[str, float]]:
        right, true, predicted = total
        found = ious(right, true, predicted)
        return {
            self.categories[place]: {"iou": float(found[place]), "pixels": int(true[place])}
            for place in sorted(set(self.places))
            if not np.isnan(found[place])
        }


def _pixel_accuracy(total: NDArray[np.float64]) -> float:
    right, true, _ = total.sum(axis=1)
    return 100 * float(right / true) if true else float("nan")


def _mean_iou(total: NDArray[np.float64], classes: Sequence[int]) -> float:
    return mean_of_known(ious(*total)[classes])


def _truth(target: NDArray[np.uint8]) -> str:
    return f"and the true one {target.shape[1]} x {target.shape[0]}"
