"""Batches in an order that depends on seed and epoch alone, read ahead by other processes."""

import time
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from zoo_evaluation.datasets import DatasetError

from ._interrupts import leave_to_parent
from ._randomness import generator_of
from ._training import Batch, Share, Training

Key = tuple[int, int]
"""An epoch, and a sample's place in the data set."""


class Examples(Dataset[Any]):
    """The examples of a training, by epoch and place: the same key gives the same example, in whichever process."""

    def __init__(self, training: Training[Any]) -> None:
        self._training = training

    def __getitems__(self, keys: list[Key]) -> Batch | DatasetError:
        try:
            return self._training.read(keys)
        except DatasetError as error:  # raised by `Loader`: a worker's error would come with the worker's traceback
            return DatasetError(str(error))


class Batches(Sampler[list[Key]]):
    """The batches of one epoch after the other. What does not fill a batch comes in another epoch.

    Args:
        count: Samples.
        batch_size: Of all processes together.
        seed: Of the order.
        rank: Which process this is, from 0 on.
        processes: How many there are. Each takes its share of each batch; they differ by one unit at most.
        unit: So many samples, one after the other, come to one process: 2 where pairs are mixed.

    Raises:
        ValueError: There are fewer samples in a batch than processes.
    """

    def __init__(
        self, count: int, batch_size: int, seed: int, rank: int = 0, processes: int = 1, unit: int = 1
    ) -> None:
        self.batch_size = min(batch_size, count)
        if self.batch_size < processes:
            raise ValueError(
                f"{processes} processes share batches of {self.batch_size} samples: each needs at least one. "
                "Give a greater batch_size, which is that of all processes together, or start fewer."
            )
        self.steps = count // self.batch_size
        self._count, self._seed, self._rank, self._processes = count, seed, rank, processes
        self._unit = unit if self.batch_size // unit >= processes else 1
        self._epoch, self._first = 0, 0

    def begin(self, epoch: int, first: int = 0) -> None:
        """Say with which epoch, and which of its steps, the next iteration begins. Others follow by themselves."""
        self._epoch, self._first = epoch, first

    def __iter__(self) -> Iterator[list[Key]]:
        epoch, begun = self._epoch, self._first
        order = torch.randperm(self._count, generator=generator_of(self._seed, "order", epoch)).tolist()
        self.begin(epoch + 1)
        for step in range(begun, self.steps):
            keys = [(epoch, place) for place in order[step * self.batch_size : (step + 1) * self.batch_size]]
            mine = (key for place, key in enumerate(keys) if place // self._unit % self._processes == self._rank)
            yield Share(mine, keys[0])

    def __len__(self) -> int:
        return self.steps - self._first


class Loader(DataLoader[Any]):
    """Reads batches ahead. What a worker cannot read is raised here, by the sample's name."""

    def __iter__(self) -> Any:  # as torch has it
        for batch in super().__iter__():
            if isinstance(batch, DatasetError):
                raise batch
            yield batch

    def close(self) -> None:
        """End the processes that read ahead, which have files open. Another iteration starts new ones."""
        iterator, self._iterator = self._iterator, None
        if iterator is not None:
            iterator._shutdown_workers()  # type: ignore[attr-defined] # of one with workers, which alone is kept


def make_loader(training: Training[Any], batches: Batches, workers: int = 0) -> Loader:
    """Return a loader of the batches of a training, in the order of `batches`.

    Args:
        training: Reads the samples.
        batches: Their order. Each iteration over the loader is an epoch.
        workers: Processes that read ahead; none at 0.

    Example:
        >>> from zoo_training import Batches, make_loader, prepare
        >>> training = prepare("resnet18", "flowers/", {"size": 64}).training
        >>> loader = make_loader(training, Batches(len(training.dataset), batch_size=3, seed=0))
        >>> [batch.inputs.shape for batch in loader]
        [torch.Size([3, 3, 64, 64]), torch.Size([3, 3, 64, 64])]
    """
    return Loader(
        Examples(training),
        batch_sampler=batches,
        collate_fn=_as_it_is,  # type: ignore[arg-type] # of `__getitems__`
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=one_thread,
        pin_memory=False,
    )


def _as_it_is(batch: Batch) -> Batch:
    return batch


def one_thread(_worker: int) -> None:
    """Let a process that reads samples compute with one thread, and end when the training ends."""
    torch.set_num_threads(1)
    leave_to_parent()


def timed(loader: "DataLoader[Any]") -> Iterator[tuple[Batch, float]]:
    """Yield batches with the seconds that were waited for each."""
    iterator = iter(loader)
    while True:
        started = time.perf_counter()
        batch = next(iterator, None)
        if batch is None:
            return
        yield batch, time.perf_counter() - started
