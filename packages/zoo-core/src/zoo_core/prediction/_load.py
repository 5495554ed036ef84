"""Makes a model with weights ready to predict."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from zoo_core._registry import get_model, get_model_weights
from zoo_core._weights import WeightsEnum

from ._pipeline import stream
from ._predictor import Predictor
from ._results import Prediction
from ._sources import find_sources
from ._tasks import task_of

if TYPE_CHECKING:
    from torch import Tensor


_LARGEST_EXAMPLE = 8
"""Beyond so many images the same is fastest as for more, and trying it takes longer."""

Paths: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


class _Predict:
    """Predict on files and folders: all at once, or one after the other (`predict.stream`).

    Args:
        sources: A path, or any number of them: images, videos for a video model, and for an optical flow model images
            of which two consecutive ones are an input.
        model: A registered model.
        weights: An entry of the model's, or its name.
        device: Where to run, as torch names devices.
        batch_size: How many inputs to run through the model at once.
        workers: Threads that read ahead while the model computes; 0 reads between the batches.
        **options: What the task's predictor takes: `topk` for classes, `min_score` for detections. And
            `optimized=True` makes the model faster first, for long runs.

    Returns:
        A prediction for each input, in order. What cannot be read gives a `Failure`; the others go on.

    Raises:
        FileNotFoundError: A path does not exist.
        ValueError: The model is not known or does not take an option.

    Example:
        >>> predict("photos/", model="resnet50", topk=1)  # doctest: +SKIP
        [Classification(source='photos/cat.jpg', top=(ScoredLabel(label='tabby', index=281, score=0.47),))]
    """

    def __call__(
        self,
        sources: Paths,
        *,
        model: str,
        weights: WeightsEnum | str = "DEFAULT",
        device: str = "cpu",
        batch_size: int = 8,
        workers: int = 2,
        **options: Any,
    ) -> list[Prediction]:
        return list(
            self.stream(
                sources,
                model=model,
                weights=weights,
                device=device,
                batch_size=batch_size,
                workers=workers,
                **options,
            )
        )

    def stream(
        self,
        sources: Paths,
        *,
        model: str,
        weights: WeightsEnum | str = "DEFAULT",
        device: str = "cpu",
        batch_size: int = 8,
        workers: int = 2,
        **options: Any,
    ) -> Iterator[Prediction]:
        """Yield predictions while they are made, in order, of any number of files, in memory that does not grow.

        Args:
            sources: As for `predict`; an iterable is gone through once.
            model: A registered model.
            weights: An entry of the model's, or its name.
            device: Where to run, as torch names devices.
            batch_size: How many inputs to run through the model at once.
            workers: Threads that read ahead while the model computes. Three batches at most are in memory.
            **options: As for `predict`.

        Raises:
            FileNotFoundError: A path does not exist; raised when its turn comes.
            ValueError: The model is not known or does not take an option.

        Example:
            >>> for prediction in predict.stream("photos/", model="resnet50", batch_size=32):  # doctest: +SKIP
            ...     print(prediction.source, prediction.to_dict())
        """
        paths = [sources] if isinstance(sources, (str, os.PathLike)) else sources
        found = find_sources(map(Path, paths), task_of(model).media)
        predictor = load_predictor(model, weights, device=device, batch_size=batch_size, **options)
        return stream(predictor, found, batch_size=batch_size, workers=workers)


predict = _Predict()


def load_predictor(
    model: str,
    weights: WeightsEnum | str = "DEFAULT",
    *,
    device: str = "cpu",
    progress: bool = True,
    batch_size: int = 8,
    optimized: bool = False,
    **options: Any,
) -> Predictor[Any, Any]:
    """Build a model with weights, ready to predict.

    Args:
        model: A registered model.
        weights: An entry of the model's, or its name.
        device: Where to run, as torch names devices.
        progress: Show a bar while downloading.
        batch_size: How many inputs the model will get at once, about: what is fastest depends on that.
        optimized: Make the model faster first (`zoo_core.inference.optimize`), which takes some seconds: for long runs.
            Int8 models stay as they are.
        **options: What the task's predictor takes.

    Raises:
        ValueError: The model is not known, is for a task that there is no prediction for, does not run on that device,
            or takes no such option.
        WeightsUnavailableError: No source has the weights.
    """
    task = task_of(model)
    check_options(model, options)
    if task.devices and not device.startswith(task.devices):
        raise ValueError(f"{model} runs on {', '.join(task.devices)} only, found device {device!r}.")
    member = get_model_weights(model).verify(weights)
    if member is None:
        raise ValueError(f"Prediction needs weights: choose one of {', '.join(map(str, get_model_weights(model)))}.")
    built = get_model(model, weights=member, progress=progress, **task.arguments)
    if optimized and not task.arguments:
        from zoo_core.inference import optimize

        images = _example(member, min(batch_size, _LARGEST_EXAMPLE), device) if task.media == "images" else None
        built = optimize(built.to(device), images)
    return task.predictor_class()(built, member, device=device, **options)  # type: ignore[call-arg] # as Predictor says


def _example(weights: WeightsEnum, count: int, device: str) -> "tuple[Tensor] | None":
    """Return a batch of images as the weights' preset makes them, if it gives them a certain size."""
    from PIL import Image

    preset = weights.transforms()
    if not hasattr(preset, "crop_size"):
        return None
    inputs: Tensor = preset(Image.effect_noise((256, 256), 64))
    return (inputs.to(device).repeat(count, 1, 1, 1),)


def check_options(model: str, options: Iterable[str]) -> None:
    """Check that the predictor of a model takes options of these names.

    Raises:
        ValueError: It does not.
    """
    known = task_of(model).options
    unknown = sorted(set(options) - known)
    if unknown:
        takes = f"takes {', '.join(sorted(known))}" if known else "has no options"
        raise ValueError(f"{model} does not take {', '.join(unknown)}: its prediction {takes}.")
