"""What every task's predictor does: read, preprocess, predict, draw."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from ._results import Prediction

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

Decoded = TypeVar("Decoded")
Inputs = TypeVar("Inputs")


class Predictor(ABC, Generic[Decoded, Inputs]):
    """Turns files into predictions, in steps, so that reading one input can overlap with predicting another.

    A task's predictor is constructed as `TaskPredictor(model, weights, device="cpu", **options)`: a built model, which
    is put into evaluation mode on the device, and the weights entry that it was built with, whose `transforms()` and
    `meta` belong to it. `Decoded` is what a file holds (an image, a clip, two images), `Inputs` what the model takes.
    """

    @abstractmethod
    def read(self, paths: Sequence[Path]) -> Decoded:
        """Decode the file or files of one input. Called from several threads.

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

    @abstractmethod
    def draw(self, decoded: Decoded, prediction: Prediction) -> "Image.Image":
        """Return a picture of a prediction that was made of `decoded`."""


def apply_by_shape(function: "Callable[[Tensor], Tensor]", inputs: "Sequence[Tensor]") -> "list[Tensor]":
    """Apply a function of batches to tensors of any shapes, those of one shape together.

    Args:
        function: From `(N, ...)` to `(N, ...)`.
        inputs: Tensors without the batch dimension.

    Returns:
        The function's result for each, in order, without the batch dimension.

    Example:
        >>> [tuple(t.shape) for t in apply_by_shape(lambda batch: batch * 2, [torch.ones(2), torch.ones(3)])]
        [(2,), (3,)]
    """
    import torch

    by_shape: dict[tuple[int, ...], list[int]] = {}
    for index, tensor in enumerate(inputs):
        by_shape.setdefault(tuple(tensor.shape), []).append(index)
    results: dict[int, Tensor] = {}
    for indices in by_shape.values():
        batch = function(torch.stack([inputs[index] for index in indices]))
        results.update(zip(indices, batch, strict=True))
    return [results[index] for index in range(len(inputs))]
