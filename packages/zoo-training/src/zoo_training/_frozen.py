"""Features of a frozen network: computed once, by the fastest way to run it, and kept in files."""

import copy
import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from zoo_core.inference import optimize
from zoo_core.tuning import main_classifier
from zoo_evaluation import Dataset, parameters_digest
from zoo_evaluation.datasets import DatasetError

from ._feature_file import FeatureFile
from ._loader import one_thread
from ._randomness import generator_of
from ._recipe import Recipe
from ._training import Training

BATCH, PART = 32, 64
"""Images that the network gets at once, and those after which features are written."""
_VALUES = ("views", "size", "crop", "flip", "color", "seed")
"""What features depend on, of a recipe."""


@runtime_checkable
class HasFeatures(Protocol):
    """The training of a task whose frozen networks need to see each sample once."""

    def plain(self, sample: Any) -> Tensor:
        """Return the network's input as in evaluation, without the batch dimension."""

    def targets(self, labels: Tensor) -> Tensor:
        """Return targets, as the loss takes them, of labels `(N,)`."""

    def rows(self, scores: Tensor) -> list[dict[str, Any]]:
        """Return what the task's evaluation keeps of scores `(N, classes)`, a row for each."""


class FrozenNetwork:
    """A network up to its classifier.

    Args:
        network: Frozen but for its main classifier.
        example: A batch of its inputs.

    Raises:
        ValueError: The classifier is not the last that is computed, so that it cannot be trained by itself.

    Example:
        >>> import torch
        >>> from zoo_classification import resnet18
        >>> from zoo_training._frozen import FrozenNetwork
        >>> FrozenNetwork(resnet18().eval(), torch.zeros(1, 3, 64, 64)).width
        512
    """

    def __init__(self, network: nn.Module, example: Tensor) -> None:
        name = main_classifier(network)
        self.classifier = network.get_submodule(name)
        front = copy.deepcopy(network).eval()
        front.set_submodule(name, nn.Identity())
        self._check(network, front, example)
        self._front = front
        self._example = example
        self._fast: nn.Module | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of its parameters and buffers."""
        return parameters_digest(self._front)

    @property
    def width(self) -> int:
        """How many features there are."""
        assert isinstance(self.classifier, nn.Linear)
        return self.classifier.in_features

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return the features of a batch, `(N, width)`."""
        if self._fast is None:  # which takes seconds, and is not needed where all is done
            self._fast = optimize(self._front, (self._example,), repeatable=True)
        features: Tensor = self._fast(inputs)
        return features

    def _check(self, network: nn.Module, front: nn.Module, example: Tensor) -> None:
        kind = type(network).__name__
        if not isinstance(self.classifier, nn.Linear):
            raise ValueError(f"{kind} has no linear classifier.")
        was_training = network.training
        with torch.inference_mode():
            expected, features = network.eval()(example), front(example)
            is_last = isinstance(features, Tensor) and features.shape[1:] == (self.classifier.in_features,)
            is_last = is_last and torch.allclose(self.classifier(features), expected, rtol=1e-3, atol=1e-4)
        network.train(was_training)
        if not is_last:
            raise ValueError(f"{kind} computes more after its classifier.")


def frozen_network(network: nn.Module, training: Training[Any]) -> FrozenNetwork | None:
    """Return a network up to its classifier, if that is all that trains, in one process, on nothing that is mixed."""
    recipe = training.recipe
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:  # processes of torchrun, which share each batch
        return None
    if recipe.freeze != "head" or recipe.mixup or recipe.cutmix or not isinstance(training, HasFeatures):
        return None
    device = next(network.parameters()).device
    try:
        return FrozenNetwork(network, training.plain(training.dataset[0])[None].to(device).repeat(2, 1, 1, 1))
    except ValueError:
        return None


def features_of(
    frozen: FrozenNetwork, training: Training[Any], dataset: Dataset[Any], path: Path, *, views: int, workers: int
) -> FeatureFile:
    """Compute the features of a data set that are not in the file yet.

    Args:
        frozen: The network.
        training: What the task says.
        dataset: The samples.
        path: Of the file.
        views: The plain sample, and as many changed by chance as there are more.
        workers: Processes that read samples ahead.

    Raises:
        DatasetError: A sample cannot be read; the text names it.
        OSError: There is no room.
    """
    made_of = {
        "data": content_digest(dataset),
        "weights": frozen.digest,
        "preprocessing": _told(training.preset),
        "recipe": _told({name: getattr(training.recipe, name) for name in _VALUES} | {"views": views}),
        "torch": torch.__version__,
    }
    file = FeatureFile(path, (len(dataset), views, frozen.width), made_of)
    loader = DataLoader(
        _Views(training, dataset, views, file.done),
        batch_size=None,
        num_workers=workers if not file.is_whole else 0,
        worker_init_fn=one_thread,
    )
    device = next(frozen.classifier.parameters()).device
    for part in _parts(iter(loader), len(dataset) - file.done):
        stacked = torch.cat(part)
        batches = (stacked[first : first + BATCH] for first in range(0, len(stacked), BATCH))
        features = torch.cat([frozen(inputs.to(device)).cpu() for inputs in batches])
        file.add(features.reshape(-1, views, frozen.width).numpy())
    return file


class _Views(TorchDataset[Any]):
    """The inputs of one sample after the other, `(views, …)`: plain first. What cannot be read is an error's text."""

    def __init__(self, training: Training[Any], dataset: Dataset[Any], views: int, first: int) -> None:
        self._training, self._dataset, self._views, self._first = training, dataset, views, first

    def __len__(self) -> int:
        return len(self._dataset) - self._first

    def __getitem__(self, place: int) -> Tensor | str:
        place += self._first
        sample = self._dataset[place]
        try:
            return self._inputs(sample, place)
        except Exception as error:  # noqa: BLE001 # of a file with anything in it
            return f"{sample.name} cannot be trained on: {error}"

    def _inputs(self, sample: Any, place: int) -> Tensor:
        training = self._training
        assert isinstance(training, HasFeatures)
        inputs = [training.plain(sample)[None]]
        for view in range(1, self._views):
            generator = generator_of(training.recipe.seed, "view", view, place)
            example = training.example(sample, generator)
            inputs.append(training.batch([sample.name], [example], generator).inputs)
        return torch.cat(inputs)


def _parts(inputs: "Iterator[Tensor | str]", count: int) -> Iterator[list[Tensor]]:
    """Yield the inputs of so many samples together."""
    part: list[Tensor] = []
    for number, found in enumerate(inputs, 1):
        if isinstance(found, str):
            raise DatasetError(found)
        part.append(found)
        if len(part) == PART or number == count:
            yield part
            part = []


def content_digest(dataset: Dataset[Any]) -> str:
    """Return the SHA-256 of a data set's samples: what is true of them, and what their files hold.

    Raises:
        DatasetError: A file cannot be read.
    """
    found = hashlib.sha256(dataset.digest.encode())
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        for digest in threads.map(_files_digest, dataset):
            found.update(digest)
    return found.hexdigest()


def _files_digest(sample: Any) -> bytes:
    found = hashlib.sha256()
    try:
        for path in sample.paths:
            with path.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
    except OSError as error:
        raise DatasetError(f"{sample.name} cannot be trained on: {error}") from error
    return found.digest()


def _told(what: Mapping[str, Any] | nn.Module) -> str:
    return hashlib.sha256(str(what).encode()).hexdigest()


def views_of(recipe: Recipe) -> int:
    """Return how many views of each sample are trained on: one where nothing changes them."""
    changes = recipe.crop < 1 or recipe.flip > 0 or recipe.color > 0
    return recipe.views if changes else 1
