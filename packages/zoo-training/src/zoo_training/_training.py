"""What a task has to say about how its models are trained."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from zoo_core import WeightsEnum
from zoo_core.saved import USAGE
from zoo_evaluation import Dataset
from zoo_evaluation.datasets import DatasetError

from ._randomness import generator_of
from ._recipe import Recipe

S = TypeVar("S")


@dataclass(frozen=True)
class Batch:
    """Samples as a network takes them.

    Args:
        names: Which samples: for messages.
        inputs: What the network is called with, tensors or lists of tensors.
        targets: What is true of them, in the form that the task's loss takes.
    """

    names: tuple[str, ...]
    inputs: Any
    targets: Any

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        return Batch(self.names, _moved(self.inputs, device), _moved(self.targets, device))

    def only(self, place: int) -> "Batch":
        """Return one of its samples, as a batch. Inputs and targets are tensors or lists, an entry a sample."""
        return Batch((self.names[place],), self.inputs[place : place + 1], self.targets[place : place + 1])


def _moved(value: Any, device: torch.device) -> Any:  # nested as it is
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Mapping):
        return {name: _moved(inner, device) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_moved(inner, device) for inner in value)
    return value


class Share(list[tuple[int, int]]):
    """The samples of one process in a step, each by an epoch and its place.

    Args:
        keys: They.
        first: The first sample of all processes' in that step.
    """

    def __init__(self, keys: Iterable[tuple[int, int]] = (), first: tuple[int, int] = (0, 0)) -> None:
        super().__init__(keys)
        self.first = first


class Training(ABC, Generic[S]):
    """How models of a task are trained. A task names its class as `Task.training`.

    It is pickled into the processes that read samples.

    Args:
        dataset: The samples that are trained on.
        recipe: The numbers.
        weights: Of the model that is trained: its preprocessing, by which inputs are made in the end.

    Attributes:
        preset: The preprocessing of the model that is saved.
        usage: What the weights say of how the network is used, such as its least size.
    """

    holds: ClassVar[str]
    """What the data set's samples are, as `zoo_evaluation.datasets.Layout.holds` has it."""

    better: ClassVar[str] = "higher"
    """Whether the number that decides is better when it is `"higher"` or `"lower"`."""

    decides: ClassVar[str] = ""
    """The number of the task's evaluation that tells which network is best; empty for the first."""

    def __init__(self, dataset: Dataset[Any], recipe: Recipe, weights: WeightsEnum) -> None:
        self.dataset = dataset
        self.recipe = recipe
        self.preset = weights.transforms()
        self.usage = {name: weights.meta[name] for name in USAGE if name in weights.meta}

    @classmethod
    def of_network(cls, network: nn.Module) -> "type[Training[Any]]":
        """Return the class for a network, where those of a task learn different things; it has no weights yet."""
        del network
        return cls

    @classmethod
    def selected(cls, train: Dataset[Any], held_out: Dataset[Any]) -> tuple[Dataset[Any], Dataset[Any]]:
        """Return what of data sets is trained on, and measured with: all of it, by default."""
        return train, held_out

    @classmethod
    def usual_recipe(cls, samples: int, *, freeze: str = "", pretrained: bool = True) -> Recipe:
        """Return the recipe that works without being changed.

        Args:
            samples: How many are trained on.
            freeze: As `Recipe.freeze`.
            pretrained: Whether the network has been trained before.
        """
        del samples, pretrained
        return Recipe(freeze=freeze)

    @classmethod
    def categories(cls, dataset: Dataset[Any]) -> tuple[str, ...] | None:
        """Return the classes of a model for a data set, by index; `None` where the task has none.

        Raises:
            DatasetError: The data set does not name them.
        """
        return dataset.categories

    @classmethod
    def check(cls, train: Dataset[Any], held_out: Dataset[Any]) -> list[str]:
        """Look at all samples before a long training.

        Returns:
            What people should know, a sentence each.

        Raises:
            DatasetError: It cannot be trained on.
        """
        del train, held_out
        return []

    def builder_arguments(self, categories: tuple[str, ...] | None) -> dict[str, Any]:
        """Return what the model's builder is called with, for these classes."""
        return {} if categories is None else {"num_classes": len(categories)}

    def facts(self) -> dict[str, Any]:
        """Return what the saved model's `weights.meta` is to say of how it is used."""
        return self.usage

    def check_network(self, network: nn.Module) -> None:
        """Look whether a network takes what the recipe makes of samples, before a long training.

        Args:
            network: Built as the recipe says, on the device `meta`, where shapes alone are computed.

        Raises:
            ValueError: It does not.
        """
        del network

    def caching(self, folder: Path) -> AbstractContextManager[Self]:
        """Return a context in which samples are read from a cache in a folder, if the task has one and it fits.

        Examples are the same with it.
        """
        del folder
        return nullcontext(self)

    @abstractmethod
    def example(self, sample: S, generator: torch.Generator) -> tuple[Any, Any]:
        """Read a sample, and change it by chance: input and target for one step.

        Args:
            sample: One of the data set's.
            generator: Of all randomness, so that the same state gives the same example.

        Raises:
            MediaError: It cannot be read.
        """

    def read(self, keys: Sequence[tuple[int, int]]) -> Batch:
        """Return the batch of samples, each by an epoch and its place: the same keys give the same batch.

        Raises:
            DatasetError: A sample cannot be read; the text names it.
        """
        seed, names, examples = self.recipe.seed, [], []
        for epoch, place in keys:
            sample = self.dataset[place]
            try:
                examples.append(self.example(sample, generator_of(seed, "example", epoch, place)))
            except Exception as error:
                raise DatasetError(f"{sample.name} cannot be trained on: {error}") from error
            names.append(sample.name)
        epoch, place = keys.first if isinstance(keys, Share) else keys[0]
        return self.batch(names, examples, generator_of(seed, "batch", epoch, place))

    def batch(self, names: Sequence[str], examples: Sequence[tuple[Any, Any]], generator: torch.Generator) -> Batch:
        """Put examples together: stacked, by default.

        Several processes have a share of a batch each, and the same state of `generator`. What is mixed among examples
        is the same as in one process if it is mixed in pairs: the first two, the next two, and so on.
        """
        del generator
        return Batch(
            tuple(names),
            torch.stack([inputs for inputs, _ in examples]),
            torch.stack([target for _, target in examples]),
        )

    @abstractmethod
    def loss(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return the losses of a batch, by name, each the mean over its samples; their sum is minimised.

        Each step has the same names.
        """

    def following(self, recipe: Recipe) -> Self:
        """Return the same with another recipe, of which precision alone differs."""
        from copy import copy

        other = copy(self)
        other.recipe = recipe
        return other

    def part(self, dataset: Dataset[Any]) -> Self:
        """Return the same for other samples."""
        from copy import copy

        other = copy(self)
        other.dataset = dataset
        return other
