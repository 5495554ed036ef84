"""Predicting in one call."""

import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, Protocol, cast

from zoo_core._weights import WeightsEnum

from ._inputs import MediaInputs
from ._job import PredictionJob
from ._predictor import Predictor
from ._results import Prediction
from ._sources import embedded_model

logger = logging.getLogger("zoo")
P = ParamSpec("P")


class _Predict(Protocol[P]):
    """A function that has another, which takes the same, as an attribute: so that editors know both."""

    stream: Callable[P, Iterator[Prediction]]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> list[Prediction]: ...


def _taking_what(stream: Callable[P, Iterator[Prediction]]) -> Callable[[Callable[..., list[Prediction]]], _Predict[P]]:
    def attach(function: Callable[..., list[Prediction]]) -> _Predict[P]:
        attached = cast("_Predict[P]", function)
        attached.stream = stream
        takes = inspect.signature(stream)
        vars(function)["__signature__"] = takes.replace(return_annotation=list[Prediction])
        return attached

    return attach


def stream(
    sources: MediaInputs,
    *,
    model: str | None = None,
    weights: WeightsEnum | str = "DEFAULT",
    device: str = "cpu",
    batch_size: int = 8,
    workers: int = 2,
    optimized: bool = False,
    progress: bool = True,
    **options: Any,
) -> Iterator[Prediction]:
    """Yield predictions while they are made, in order, of any number of files, in memory that does not grow.

    Args:
        sources: One input, or any number of them in an iterable, which is gone through once: images, videos for a
            video model, and for an optical flow model images of which two consecutive ones, or two in a tuple, are an
            input. Each is a path (a folder stands for its files), the bytes of a file, a file opened in binary mode, a
            PIL image, an array `(H, W, 3)` or `(H, W)`, or a tensor `(C, H, W)`; of videos `(T, H, W, 3)` and
            `(T, C, H, W)`, whose frames follow each other at the predictor's `frame_rate`. Pixels are RGB, uint8, or
            floating point in [0, 1]. What is in memory is named by its place among the inputs, `<image 1>` or
            `<video 1>`. URLs are not fetched.
        model: A registered model. Without it, the one whose weights come inside an installed package, which is logged.
        weights: An entry of the model's, or its name.
        device: Where to run, as torch names devices.
        batch_size: How many inputs to run through the model at once, at most: fewer where they are large.
        workers: Threads that read ahead while the model computes; 0 reads between the batches. Three batches at most
            are in memory, and a gibibyte; and of inputs that came in memory the last 256 MiB, to be drawn. With threads
            a classifier on the CPU computes several batches at once (up to four), each with its share of PyTorch's
            threads.
        optimized: Make the model faster first (`zoo_core.inference.optimize`), which takes some seconds: for long runs.
            Int8 models stay as they are.
        progress: Show a bar while downloading.
        **options: What the task's predictor takes: `topk` for classes, `min_score` for detections.

    Returns:
        A prediction for each input. What cannot be read gives a `Failure`; the others go on.

    Raises:
        FileNotFoundError: A path does not exist; raised when its turn comes.
        ValueError: The model is not known or does not take an option, or a path is a URL.
        TypeError: Something is no input.

    Example:
        >>> from zoo_core import stream
        >>> for prediction in stream("photos/", model="resnet50", batch_size=32):
        ...     print(prediction.source)
        photos/cat.jpg
    """
    if model is None:
        model = chosen_model()
    job = PredictionJob(
        sources=sources,
        model=model,
        weights=weights,
        options=options,
        device=device,
        batch_size=batch_size,
        workers=workers,
        optimized=optimized,
        progress=progress,
    )
    return job.stream()


@_taking_what(stream)
def predict(*args: Any, **kwargs: Any) -> list[Prediction]:
    """Predict on files, folders and images: all at once what `zoo_core.stream` (`predict.stream`) yields one by one.

    Takes, gives and raises what that does. Each call builds the model: `load_predictor` builds one for many calls.

    Example:
        >>> from PIL import Image
        >>> from zoo_core import predict
        >>> predict("photos/", model="resnet50", topk=1)
        [Classification(source='photos/cat.jpg', top=(ScoredLabel(label=..., index=..., score=...),))]
        >>> predict(Image.open("cat.jpg"), model="resnet50", topk=1)
        [Classification(source='<image 1>', top=(ScoredLabel(label=..., index=..., score=...),))]
    """
    return list(stream(*args, **kwargs))


def chosen_model(*, embeds: bool = False) -> str:
    """Choose the model that needs no download, and say so: it may not know what the inputs show."""
    name = embedded_model(embeds=embeds)
    if name is None:
        raise ValueError(
            "Choose a model, as in model='resnet50' (zoo_core.list_models() has all): no installed package brings one "
            "with its weights inside."
        )
    logger.warning(
        "No model was chosen: %s is taken, whose weights come inside an installed package. For photographs "
        "choose one yourself, as in model='resnet50'; zoo_core.list_models() has all.",
        name,
    )
    return name


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
    """Build a model with weights once, ready to predict any number of times: call it with what `predict` takes.

    That is what `stream` does first with the arguments of these names. It can be called from several threads at once.

    Args:
        model: A registered model.
        weights: An entry of the model's, or its name.
        device: Where to run, as torch names devices.
        progress: Show a bar while downloading.
        batch_size: How many inputs the model will get at once, about: what is fastest depends on that.
        optimized: As for `stream`.
        **options: What the task's predictor takes.

    Raises:
        ValueError: As for `PredictionJob`.
        WeightsUnavailableError: No source has the weights.

    Example:
        >>> from PIL import Image
        >>> from zoo_core import load_predictor
        >>> predictor = load_predictor("resnet50", topk=1)
        >>> (prediction,) = predictor("cat.jpg")
        >>> (prediction,) = predictor(Image.open("cat.jpg"))
        >>> prediction.draw().save("drawn.png")
        >>> for prediction in predictor.stream("photos/", batch_size=32, workers=2):
        ...     print(prediction.source)
        photos/cat.jpg
    """
    job = PredictionJob(
        sources=(),
        model=model,
        weights=weights,
        options=options,
        device=device,
        progress=progress,
        batch_size=batch_size,
        optimized=optimized,
    )
    return job.load_predictor()
