"""Prediction on batches of a table's rows, as data engines hand them out."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_core.images import read_image, to_rgb

from ._load import load_predictor
from ._pipeline import run_decoding
from ._results import Failure, Prediction
from ._tasks import task_of

if TYPE_CHECKING:
    from PIL import Image

    from zoo_core._weights import WeightsEnum

COLUMNS = ("image", "bytes", "path")
"""What a batch may hold its inputs under."""


class BatchPredictor:
    """A callable class that adds predictions to batches, for engines such as Ray Data that run it on many machines.

    A batch is a mapping of columns. Its inputs are in the first of these that it has: `"image"` (arrays (H, W, 3) or
    (H, W), uint8), `"bytes"` (encoded images) or `"path"` (files; the one for videos). It comes back with two more
    columns of text: `"prediction"` (the prediction as JSON, without its source) and `"error"`; in each row, one of the
    two is `None`.

    Args:
        model: A registered model.
        weights: An entry of the model's, or its name.
        device: Where to run, as torch names devices.
        **options: What the task's predictor takes, such as `topk`.

    Raises:
        ValueError: As `load_predictor`; or the model takes two images. When called: there is no such column.

    Example:
        >>> dataset = ray.data.read_images("photos/").map_batches(  # doctest: +SKIP
        ...     BatchPredictor, fn_constructor_kwargs={"model": "resnet50"}, batch_size=32, concurrency=2)
    """

    def __init__(
        self, model: str, weights: "WeightsEnum | str" = "DEFAULT", *, device: str = "cpu", **options: Any
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
        if column is None or (column != "path" and not self._takes_images):
            wanted = COLUMNS if self._takes_images else COLUMNS[-1:]
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
                raise ValueError(f"bytes should be those of an image file, found {type(value).__name__}.")
            return read_image(bytes(value))
        return _image_of(value)


def _image_of(pixels: Any) -> "Image.Image":  # what a cell holds
    from PIL import Image

    try:
        return to_rgb(Image.fromarray(pixels))
    except (TypeError, AttributeError, ValueError):
        found = f"{getattr(pixels, 'dtype', type(pixels).__name__)} {getattr(pixels, 'shape', '')}".strip()
        raise ValueError(f"image should be an array (H, W, 3) or (H, W), uint8, found {found}.") from None


def _json(prediction: Prediction) -> str:
    row = prediction.to_dict()
    del row["source"]
    return json.dumps(row, ensure_ascii=False)


def _column(texts: Iterable[str | None]) -> Any:  # an array of objects
    import numpy as np

    return np.array(list(texts), dtype=object)
