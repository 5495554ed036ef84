"""A training of a second: points in four clouds, a network with batch normalisation, and engines for them."""

import math
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from zoo_evaluation import Dataset
from zoo_evaluation.datasets import ClassSample
from zoo_training import Recipe, Training
from zoo_training._engine import Engine
from zoo_training._identity import identity_of
from zoo_training._processes import Processes

RECIPE = Recipe(batch_size=8, epochs=3, lr=0.05, precision="float32", ema_decay=0.9)


def points(count=27):
    samples = tuple(ClassSample(name=f"point {place}", paths=(), label=place % 4) for place in range(count))
    return Dataset(layout="points", root=Path("points"), samples=samples, categories=("a", "b", "c", "d"))


class Points(Training):
    """Noisy corners of a square, and the cross-entropy of their classes."""

    broken: frozenset[str] = frozenset()

    def __init__(self, dataset, recipe):
        self.dataset, self.recipe = dataset, recipe

    def example(self, sample, generator):
        if sample.name in self.broken:
            raise OSError("damaged")
        corner = torch.tensor([float(sample.label % 2), float(sample.label // 2)])
        return corner + 0.2 * torch.randn(2, generator=generator), torch.tensor(sample.label)

    def loss(self, model, batch):
        return {"loss": F.cross_entropy(model(batch.inputs), batch.targets)}


def network(dropout=0.1):
    torch.manual_seed(0)
    # No bias before the normalisation: it has no gradient but rounding, which AdamW would enlarge.
    return nn.Sequential(
        nn.Linear(2, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 4)
    )


def validate(model):
    """Count clean corners that are classified rightly; the loss tells networks apart."""
    model.eval()
    corners = torch.tensor([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    with torch.no_grad():
        loss = F.cross_entropy(model(corners), torch.arange(4))
    return {"likelihood": -loss.item()}


def engine(folder, recipe=RECIPE, *, training=None, model=None, processes=None, check=validate, workers=0):
    folder.mkdir(exist_ok=True)
    training = training or Points(points(), recipe)
    return Engine(
        model or network(), training, folder, check, device=torch.device("cpu"), workers=workers,
        identity=identity_of("points", None, recipe, training.dataset, training.dataset), processes=processes,
    )  # fmt: skip


def trained(folder, recipe=RECIPE, **more):
    """Train to the end, and return weights, and rows without their times."""
    made = engine(folder, recipe, **more)
    journal = made.run()
    return made.model.state_dict(), timeless(journal.rows)


def timeless(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def in_child(work: Callable[[], object]) -> int:
    """Do something in a process of its own; return its status, negative for a signal."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


class Moments:
    """Everything that a process does with the files of a folder, counted: it is killed before one of them."""

    def __init__(self, folder: Path, last: float = math.inf) -> None:
        self.count, self._folder, self._last = 0, str(folder), last
        sys.addaudithook(self._hook)

    def _hook(self, event, arguments):
        if event in {"open", "os.rename", "os.remove", "os.mkdir"} and self._folder in str(arguments[0]):
            self.happened()

    def happened(self):
        self.count += 1
        if self.count > self._last:
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def launched_as(rank: int, count: int, port: int):
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(count)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    from zoo_training._processes import launched

    with launched("cpu") as (processes, _):
        yield processes


def in_processes(count: int, work: Callable[[Processes], object]) -> None:
    """Do something in several processes that know of each other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def one(rank):
        with launched_as(rank, count, port) as processes:
            work(processes)

    children = []
    for rank in range(count):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                one(rank)
                status = 0
            except BaseException as error:  # noqa: BLE001 # told of here, for the parent sees a status alone
                sys.stderr.write(f"process {rank}: {type(error).__name__}: {error}\n")
                sys.stderr.flush()
            finally:
                os._exit(status)
        children.append(child)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert statuses == [0] * count
