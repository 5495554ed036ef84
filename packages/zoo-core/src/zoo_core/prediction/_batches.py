"""Prediction on batches of a table's rows, as data engines hand them out."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core._registry import task_of
from zoo_core.names import Later

from ._inputs import is_array, is_image, readable
from ._pipeline import run_decoding
from ._predict import load_predictor
from ._results import Failure, Prediction

if TYPE_CHECKING:
    from zoo_core import _weights
else:
    _weights = Later("zoo_core._weights")

COLUMNS = ("image", "bytes", "path")
"""What a batch may hold its inputs under."""


class BatchPredictor:
    """A callable class that adds predictions to batches, for engines such as Ray Data that run it on many machines.

    A batch is a mapping of columns. Its inputs are in the first of these that it has: `"image"` (arrays or tensors as
    `zoo_core.stream` takes them, or PIL images; not for videos), `"bytes"` (of image or video files) or `"path"`. It
    comes back with two more columns of text: `"prediction"` (the prediction as JSON, without its source) and `"error"`;
    in each row, one of the two is `None`.

    Args:
        model: A registered model.
        weights: An entry of the model's, or its name.
        device: Where to run, as torch names devices.
        **options: What the task's predictor takes, such as `topk`.

    Raises:
        ValueError: As `load_predictor`; or the model takes two images. When called: there is no such column.

    Example:
        >>> import ray  # doctest: +SKIP
        >>> from zoo_core.prediction import BatchPredictor
        >>> dataset = ray.data.read_images("photos/").map_batches(  # doctest: +SKIP
        ...     BatchPredictor, fn_constructor_kwargs={"model": "resnet50"}, batch_size=32, concurrency=2)
    """

    def __init__(
        self, model: str, weights: "_weights.WeightsEnum | str" = "DEFAULT", *, device: str = "cpu", **options: Any
    ) -> None:
        self._model = model
        media = task_of(model).media
        if media == "image pairs":
            raise ValueError(f"{model} takes two images: a batch has one input a row. Use zoo_core.prediction.stream.")
        self._takes_images = media == "images"
        self._predictor = load_predictor(model, weights, device=device, progress=False, **options)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Return the batch with its predictions."""
        column = next((name for name in COLUMNS if name in batch), None)
        if column is None or (column == "image" and not self._takes_images):
            wanted = COLUMNS if self._takes_images else COLUMNS[1:]
            raise ValueError(
                f"{self._model} predicts on one of the columns {', '.join(wanted)}; found {', '.join(batch)}."
            )
        rows = {f"row {number}": value for number, value in enumerate(batch[column])}
        outcomes = run_decoding(
            self._predictor,
            rows,
            lambda row: self._decode(column, rows[row]),
            batch_size=max(1, len(rows)),
            workers=0,
            keep_decoded=False,
        )
        predictions = [outcome.prediction for outcome in outcomes]
        return {
            **batch,
            "prediction": _column(None if isinstance(said, Failure) else _json(said) for said in predictions),
            "error": _column(said.error if isinstance(said, Failure) else None for said in predictions),
        }

    def _decode(self, column: str, value: Any) -> Any:  # what a cell holds; what the predictor decodes
        if value is None:
            raise ValueError(f"the {column} is missing.")
        if column == "path":
            return self._predictor.read((Path(str(value)),))
        if column == "bytes":
            if not isinstance(value, (bytes, bytearray, memoryview)):
                raise ValueError(f"bytes should be those of a file, found {type(value).__name__}.")
            return self._predictor.read((bytes(value),))
        if not (is_array(value) or is_image(value)):
            raise ValueError(f"image should be an array (H, W, 3) or (H, W), found {type(value).__name__}.")
        return self._predictor.read((readable(value, self._predictor.media),))


def _json(prediction: Prediction) -> str:
    row = prediction.to_dict()
    del row["source"]
    return json.dumps(row, ensure_ascii=False)


def _column(texts: Iterable[str | None]) -> Any:  # an array of objects
    import numpy as np

    return np.array(list(texts), dtype=object)
