"""From files to predictions."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from zoo_core._registry import get_model, get_model_entry, get_model_weights
from zoo_core._weights import WeightsEnum
from zoo_core.images import ImageError, read_image

from ._results import Failure, Prediction
from ._sources import image_files

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

_TASKS: Mapping[str, Mapping[str, Any]] = {"classification": {}, "quantization": {"quantize": True}}
"""The tasks that there is prediction for, with the arguments that a builder needs for the weights of the task."""


class Predictor(Protocol):
    """What each task's predictor can do."""

    def preprocess(self, image: "Image.Image") -> "Tensor":
        """Return the model's input for one image."""
        ...

    def predict(self, inputs: "Sequence[Tensor]", sources: Sequence[str]) -> Sequence[Prediction]:
        """Predict one batch of preprocessed inputs; `sources` names them."""
        ...


def predict(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    model: str,
    weights: WeightsEnum | str = "DEFAULT",
    device: str = "cpu",
    topk: int = 5,
    batch_size: int = 8,
) -> list[Prediction]:
    """Predict on image files and folders of images.

    Args:
        sources: A path, or any number of them.
        model: A registered model.
        weights: An entry of the model's, or its name.
        device: Where to run, as torch names devices.
        topk: How many classes to report for each image.
        batch_size: How many images to run through the model at once.

    Returns:
        A prediction for each image, in order. An image that cannot be read gives a `Failure`; the others go on.

    Example:
        >>> predict("photos/", model="resnet50", topk=1)  # doctest: +SKIP
        [Classification(source='photos/cat.jpg', top=(ScoredLabel(label='tabby', index=281, score=0.47),))]
    """
    paths = [sources] if isinstance(sources, (str, os.PathLike)) else sources
    predictor = load_predictor(model, weights, device=device, topk=topk)
    return list(stream(predictor, image_files(map(Path, paths)), batch_size=batch_size))


def load_predictor(
    model: str, weights: WeightsEnum | str = "DEFAULT", *, device: str = "cpu", topk: int = 5, progress: bool = True
) -> Predictor:
    """Build a model with weights, ready to predict.

    Raises:
        ValueError: The model is not known, is for a task that cannot be predicted on images yet, or does not run on
            that device.
        WeightsUnavailableError: No source has the weights.
    """
    entry = get_model_entry(model)
    if entry.task not in _TASKS:
        raise ValueError(f"{model} is for {entry.task}; prediction is there for {', '.join(_TASKS)}.")
    if entry.task == "quantization" and not device.startswith("cpu"):
        raise ValueError(f"{model} computes in int8, which CPUs do: expected device 'cpu', found {device!r}.")
    member = get_model_weights(model).verify(weights)
    assert member is not None
    from ._classification import ClassificationPredictor

    return ClassificationPredictor(
        get_model(model, weights=member, progress=progress, **_TASKS[entry.task]),
        member.transforms(),
        member.meta["categories"],
        device=device,
        topk=topk,
    )


def stream(predictor: Predictor, paths: Iterable[Path], *, batch_size: int = 8) -> Iterator[Prediction]:
    """Yield a prediction or a `Failure` for each image, in order, holding one batch in memory.

    Raises:
        ValueError: `batch_size` is less than 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is a number of images: expected at least 1, found {batch_size}.")
    paths = iter(paths)
    while batch := [(path, _read(predictor, path)) for path in islice(paths, batch_size)]:
        good = [(path, inputs) for path, inputs in batch if not isinstance(inputs, Failure)]
        predictions = iter(
            predictor.predict([inputs for _, inputs in good], [str(path) for path, _ in good]) if good else ()
        )
        for _, inputs in batch:
            yield inputs if isinstance(inputs, Failure) else next(predictions)


def _read(predictor: Predictor, path: Path) -> "Tensor | Failure":
    try:
        return predictor.preprocess(read_image(path))
    except (ImageError, OSError) as error:
        return Failure(str(path), str(error))
