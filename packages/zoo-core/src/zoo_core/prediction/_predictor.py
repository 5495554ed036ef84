"""What every task's predictor does: read, preprocess, predict, draw; and all of it in one call."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from zoo_core.names import Later
from zoo_core.tasks import Media

from ._inputs import MediaInputs
from ._results import Prediction

if TYPE_CHECKING:
    import torch
    from PIL import Image
else:
    torch, Image = Later("torch"), Later("PIL.Image")

Decoded = TypeVar("Decoded")
Inputs = TypeVar("Inputs")


class Predictor(ABC, Generic[Decoded, Inputs]):
    """Turns files into predictions, in steps, so that reading one input can overlap with predicting another.

    A task's predictor is constructed as `TaskPredictor(model, weights, device="cpu", **options)`: a built model, which
    is put into evaluation mode on the device, and the weights entry that it was built with, whose `transforms()` and
    `meta` belong to it. `Decoded` is what a file holds (an image, a clip, two images), `Inputs` what the model takes.

    Called, it predicts on whatever `zoo_core.predict` takes, again and again, and from several threads at once.

    Example:
        >>> from PIL import Image
        >>> from zoo_core import load_predictor
        >>> predictor = load_predictor("resnet50", topk=1)
        >>> (prediction,) = predictor(Image.open("cat.jpg"))
        >>> [prediction.source for prediction in predictor(["cat.jpg", Image.open("cat.jpg")])]
        ['cat.jpg', '<image 2>']
    """

    media: Media = "images"
    """What it predicts on; `load_predictor` sets it to what the task states."""
    most_at_once: ClassVar[int] = 1
    """How many batches may be computed at once on a CPU: what they take in memory adds up."""

    def __call__(self, sources: "MediaInputs", *, batch_size: int = 8, workers: int = 0) -> list[Prediction]:
        """Return a prediction or a `Failure` for each input, as `zoo_core.predict` does.

        Args:
            sources: As for `zoo_core.stream`.
            batch_size: Likewise.
            workers: Threads that read ahead while the model computes: worth it for many files.

        Raises:
            FileNotFoundError: A path does not exist.
            ValueError: A path is a URL, or a number is out of range.
            TypeError: Something is no input.
        """
        return list(self.stream(sources, batch_size=batch_size, workers=workers))

    def stream(self, sources: "MediaInputs", *, batch_size: int = 8, workers: int = 0) -> Iterator[Prediction]:
        """Yield while they are made, in order, in memory that does not grow, what a call gives.

        Takes and raises what a call does.
        """
        from ._inputs import listed
        from ._pipeline import stream
        from ._sources import find_sources

        return stream(self, find_sources(listed(sources), self.media), batch_size=batch_size, workers=workers)

    @abstractmethod
    def read(self, files: Sequence[Any]) -> Decoded:
        """Decode the file or files of one input. Called from several threads.

        Args:
            files: Paths; of images in memory the bytes of a file, or a PIL image, which `images.read_image` takes, too.
                Of videos, bytes, a file opened in binary mode, or uint8 frames `(T, 3, H, W)`.

        Raises:
            MediaError: A file cannot be decoded; the text names it.
            OSError: A file cannot be read.
        """

    @abstractmethod
    def preprocess(self, decoded: Decoded) -> Inputs:
        """Return the model's input, on the CPU. Called from several threads.

        Raises:
            ValueError: It cannot be predicted on, as when it is too small.
        """

    @abstractmethod
    def predict(self, inputs: Sequence[Inputs], sources: Sequence[str]) -> Sequence[Prediction]:
        """Predict one batch; `sources` names the inputs.

        Raises:
            ValueError: The model does not take an input.
        """

    def draw(self, decoded: Decoded, prediction: Prediction) -> "Image.Image":
        """Return a picture of a prediction that was made of `decoded`; a task without pictures leaves this out."""
        raise NotImplementedError

    def without_model(self) -> Self:
        """Return a copy that reads and draws only, and does not keep the attribute `model` in memory."""
        light = copy.copy(self)
        vars(light).pop("model", None)
        return light


def apply_by_shape(
    function: "Callable[[torch.Tensor], torch.Tensor]", inputs: "Sequence[torch.Tensor]"
) -> "list[torch.Tensor]":
    """Apply a function of batches to tensors of any shapes, those of one shape together.

    Args:
        function: From `(N, ...)` to `(N, ...)`.
        inputs: Tensors without the batch dimension.

    Returns:
        The function's result for each, in order, without the batch dimension.

    Example:
        >>> import torch
        >>> from zoo_core.prediction import apply_by_shape
        >>> [tuple(t.shape) for t in apply_by_shape(lambda batch: batch * 2, [torch.ones(2), torch.ones(3)])]
        [(2,), (3,)]
    """
    import torch

    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, tensor in enumerate(inputs):
        by_shape.setdefault(tuple(tensor.shape), []).append(index)
    results: dict[int, torch.Tensor] = {}
    for indices in by_shape.values():
        batch = function(torch.stack([inputs[index] for index in indices]))
        results.update(zip(indices, batch, strict=True))
    return [results[index] for index in range(len(inputs))]
