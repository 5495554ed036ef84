"""One training in several processes: who one is, and what all of them know together."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

from zoo_core.devices import device_of_process

BUCKET = 8 * 2**20
"""How many numbers are sent at once."""

PATIENCE = timedelta(hours=6)
"""How long processes wait for each other: for a validation that one of them does alone, for instance."""


@dataclass(frozen=True)
class Processes:
    """The processes that train together, seen from one of them.

    Args:
        rank: Which one this is, from 0 on.
        count: How many there are.
        local_count: How many of them are on this machine.
    """

    rank: int = 0
    count: int = 1
    local_count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes and prints."""
        return self.rank == 0

    @property
    def share_a_disk(self) -> bool:
        """Whether all are on one machine."""
        return self.local_count == self.count

    def from_first(self, value: Any) -> Any:  # of any type
        """Return what the first process has called this with."""
        if self.count == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, src=0)
        return values[0]

    def of_all(self, value: Any) -> list[Any]:
        """Return what each process has called this with."""
        values = [value]
        if self.count > 1:
            values = [None] * self.count
            distributed.all_gather_object(values, value)
        return values

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors of one type by the sums over all processes, the same in all of them."""
        if self.count == 1:
            return
        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            distributed.all_reduce(flat)
            for tensor, part in zip(bucket, torch.split(flat, [each.numel() for each in bucket]), strict=True):
                tensor.copy_(part.view_as(tensor))

    def add_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Replace gradients by their sums. What has none in any process keeps none, as in one process alone."""
        if self.count == 1 or not parameters:
            return
        has = torch.tensor([float(each.grad is not None) for each in parameters], device=parameters[0].device)
        distributed.all_reduce(has)
        used = [each for each, number in zip(parameters, has.tolist(), strict=True) if number]
        for each in used:
            if each.grad is None:
                each.grad = torch.zeros_like(each)
        self.add_up([each.grad for each in used if each.grad is not None])

    def copy_from_first(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by those of the first process."""
        if self.count > 1:
            for tensor in tensors:
                whole = tensor.detach().contiguous()
                distributed.broadcast(whole, src=0)
                tensor.detach().copy_(whole)


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and sum(each.numel() for each in bucket) + tensor.numel() > BUCKET:
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket


@contextmanager
def launched(device: str) -> Iterator[tuple[Processes, str]]:
    """Join the processes that `torchrun`, or a library that has begun a process group, has started.

    Args:
        device: What was asked for; on `cuda`, each process gets a GPU of its own.

    Yields:
        The processes, and the device of this one.
    """
    begun = distributed.is_available() and distributed.is_initialized()
    if not begun and not ("RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1):
        yield Processes(), device
        return
    device = device_of_process(device)
    if device.startswith("cuda"):
        torch.cuda.set_device(device)
    if not begun:
        backend = "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo"
        distributed.init_process_group(backend, timeout=PATIENCE)
    count = distributed.get_world_size()
    try:
        yield Processes(distributed.get_rank(), count, int(os.environ.get("LOCAL_WORLD_SIZE", count))), device
    finally:
        if not begun:
            _end_group()


def _end_group() -> None:
    """Leave the process group, and let go of it a moment later.

    Its threads still have to let go of what they hold of Python; PyTorch 2.6 waits for them when the group goes, and
    does not let them.
    """
    group = distributed.group.WORLD
    distributed.destroy_process_group()
    time.sleep(0.1)
    del group
